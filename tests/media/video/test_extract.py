"""Frames from the worker process: cached, with a time limit, and replaced after a crash."""

from __future__ import annotations

import io
import os
import signal
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("av")

from m3it_builder.errors import BuildError
from m3it_builder.media.loaded_image import Loaded
from m3it_builder.media.probe import BadImage
from m3it_builder.media.video.extract import FrameReader, VideoPlan, require_backend
from m3it_builder.records import File, Frames
from m3it_builder.sources.archive_index import ArchiveIndex
from tests.support import clips

EIGHT = Frames(8, "ends")


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FrameReader]:
    """Return a reader whose temporary folder must stay empty."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    reader = FrameReader(VideoPlan(), 10**8)
    yield reader
    reader.close()
    assert not list(temporary.iterdir()), "no temporary files are left"


def location_of(path: Path) -> File:
    return File.of(str(path), path.stat())


def numbers(result: Loaded | BadImage) -> list[int]:
    assert isinstance(result, Loaded), result
    return [clips.number_of(Image.open(io.BytesIO(image.data))) for image in result.images]


def process_of(reader: FrameReader) -> int:
    assert reader._process is not None
    return reader._process.pid


def test_metadata_describes_the_frames(frames: FrameReader, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(90, "mp4", "libx264"))
    result = frames.read(location_of(path), EIGHT)
    assert numbers(result) == [0, 13, 25, 38, 51, 64, 76, 89]
    assert isinstance(result, Loaded)
    assert result.metadata == {
        "total": 90,
        "indices": [0, 13, 25, 38, 51, 64, 76, 89],
        "times": [0.0, 1.625, 3.125, 4.75, 6.375, 8.0, 9.5, 11.125],
        "rule": "ends",
        "decoder": "pyav",
    }


def test_video_is_decoded_once(frames: FrameReader, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    location = location_of(path)
    first = frames.read(location, EIGHT)
    path.unlink()
    assert frames.read(location, EIGHT) is first
    missing = frames.read(location, Frames(4, "ends"))
    assert isinstance(missing, BadImage)
    assert missing.reason == "image_missing"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_videos_inside_archives(frames: FrameReader, tmp_path: Path, compression: int) -> None:
    path = tmp_path / "clips.zip"
    with zipfile.ZipFile(path, "w", compression) as out:
        out.writestr("TrainVal/video7.mp4", clips.clip(90, "mp4", "libx264"))
        out.writestr("TrainVal/video8.mp4", clips.clip(5, "webm", "libvpx"))
    index = ArchiveIndex(path, tmp_path)
    seven, eight = index.find("TrainVal/video7.mp4"), index.find("TrainVal/video8.mp4")
    assert seven is not None
    assert eight is not None
    assert numbers(frames.read(seven, EIGHT))[-1] == 89
    assert numbers(frames.read(eight, Frames(5, "ends"))) == [*range(5)]


def test_hanging_worker_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    reader = FrameReader(VideoPlan(timeout=20), 10**8)
    numbers(reader.read(location_of(path), EIGHT))
    hanging = process_of(reader)
    os.kill(hanging, signal.SIGSTOP)
    reader._plan = VideoPlan(timeout=0.5)
    result = reader.read(location_of(path), Frames(3, "ends"))
    assert isinstance(result, BadImage)
    assert (result.reason, result.detail) == ("video_timeout", "more than 0.5 s")
    reader._plan = VideoPlan(timeout=20)
    assert numbers(reader.read(location_of(path), Frames(2, "ends"))) == [0, 8]
    assert process_of(reader) != hanging
    reader.close()


def test_crashed_worker_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    reader = FrameReader(VideoPlan(timeout=20), 10**8)
    numbers(reader.read(location_of(path), EIGHT))
    crashing = process_of(reader)
    os.kill(crashing, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (crashing, signal.SIGKILL)).start()
    result = reader.read(location_of(path), Frames(3, "ends"))
    assert isinstance(result, BadImage)
    assert result.reason == "video_crashed"
    assert numbers(reader.read(location_of(path), Frames(2, "ends"))) == [0, 8]
    reader.close()


def test_missing_decoder_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BuildError, match=r"pip install 'm3it-builder\[video\]'"):
        require_backend("pyav")
    with pytest.raises(BuildError, match=r"pip install 'm3it-builder\[video-decord\]'"):
        require_backend("decord")


def resident_memory(process: int | str) -> int:
    """Return the resident memory of a process in kilobytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


@pytest.mark.slow
def test_memory_is_flat_over_five_hundred_videos(frames: FrameReader, tmp_path: Path) -> None:
    data = [
        clips.clip(40, "mp4", "libx264", g="12"),
        clips.clip(40, "webm", "libvpx-vp9"),
        clips.clip(40, "avi", "mpeg4", bf="2"),
        clips.truncated(tmp_path),
        b"no video",
    ]
    memory: dict[int, int] = {}
    for number in range(500):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(data[number % len(data)])
        frames.read(location_of(path), EIGHT)
        if number + 1 in (100, 500):
            memory[number + 1] = resident_memory(process_of(frames)) + resident_memory("self")
    assert memory[500] < memory[100] * 1.1 + 32_768  # 32 MiB of frames are cached
