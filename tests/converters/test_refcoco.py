"""RefCOCO: regions drawn on the image, or as coordinates in the text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.reader import BuiltRow, read_rows, read_units
from m3it_builder.media.images import COLORS
from tests.support.paths import FIXTURES


def build(name: str, sources: Path, out: Path) -> dict[str, BuiltRow]:
    task = load_task(name)
    Build(sources=sources, out=out, plan=Plan(max_reject_share=1.0)).unit(task, "train")
    return {row.row.id: row for row in read_rows(out / name, read_units(out / name)[0])}


def test_images_change_only_where_regions_are_drawn(tmp_path: Path) -> None:
    """With coordinates the source's bytes are kept; a drawn image keeps their digest."""
    sources = FIXTURES / "refcoco" / "source"
    drawn = {name: build(name, sources, tmp_path) for name in ("refcoco", "refcoco-locate")}
    coordinates = {name: build(f"{name}-text", sources, tmp_path) for name in drawn}
    for name, rows in coordinates.items():
        assert set(drawn[name]) <= set(rows)
        for key, row in rows.items():
            (image,) = row.row.images
            original = (sources / image.name).read_bytes()
            assert row.images == (original,)
            assert image.digest == image.source_digest
            assert json.loads(getattr(row.row, "outputs" if name.endswith("locate") else "inputs"))
            if (other := drawn[name].get(key)) is None:
                continue
            assert other.images != row.images
            (drawn_image,) = other.row.images
            assert drawn_image.source_digest == image.source_digest != drawn_image.digest
            assert edge_color(other) == pytest.approx(COLORS[other.row.regions[-1].color], abs=110)


def edge_color(row: BuiltRow) -> tuple[int, ...]:
    """Return a pixel of the line left of the last box, which is on top."""
    x0, y0, _, y1 = row.row.regions[-1].box
    image = Image.open(io.BytesIO(row.images[0])).convert("RGB")
    pixel = image.getpixel((max(0, int(x0) - 2), int(y0 + y1) // 2))
    return tuple(pixel) if isinstance(pixel, tuple) else (int(pixel or 0),) * 3
