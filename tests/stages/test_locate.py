"""Locating images: other extensions and alternative names, without opening a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import Record, Source, load_task
from m3it_builder.records import File, Frames, Image, Pixels
from m3it_builder.stages.locate import locate
from m3it_builder.tasks.opening import open_source

SOURCE = "okvqa-annotations"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Return a source with an image, a video and an array; their contents are never read."""
    folder = tmp_path / SOURCE
    folder.mkdir()
    for name in ("a.png", "b.webm", "c.npy", "d.x.JPG"):
        (folder / name).write_bytes(b"not an image")
    return open_source(load_task("okvqa"), "train", tmp_path)


def located(source: Source, *images: Image) -> tuple[list[Record], list[tuple[str, str, str]]]:
    rejects: list[tuple[str, str, str]] = []
    records = [Record(id="1", turns=(), images=images)]
    found = list(locate(records, source, lambda s, r: rejects.append((s, r.reason, r.detail))))
    return found, rejects


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image(f"{SOURCE}/a.png"), "a.png"),
        (Image(f"{SOURCE}/a.jpg"), "a.png"),
        (Image(f"{SOURCE}/d.x.jpg"), "d.x.JPG"),
        (Image(f"{SOURCE}/b.mp4", selection=Frames(8)), "b.webm"),
        (Image(f"{SOURCE}/c.npy", selection=Pixels(0)), "c.npy"),
        (Image(f"{SOURCE}/z.jpg", other_names=(f"{SOURCE}/y.jpg", f"{SOURCE}/a.png")), "a.png"),
        (Image(f"{SOURCE}/z.jpg", other_names=(f"{SOURCE}/a.gif",)), "a.png"),
    ],
)
def test_name_and_location_of_the_file(source: Source, image: Image, expected: str) -> None:
    ((record,), rejects) = located(source, image)
    assert rejects == []
    (result,) = record.images
    assert result.name == f"{SOURCE}/{expected}"
    assert isinstance(result.location, File)
    assert result.location.path.endswith(f"/{SOURCE}/{expected}")
    assert result.other_names == ()
    assert result.selection == image.selection


@pytest.mark.parametrize(
    "image",
    [
        Image(f"{SOURCE}/missing.jpg"),
        Image(f"{SOURCE}/b.jpg"),
        Image(f"{SOURCE}/a.mp4", selection=Frames(8)),
        Image(f"{SOURCE}/c.png", selection=Pixels(0)),
        Image(f"{SOURCE}/a"),
    ],
    ids=["missing", "video as image", "image as video", "array", "no extension"],
)
def test_missing_image_rejects_the_record(source: Source, image: Image) -> None:
    assert located(source, Image(f"{SOURCE}/a.png"), image) == (
        [],
        [("locate", "image_missing", image.name)],
    )


def test_records_without_images_and_embedded_images_pass(source: Source) -> None:
    assert located(source) == ([Record(id="1", turns=())], [])
    embedded = Image("anywhere", location=File("/x", 1, 1, 1))
    ((record,), _) = located(source, embedded)
    assert record.images == (embedded,)
