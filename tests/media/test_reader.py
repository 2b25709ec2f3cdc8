"""Reading images ahead: in disk order, with few files open, and never another image."""

from __future__ import annotations

import os
import random
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder.media import reader as reading
from m3it_builder.media.loaded import Loaded
from m3it_builder.media.reader import ImageReader, key_of, read_ahead
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.records import File, Image, Location, Record, Row, Slice, Turn
from m3it_builder.sources.archives import list_members
from tests.media.test_images import encoded

COUNT = 900


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Location, bytes]]:
    """Return places with what lies there: loose files and members of a zip, shuffled."""
    folder = tmp_path_factory.mktemp("images")
    image = encoded("RGB", "JPEG")
    data = [image + b"%d" % number for number in range(COUNT)]
    found: list[tuple[Location, bytes]] = []
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for number in range(0, COUNT, 2):
            archive.writestr(f"{number}.jpg", data[number])
    for member in list_members(folder / "all.zip"):
        assert isinstance(member.location, Slice)
        found.append((member.location, data[int(member.name.removesuffix(".jpg"))]))
    for number in range(1, COUNT, 2):
        path = folder / f"{number}.jpg"
        path.write_bytes(data[number])
        found.append((File(str(path), len(data[number]), path.stat().st_mtime_ns), data[number]))
    random.Random(3).shuffle(found)
    return found


def rows(places: list[tuple[Location, bytes]]) -> Iterator[Row]:
    for number, (location, _) in enumerate(places):
        image = Image(f"raw/{number}.jpg", None, location)
        record = Record(id=str(number), turns=(Turn("?", "!"),), images=(image,))
        yield Row(
            instruction="look",
            inputs="?",
            outputs="!",
            lang="en",
            license="l",
            image_license="l",
            record=record,
        )


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("cached", [True, False])
def test_every_row_gets_its_own_image(
    places: list[tuple[Location, bytes]], monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    monkeypatch.setattr(reading, "_is_cached", lambda _: cached)
    monkeypatch.setattr(reading, "WINDOW_BYTES", 40_000)
    monkeypatch.setattr(reading, "STRETCH_BYTES", 700_000)
    told: list[tuple[str, int]] = []
    advise = os.posix_fadvise

    def spy(descriptor: int, offset: int, length: int, advice: int) -> None:
        told.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), offset))
        advise(descriptor, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", spy)
    before = open_files()
    most = seen = 0
    with ImageReader(1 << 20, 1 << 20, VideoPlan()) as reader:
        for window, data in read_ahead(rows(places), reader):
            most = max(most, open_files() - before)
            for row in window:
                taken = data[key_of(row.record.images[0])]
                assert isinstance(taken, Loaded)
                assert taken.images[0].data == places[seen][1]
                seen += 1
    assert seen == COUNT
    assert open_files() == before, "nothing is left open"
    assert most < 450
    if cached:
        assert told == []
    else:
        assert len(told) > COUNT // 2
        assert told[:200] == sorted(told[:200]), "one way over the disk"


def test_whether_a_file_is_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(encoded("RGB", "JPEG"))
    state = path.stat()
    assert reading._is_cached(File(str(path), state.st_size, state.st_mtime_ns))
    assert not reading._is_cached(File(str(tmp_path / "gone.jpg"), 1, 1))


def test_a_file_that_changes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is the file as it is then, whole: longer, shorter, or gone."""
    monkeypatch.setattr(reading, "_is_cached", lambda _: False)
    places: list[tuple[Location, bytes]] = []
    for number in range(3):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(encoded("RGB", "JPEG"))
        places.append((File(str(path), path.stat().st_size, 1), b""))
    longer = encoded("RGB", "JPEG") + b"more" * 9_000
    (tmp_path / "0.jpg").write_bytes(longer)
    (tmp_path / "1.jpg").write_bytes(longer[:300])
    (tmp_path / "2.jpg").unlink()
    with ImageReader(1 << 20, 1 << 20, VideoPlan()) as reader:
        ((window, data),) = list(read_ahead(rows(places), reader))
    found = [data[key_of(row.record.images[0])] for row in window]
    assert isinstance(found[0], Loaded)
    assert found[0].images[0].data == longer
    assert isinstance(found[1], Loaded)
    assert str(found[1].images[0].header).startswith("image_truncated")
    assert str(found[2]).startswith("image_missing")


def test_a_image_of_many_rows_is_read_once_as_a_rule(
    places: list[tuple[Location, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions about one image stand together; they fill no window."""
    monkeypatch.setattr(reading, "WINDOW_BYTES", 8 * len(places[0][1]))
    repeated = [location for location in places[:40] for _ in range(10)]
    with ImageReader(1 << 20, 1 << 20, VideoPlan()) as reader:
        windows = list(read_ahead(_named_alike(repeated), reader))
    reads = sum(len(data) for _, data in windows)
    assert 40 <= reads <= 40 + len(windows) <= 48
    found = [data[key_of(row.record.images[0])] for window, data in windows for row in window]
    assert all(isinstance(taken, Loaded) for taken in found)
    assert [taken.images[0].data for taken in found] == [data for _, data in repeated]  # type: ignore[union-attr]


def _named_alike(places: list[tuple[Location, bytes]]) -> Iterator[Row]:
    for row, (location, _) in zip(rows(places), places, strict=True):
        image = Image(f"raw/{location.path}/{getattr(location, 'offset', 0)}", None, location)
        yield replace(row, record=replace(row.record, images=(image,)))
