"""Traps of official files that no single fixture can hold.

Other layouts people have, options that read other files, files odd as a whole.
Traps of single records lie in the fixtures, ``tests/fixtures/<task>/make.py``.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from PIL import Image

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.build.text_phase import instances
from m3it_builder.dataset.reader import BuiltRow, read_rows, read_units
from m3it_builder.errors import ConvertError, SourceError
from m3it_builder.media.images import COLORS, draw
from m3it_builder.records import Instance, Region, Reject, Split
from m3it_builder.samples import coco as coco_sample
from m3it_builder.samples import flickr8k_cn as flickr_sample
from m3it_builder.samples.files import write_bytes, write_coco
from m3it_builder.samples.world import World
from m3it_builder.sources.restricted_pickle import load_restricted
from m3it_builder.sources.source import Source
from m3it_builder.tasks.registry import Task, task_names, variants_of
from m3it_builder.tasks.sampling import write_sample
from tests.formats.test_formats import plain
from tests.support.paths import FIXTURES

WORLD = World(width=48, height=36)


def read(task: Task, split: Split, sources: Path) -> tuple[list[Instance], list[tuple[str, str]]]:
    """Return what the text phase makes of a source: instances, and (id, reason) of rejects."""
    rejects: list[tuple[str, str]] = []

    def sink(_: str, reject: Reject) -> None:
        rejects.append((reject.id, reject.reason))

    return list(instances(task, Source(task, split, sources), Plan(), sink)), rejects


def layouts() -> Iterator[Any]:
    """Yield every layout that a source card of a task lists, once."""
    seen: set[tuple[str, int]] = set()
    for fixture in task_names():
        base = load_task(fixture)
        for task in (base, *variants_of(base)):
            names = {name for split in task.card.splits for name in task.card.sources_of(split)}
            for name in sorted(names):
                for number, layout in enumerate(task.sources[name].layouts):
                    if (name, number) not in seen:
                        seen.add((name, number))
                        label = f"{name}:{layout.start or '.'}>{layout.other or '.'}"
                        yield pytest.param(fixture, task, name, number, id=label)


@pytest.mark.parametrize(("fixture", "task", "name", "number"), list(layouts()))
def test_other_layouts_give_the_same_rows(
    fixture: str, task: Task, name: str, number: int, tmp_path: Path
) -> None:
    original, copy = FIXTURES / fixture / "source", tmp_path / "src"
    layout, moved = task.sources[name].layouts[number], 0
    for path in sorted(path for path in original.rglob("*") if path.is_file()):
        place = path.relative_to(original).as_posix()
        start = f"{name}/{layout.start}"
        if place.startswith(start):
            place = f"{name}/{layout.other.replace('*', 'top')}{place[len(start) :]}"
            moved += 1
        write_bytes(copy / place, path.read_bytes())
    assert moved, "the fixture has files that the layout speaks of"
    for split in task.card.splits:
        assert outcome(task, split, copy) == outcome(task, split, original)


def outcome(task: Task, split: Split, sources: Path) -> tuple[Any, ...]:
    rows, rejects = read(task, split, sources)
    names = [[image.name for image in row.record.images] for row in rows]
    return [(row.record.id, row.inputs, row.outputs) for row in rows], names, rejects


def flickr(tmp_path: Path, kind: str, ending: str) -> Path:
    """Write captions of another kind, for three photos of which two are listed."""
    for number in (1, 2, 3):
        flickr_sample.draw(WORLD, tmp_path, number)
    flickr_sample.write_split(tmp_path, "test", [flickr_sample.stem(n) for n in (1, 2)])
    tag = "zhm" if kind == "zhmtest" else kind
    lines = [
        f"{flickr_sample.stem(number)}.jpg#{tag}#{n} {text}"
        for n in range(5)
        for number in (1, 2, 3)
        for text in (flickr_sample.sentences(WORLD, number)[n],)
    ]
    flickr_sample.write_lines(tmp_path, f"flickr8k{kind}.{ending}.txt", lines)
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "ending"), [("zhmtest", "captions"), ("zhb", "caption"), ("enc", "caption")]
)
def test_flickr8k_cn_of_other_kinds(tmp_path: Path, kind: str, ending: str) -> None:
    task = load_task("flickr8k-cn").with_options({"sentences": kind})
    rows, rejects = read(task, "test", flickr(tmp_path, kind, ending))
    assert [row.record.id.partition("#")[0] for row in rows] == [
        flickr_sample.stem(n) for n in (1, 2)
    ]
    assert {reason for _, reason in rejects} == {"not_chosen"}


def test_flickr8k_cn_every_sentence(tmp_path: Path) -> None:
    task = load_task("flickr8k-cn").with_options({"captions": "all"})
    rows, rejects = read(task, "test", flickr(tmp_path, "zhc", "caption"))
    wanted = {
        f"{flickr_sample.stem(number)}#{n}": text
        for number in (1, 2)
        for n, text in enumerate(flickr_sample.sentences(WORLD, number))
    }
    assert ({row.record.id: row.outputs for row in rows}, rejects) == (wanted, [])


@pytest.mark.parametrize("count", [2, 3, 8])
def test_imagenet_offers_as_many_classes_as_told(count: int) -> None:
    task = load_task("imagenet").with_options({"candidates": str(count)})
    rows, _ = read(task, "train", FIXTURES / "imagenet" / "source")
    assert rows
    for row in rows:
        (turn,) = row.record.turns
        assert len(set(turn.choices)) == len(turn.choices) == count
        assert turn.choices[turn.gold or 0] == turn.answer


def test_no_right_caption_among_the_wrong_ones(tmp_path: Path) -> None:
    """Most captions here are those of the neighbour too: right for both, wrong for neither."""
    images = []
    for place in range(1, 25):
        entry = coco_sample.image(WORLD, "train", "train2014", place)
        for n, sentence in enumerate(entry["sentences"][:4]):
            sentence["raw"] = f"Zebra number {n} of herd {place // 2} in the grass."
        images.append(entry)
    alone = coco_sample.image(WORLD, "val", "val2014", 1)
    coco_sample.write_images(tmp_path, [*images, alone])
    write_coco(tmp_path, WORLD, "train2014", range(1, 25))
    write_coco(tmp_path, WORLD, "val2014", [1])
    rows, rejects = read(load_task("coco-itm"), "train", tmp_path)
    assert (len(rows), rejects) == (24, [])
    own = {str(p["cocoid"]): {s["raw"] for s in p["sentences"]} for p in images}
    golds = set()
    for row in rows:
        (turn,) = row.record.turns
        assert len(set(turn.choices)) == 5
        assert own[row.record.id].intersection(turn.choices) == {turn.answer}
        golds.add(turn.gold)
    assert golds == {0, 1, 2, 3, 4}, "the right one stands anywhere"
    number = str(alone["cocoid"])
    assert read(load_task("coco-itm"), "validation", tmp_path) == (
        [],
        [(number, "too_few_captions")],
    )


@pytest.mark.parametrize("ending", ["query", "output"])
def test_shapes_whose_lines_do_not_pair(tmp_path: Path, ending: str) -> None:
    task = load_task("shapes")
    write_sample(task, tmp_path, 4)
    path = tmp_path / "shapes" / f"val.{ending}"
    write_bytes(path, b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(ConvertError, match=r"shapes/validation: .*zip\(\)"):
        read(task, "validation", tmp_path)


def test_second_version_is_not_taken_for_the_first(tmp_path: Path) -> None:
    """COCO-Text has other instances in version 2; what is missing is named."""
    task = load_task("coco-text")
    write_sample(task, tmp_path, 2)
    folder = tmp_path / "coco-text-v1"
    (folder / "COCO_Text.json").rename(folder / "cocotext.v2.json")
    with pytest.raises(SourceError, match=r"COCO_Text\.json is not there"):
        read(task, "train", tmp_path)


@given(plain)
def test_pickled_texts_may_be_unicode(value: Any) -> None:
    """Texts that came from JSON are unicode objects in Python 2, not byte strings."""
    for protocol in (0, 1, 2):
        assert load_restricted(pickle.dumps(value, protocol), "refs.p") == value


def test_pickles_of_text_mode() -> None:
    """Protocol 0 is lines of ASCII: bytes beyond it are escaped, long numbers end in L."""
    data = b"(lp0\n(dp1\nS'sent'\np2\nS'caf\\xc3\\xa9'\np3\nsS'ref_id'\nL12L\nsS'area'\nF2.5\nsa."
    assert load_restricted(data, "refs.p") == [{"sent": "café", "ref_id": 12, "area": 2.5}]


def test_marks_and_cells_of_text_files(tmp_path: Path) -> None:
    """A byte order mark is no part of the first name; a cell may be longer than csv allows."""
    page = 'a page, with "quotes"\n' * 10_000
    quoted = page.replace('"', '""')
    folder = tmp_path / "imagenet-1k-kaggle"
    write_bytes(folder / "mark.txt", b"\xef\xbb\xbfn01 tench\nn02 crane\n")
    write_bytes(folder / "long.csv", f'\ufeff,text\n1,"{quoted}"\n'.encode())
    source = Source(load_task("imagenet"), "train", tmp_path)
    assert list(source.text("imagenet-1k-kaggle/mark.txt")) == ["n01 tench", "n02 crane"]
    assert list(source.csv("imagenet-1k-kaggle/long.csv")) == [{"": "1", "text": page}]


@pytest.mark.parametrize("tag", [0, 9])
def test_orientation_that_is_none(tag: int) -> None:
    """Images of ImageNet carry orientation 0: they are to be shown as they are."""
    outcomes = []
    for orientation in (1, tag):
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        Image.linear_gradient("L").resize((60, 40)).save(buffer, "PNG", exif=exif)
        drawn = draw(buffer.getvalue(), [Region((5, 5, 20, 30))], (60, 40), None)
        outcomes.append((drawn.width, drawn.height, Image.open(io.BytesIO(drawn.data)).tobytes()))
    assert outcomes[0] == outcomes[1]


def built(name: str, sources: Path, out: Path) -> dict[str, BuiltRow]:
    task = load_task(name)
    Build(sources=sources, out=out, plan=Plan(max_reject_share=1.0)).unit(task, "train")
    return {row.texts["id"]: row for row in read_rows(out / name, read_units(out / name)[0])}


def test_images_change_only_where_regions_are_drawn(tmp_path: Path) -> None:
    """Coordinates leave the source's bytes alone; boxes do not, and say what they were."""
    sources = FIXTURES / "refcoco" / "source"
    drawn = {name: built(name, sources, tmp_path) for name in ("refcoco", "refcoco-locate")}
    told = {name: built(f"{name}-text", sources, tmp_path) for name in drawn}
    for name, rows in told.items():
        assert set(drawn[name]) <= set(rows)
        for key, row in rows.items():
            (image,) = row.texts["images"]
            original = (sources / image["name"]).read_bytes()
            assert row.images == (original,)
            assert image["digest"] == image["source_digest"]
            assert json.loads(row.texts["outputs" if name.endswith("locate") else "inputs"])
            if (other := drawn[name].get(key)) is None:
                continue
            assert other.images != row.images
            (shown,) = other.texts["images"]
            assert shown["source_digest"] == image["source_digest"] != shown["digest"]
            assert edge_color(other) == pytest.approx(COLORS[shown_last(other)["color"]], abs=110)


def shown_last(row: BuiltRow) -> dict[str, Any]:
    """Return the region that lies on top of all others."""
    region: dict[str, Any] = row.texts["regions"][-1]
    return region


def edge_color(row: BuiltRow) -> tuple[int, ...]:
    """Return a pixel of the line left of the topmost box."""
    x0, y0, _, y1 = shown_last(row)["box"]
    image = Image.open(io.BytesIO(row.images[0])).convert("RGB")
    pixel = image.getpixel((max(0, int(x0) - 2), int(y0 + y1) // 2))
    return tuple(pixel) if isinstance(pixel, tuple) else (int(pixel or 0),) * 3


def test_one_destroyed_frame_among_ninety() -> None:
    """Decoders patch a damaged frame and go on without a word; it is refused, or left out."""
    pytest.importorskip("av")
    from m3it_builder.media.video import BadVideo, pyav
    from tests.support import clips

    data = bytearray(clips.clip(90, "matroska", "libx264", g="12"))
    middle = len(data) // 2
    data[middle] ^= 0xFF
    data[middle + 1] ^= 0xFF
    with pytest.raises(BadVideo, match="video_damaged") as caught:
        pyav.read_clip(io.BytesIO(data), 90, "ends", "strict", 10**6)
    assert "corrupt" in caught.value.detail
    assert pyav.read_clip(io.BytesIO(data), 8, "ends", "salvage", 10**6).total == 89
