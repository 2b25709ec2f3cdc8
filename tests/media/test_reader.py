"""Read-ahead of images: in disk order, with few open files, and the right image for each row."""

from __future__ import annotations

import gc
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from m3it_builder.errors import SourceChangedError
from m3it_builder.media import reader as module
from m3it_builder.media.loaded_image import Loaded
from m3it_builder.media.reader import ImageReader, key_of, read_ahead
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.records import File, Image, Instance, Location, Record, Slice, Turn
from m3it_builder.sources.archives import list_members
from tests.support.images import encoded

COUNT = 900
Stored = list[tuple[Location, bytes]]  # locations with their content


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Return loose files and members of a zip, shuffled."""
    folder = tmp_path_factory.mktemp("images")
    image = encoded("RGB", "JPEG")
    data = [image + b"%d" % number for number in range(COUNT)]
    stored: Stored = []
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for number in range(0, COUNT, 2):
            archive.writestr(f"{number}.jpg", data[number])
    for member in list_members(folder / "all.zip"):
        assert isinstance(member.location, Slice)
        stored.append((member.location, data[int(member.name.removesuffix(".jpg"))]))
    for number in range(1, COUNT, 2):
        path = folder / f"{number}.jpg"
        path.write_bytes(data[number])
        stored.append((File.of(str(path), path.stat()), data[number]))
    random.Random(3).shuffle(stored)
    return stored


def rows(stored: Stored) -> Iterator[Instance]:
    for number, (location, _) in enumerate(stored):
        image = Image(f"raw/{number}.jpg", None, location)
        yield Instance(
            task="task",
            split="train",
            instruction="look",
            inputs="?",
            outputs="!",
            lang="en",
            license="l",
            image_license="l",
            record=Record(id=str(number), turns=(Turn("?", "!"),), images=(image,)),
        )


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("is_cached", [True, False])
def test_every_row_gets_its_own_image(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, is_cached: bool
) -> None:
    monkeypatch.setattr(module, "_is_cached", lambda _: is_cached)
    monkeypatch.setattr(module, "WINDOW_BYTES", 40_000)
    monkeypatch.setattr(module, "PREFETCH_BYTES", 700_000)
    prefetched: list[tuple[str, int]] = []
    advise = os.posix_fadvise

    def spy(descriptor: int, offset: int, length: int, advice: int) -> None:
        prefetched.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), offset))
        advise(descriptor, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", spy)
    gc.collect()  # files that earlier tests left to it
    before = open_files()
    max_open = count = 0
    with ImageReader(1 << 20, 1 << 20, VideoPlan()) as reader:
        for window, images in read_ahead(rows(stored), reader):
            max_open = max(max_open, open_files() - before)
            for row in window:
                loaded = images[key_of(row.record.images[0])]
                assert isinstance(loaded, Loaded)
                assert loaded.images[0].data == stored[count][1]
                count += 1
    assert count == COUNT
    assert open_files() == before, "no file is left open"
    assert max_open < 450
    if is_cached:
        assert prefetched == []
    else:
        assert len(prefetched) > COUNT // 2
        assert prefetched[:200] == sorted(prefetched[:200]), "prefetched in disk order"


def test_page_cache_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(encoded("RGB", "JPEG"))
    assert module._is_cached(File.of(str(path), path.stat()))
    assert not module._is_cached(File(str(tmp_path / "gone.jpg"), 1, 1, 1))


def test_file_changed_after_it_was_located(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may belong to other texts, so nothing is built from it, even with size and mtime set."""
    monkeypatch.setattr(module, "_is_cached", lambda _: False)
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    stored: Stored = []
    for path in paths:
        path.write_bytes(encoded("RGB", "JPEG"))
        stored.append((File.of(str(path), path.stat()), b""))
    state = paths[0].stat()
    paths[0].write_bytes(bytes(state.st_size))
    os.utime(paths[0], ns=(state.st_atime_ns, state.st_mtime_ns))
    paths[1].write_bytes(encoded("RGB", "JPEG") + b"more" * 9_000)
    paths[2].write_bytes(encoded("RGB", "JPEG")[:300])
    paths[3].unlink()
    with ImageReader(1 << 20, 1 << 20, VideoPlan()) as reader:
        for one in stored[:3]:
            with pytest.raises(SourceChangedError, match=r"\d\.jpg has changed .*repeat"):
                list(read_ahead(rows([one]), reader))
        ((window, images),) = list(read_ahead(rows(stored[3:]), reader))
    (result,) = [images[key_of(row.record.images[0])] for row in window]
    assert str(result).startswith("image_missing")


def test_image_of_many_rows_is_read_about_once(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consecutive questions about one image do not fill a window."""
    monkeypatch.setattr(module, "WINDOW_BYTES", 8 * len(stored[0][1]))
    repeated = [entry for entry in stored[:40] for _ in range(10)]
    with ImageReader(1 << 20, 1 << 20, VideoPlan()) as reader:
        windows = list(read_ahead(rows_named_by_location(repeated), reader))
    reads = sum(len(images) for _, images in windows)
    assert 40 <= reads <= 40 + len(windows) <= 48
    results = [images[key_of(row.record.images[0])] for window, images in windows for row in window]
    assert all(isinstance(loaded, Loaded) for loaded in results)
    assert [loaded.images[0].data for loaded in results] == [data for _, data in repeated]  # type: ignore[union-attr]


def rows_named_by_location(stored: Stored) -> Iterator[Instance]:
    for row, (location, _) in zip(rows(stored), stored, strict=True):
        image = Image(f"raw/{location.path}/{getattr(location, 'offset', 0)}", None, location)
        yield replace(row, record=replace(row.record, images=(image,)))
