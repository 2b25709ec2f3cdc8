"""Layouts of quality databases: scenes blurred to five degrees, with scores on several scales."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import ImageFilter

from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import World, paint

IMAGES = "iqa-dataset-images"
_FIRST = {"training": 24_000_000, "validation": 25_000_000, "test": 26_000_000}
_BLUR = (14, 7, 4, 2, 0)  # pixels of a width of 160, from the worst degree to the best
_CONTENTS = 7  # distinct images of a database, at least; of 7, one is for validation, one for test
# Name: format of the images, worst and best score, and whether there are references.
DATABASES = {
    "SPAQ": ("jpg", 0.0, 100.0, False),
    "LIVE_Challenge": ("bmp", 0.0, 100.0, False),
    "KADID-10k": ("png", 1.0, 5.0, True),
    "TID2013": ("bmp", 0.0, 9.0, True),
    "PIPAL": ("bmp", 900.0, 1800.0, True),
    "CSIQ": ("png", 1.0, 0.0, True),
    "LIVE": ("bmp", 100.0, 0.0, True),
}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split of KonIQ-10k, and a few of every database."""
    rows = []
    for part, first in _FIRST.items():
        rows += [official(world, sources, part, first + index) for index in range(count)]
    write_official(sources, rows)
    for position, name in enumerate(DATABASES):
        first = 27_000_000 + 100_000 * position
        write_list(sources, name, listed(world, sources, name, first, 1 + count // 50))


def official(world: World, sources: Path, part: str, number: int) -> list[str]:
    """Write an image and return its row of KonIQ-10k's own file."""
    # The ends of the scale exist, however few images there are.
    ends = {_FIRST["training"]: 4, _FIRST["validation"]: 0}
    degree = ends.get(number, world.rng(f"iqa/{number}").randrange(5))
    name = f"{number}.jpg"
    _write_blurred(sources / IMAGES / "KonIQ-10k/1024x768" / name, world, number, degree)
    votes = [str(float(place == degree)) for place in range(5)]
    return [name, *votes, "100", str(25.0 * degree), "0.5", part]


def write_official(sources: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write KonIQ-10k's own file."""
    header = ["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "set"]
    path = sources / "koniq-10k-sets" / "koniq10k_distributions_sets.csv"
    _write_csv(path, [header, *rows])


def listed(world: World, sources: Path, name: str, first: int, versions: int) -> list[list[str]]:
    """Write images of a database of IQA-Dataset and return their rows."""
    suffix, worst, best, has_reference = DATABASES[name]
    rows = []
    for index in range(_CONTENTS * versions):
        number = first + (index // versions if has_reference else index)
        degree = {0: 4, 1: 0}.get(index, world.rng(f"iqa/{name}/{index}").randrange(5))
        path = f"{name}/images/{number}_{index % versions}.{suffix}"
        _write_blurred(sources / IMAGES / path, world, number, degree)
        score = str(round(worst + (best - worst) * degree / 4, 4))
        reference = f"{name}/reference/{number}.{suffix}"
        rows.append([path, "Blur", reference, score] if has_reference else [path, "Any", score])
    return rows


def write_list(sources: Path, name: str, rows: Iterable[Sequence[str]]) -> None:
    """Write the list of a database; those without reference images lack a column."""
    rows = list(rows)
    header = ["dis_img_path", "dis_type", "ref_img_path", "score"]
    if len(rows[0]) < len(header):
        header.remove("ref_img_path")
    _write_csv(sources / "iqa-dataset-scores" / f"{name}.txt", [header, *rows])


def _write_blurred(path: Path, world: World, number: int, degree: int) -> None:
    canvas = paint(world.scene(number))
    radius = _BLUR[degree] * canvas.width / 160
    data = io.BytesIO()
    kind = {"jpg": "JPEG", "png": "PNG", "bmp": "BMP"}[path.suffix[1:]]
    canvas.filter(ImageFilter.GaussianBlur(radius)).save(data, kind)
    write_bytes(path, data.getvalue())


def _write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_bytes(path, text.getvalue().encode())
