"""Frames of videos: the right ones, from every container, and a reason where there are none."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

av = pytest.importorskip("av")

from m3it_builder.errors import BuildError  # noqa: E402
from m3it_builder.media.loaded import Loaded  # noqa: E402
from m3it_builder.media.probe import BadImage  # noqa: E402
from m3it_builder.media.video import RULES, BadVideo, Clip, Policy, Rule, choose, pyav  # noqa: E402
from m3it_builder.media.video.extract import FrameReader, VideoPlan, require_backend  # noqa: E402
from m3it_builder.records import File, Frames  # noqa: E402
from m3it_builder.sources.archive_index import Archive  # noqa: E402
from tests.support import clips  # noqa: E402
from tests.support.slices import REAL  # noqa: E402

SLOWING = [n * 40 if n < 60 else 2_400 + (n - 60) * 200 for n in range(90)]  # milliseconds
# How each clip is made, how many frames it shows, and the number on the first of them.
CLIPS: dict[str, tuple[Callable[[], bytes], int, int]] = {
    "h264, one key frame": (lambda: clips.clip(90, "mp4", "libx264", g="250"), 90, 0),
    "h264, B-frames": (lambda: clips.clip(90, "mp4", "libx264", g="12", bf="2"), 90, 0),
    "varying rate": (lambda: clips.clip(90, "mp4", "libx264", SLOWING), 90, 0),
    "varying rate, mkv": (lambda: clips.clip(90, "matroska", "libx264", SLOWING), 90, 0),
    "late start": (lambda: clips.clip(30, "mp4", "libx264", range(3_700, 6_700, 100)), 30, 0),
    "vp9": (lambda: clips.clip(90, "webm", "libvpx-vp9"), 90, 0),
    "vp8": (lambda: clips.clip(90, "webm", "libvpx"), 90, 0),
    "hevc": (lambda: clips.clip(90, "mp4", "libx265"), 90, 0),
    "av1": (lambda: clips.clip(90, "mp4", "libsvtav1"), 90, 0),
    "avi": (lambda: clips.clip(90, "avi", "mpeg4"), 90, 0),
    "avi, B-frames": (lambda: clips.clip(90, "avi", "mpeg4", bf="2"), 90, 0),
    "cut by stream copy": (
        lambda: clips.remuxed(clips.clip(90, "mp4", "libx264", g="250", bf="2"), first=20), 70, 20,
    ),
    "two streams": (lambda: clips.two_streams(40, 30), 30, 0),
    "one frame": (lambda: clips.clip(1, "mp4", "libx264"), 1, 0),
    "three frames": (lambda: clips.clip(3, "mp4", "libx264"), 3, 0),
}  # fmt: skip
# What the second decoder does with them instead; see docs/video.md.
DECORD_REFUSES = {"av1", "avi, B-frames"}
DECORD_IS_WRONG = {"cut by stream copy"}


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: make() for name, (make, _, _) in CLIPS.items()}


def reader(backend: str) -> Any:
    if backend == "pyav":
        return pyav
    pytest.importorskip("decord")
    from m3it_builder.media.video import decord

    return decord


def read(
    data: bytes, count: int = 8, rule: Rule = "ends", policy: Policy = "strict", by: str = "pyav"
) -> Clip:
    clip: Clip = reader(by).read_clip(io.BytesIO(data), count, rule, policy, 10**8)
    return clip


# --- which frames -----------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 5_000), st.sampled_from(RULES))
def test_choice_ascends_and_stays_inside(count: int, total: int, rule: Rule) -> None:
    times = [n / 25 for n in range(total)]
    indices = choose(count, total, rule, times)
    assert len(indices) == count
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] < total
    if total >= 2 * count:
        steps = [b - a for a, b in pairwise(indices)]
        assert not steps or max(steps) - min(steps) <= 2, "the steps are equal up to rounding"
    if rule == "ends" and count > 1:
        assert (indices[0], indices[-1]) == (0, total - 1)
    if rule == "inner" and total > count + 1:
        assert indices[0] > 0
        assert indices[-1] < total - 1


@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=60), st.integers(1, 12))
def test_choice_by_time(gaps: list[float], count: int) -> None:
    times = [5.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    indices = choose(count, len(times), "times", times)
    length = times[-1] - times[0]
    for place, index in enumerate(indices):
        moment = times[0] + length * (place + 0.5) / count
        shown_until = times[index + 1] if index + 1 < len(times) else times[-1]
        assert times[index] <= moment + 1e-9
        assert moment <= shown_until + 1e-9


@pytest.mark.parametrize(
    ("rule", "indices"),
    [
        ("ends", [0, 4, 9, 13, 18, 22, 27, 31]),
        ("inner", [3, 7, 10, 14, 17, 21, 24, 28]),
        ("middles", [2, 6, 10, 14, 18, 22, 26, 30]),
    ],
)
def test_choice_of_eight_in_thirty_two(rule: Rule, indices: list[int]) -> None:
    assert choose(8, 32, rule) == indices


# --- the right frames -------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["strict", "salvage"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_is_the_one_chosen(
    made: dict[str, bytes], name: str, rule: Rule, policy: Policy
) -> None:
    _, total, first = CLIPS[name]
    clip = read(made[name], 8, rule, policy)
    assert clip.total == total
    assert [clips.number_of(frame) for frame in clip.frames] == [first + n for n in clip.indices]
    assert list(clip.times) == sorted(clip.times)
    if rule != "times":
        assert list(clip.indices) == choose(8, total, rule)


@pytest.mark.parametrize("name", CLIPS)
def test_decord_is_right_or_refuses_or_is_known_to_be_wrong(
    made: dict[str, bytes], name: str
) -> None:
    _, total, first = CLIPS[name]
    if name in DECORD_REFUSES:
        with pytest.raises(BadVideo) as caught:
            read(made[name], by="decord")
        assert caught.value.reason == "video_unreadable"
        return
    clip = read(made[name], by="decord")
    said = [clips.number_of(frame) for frame in clip.frames]
    right = clip.total == total and said == [first + n for n in clip.indices]
    assert right == (name not in DECORD_IS_WRONG)


def test_all_frames_of_a_clip(made: dict[str, bytes]) -> None:
    for name in ("varying rate", "h264, B-frames", "avi, B-frames", "cut by stream copy"):
        _, total, first = CLIPS[name]
        clip = read(made[name], total)
        assert [clips.number_of(f) for f in clip.frames] == list(range(first, first + total))


def test_times_of_a_varying_rate(made: dict[str, bytes]) -> None:
    by_index, by_time = read(made["varying rate"]), read(made["varying rate"], rule="times")
    assert by_index.times == tuple(SLOWING[n] / 1000 for n in by_index.indices)
    assert sum(n < 60 for n in by_index.indices) == 5
    assert sum(n < 60 for n in by_time.indices) == 2, "the slow part lasts longer"
    late = read(made["late start"])
    assert (late.times[0], late.times[-1]) == (0.0, 2.9), "counted from the first frame"


@pytest.mark.parametrize("backend", ["pyav", "decord"])
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation(turn: int, backend: str) -> None:
    """Players turn a clip as its flag says; so do we."""
    turns = Image.Transpose
    data = clips.remuxed(clips.clip(3, "mp4", "libx264"), rotation=turn)
    for number, frame in enumerate(read(data, 3, by=backend).frames):
        upright = frame.transpose(
            {90: turns.ROTATE_270, 180: turns.ROTATE_180, 270: turns.ROTATE_90}[turn]
        )
        assert clips.number_of(upright) == number


# --- genuine clips ----------------------------------------------------------------------------

GENUINE = {  # frames they show; where one decoder differs from the other, see docs/video.md
    "decord_flipping_a_pancake.mkv": 310,
    "decord_unordered.mov": 4,
    "decord_video_0.mov": 3,
    "decord_video_90.mov": 3,
    "decord_video_180.mov": 3,
    "decord_video_270.mov": 3,
    "mmaction2_demo.mp4": 280,
    "mmaction2_test.avi": 164,
    "torchcodec_av1_video.mkv": 125,
    "torchcodec_bt709_full_range.mp4": None,
    "torchcodec_h264_10bits.mp4": None,
    "torchcodec_h265_video.mp4": 10,
    "torchcodec_nasa_13013.mp4": 390,
}
GENUINE_BUT_NOT_FOR_DECORD = {
    "mmaction2_test.avi",  # no times
    "torchcodec_av1_video.mkv",  # no decoder
    "torchcodec_h265_video.mp4",  # wrong frames
    "torchcodec_h264_10bits.mp4",  # colors of an older FFmpeg
}


def genuine_clip(name: str) -> bytes:
    path = REAL / "videos" / name
    if not path.exists():
        pytest.skip(f"genuine clip {path} is not here")
    return path.read_bytes()


def all_frames(data: bytes) -> list[Image.Image]:
    """Decode everything from start to end, the way a player does: no seek, no count trusted."""
    with av.open(io.BytesIO(data)) as container:
        stream = max(container.streams.video, key=lambda s: s.codec_context.width)
        return [pyav._upright(frame) for frame in container.decode(stream)]


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two images, of 255."""
    assert one.size == other.size
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", GENUINE)
def test_genuine_clips_frame_by_frame(name: str, rule: Rule) -> None:
    data = genuine_clip(name)
    truth = all_frames(data)
    assert GENUINE[name] in (None, len(truth))
    clip = read(data, 8, rule)
    assert clip.total == len(truth)
    for index, frame in zip(clip.indices, clip.frames, strict=True):
        assert difference(frame, truth[index]) == 0


@pytest.mark.parametrize("name", sorted(set(GENUINE) - GENUINE_BUT_NOT_FOR_DECORD))
def test_genuine_clips_by_decord(name: str) -> None:
    data = genuine_clip(name)
    truth = all_frames(data)
    clip = read(data, 8, by="decord")
    assert clip.total == len(truth)
    for index, frame in zip(clip.indices, clip.frames, strict=True):
        assert difference(frame, truth[index]) < 0.5  # two FFmpegs round differently


def test_genuine_clip_that_promises_a_frame_too_many() -> None:
    data = genuine_clip("decord_corrupted.mp4")
    with pytest.raises(BadVideo) as caught:
        read(data)
    assert caught.value.reason == "video_damaged"
    clip = read(data, policy="salvage")
    assert clip.total == 48, "of 50 promised, 49 decode, and one of them is damaged"


# --- broken files -----------------------------------------------------------------------------


def truncated(folder: Path) -> bytes:
    """Return a clip whose index stands first and promises more than the file holds."""
    path = folder / "whole.mp4"
    with av.open(io.BytesIO(clips.clip(90, "mp4", "libx264", g="12"))) as source:
        given = source.streams.video[0]
        with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
            stream = out.add_stream_from_template(given)
            for packet in source.demux(given):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    data = path.read_bytes()
    return data[: len(data) * 6 // 10]


def flipped(_: Path) -> bytes:
    data = bytearray(clips.clip(90, "mp4", "libx264", g="12"))
    start = data.index(b"mdat") + len(data) // 4
    for place in range(start, start + 400, 5):
        data[place] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize("backend", ["pyav", "decord"])
@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (b"", {"video_unreadable"}),
        (b"<!DOCTYPE html><html><body>not found</body></html>" * 20, {"video_unreadable"}),
        (clips.clip(20, "mp4", "libx264")[:900], {"video_unreadable"}),
        (clips.sound_only(), {"video_empty", "video_unreadable"}),
        (clips.sound_only(cover=True), {"video_empty", "video_unreadable"}),
    ],
    ids=["nothing", "a page", "without its index", "sound", "sound with a cover"],
)
def test_files_that_are_no_video(data: bytes, reasons: set[str], backend: str) -> None:
    with pytest.raises(BadVideo) as caught:
        read(data, by=backend)
    assert caught.value.reason in reasons
    assert "/" not in caught.value.detail, "no path of this machine"


@pytest.mark.parametrize("make", [truncated, flipped])
def test_damaged_clips_are_refused_or_salvaged(
    make: Callable[[Path], bytes], tmp_path: Path
) -> None:
    data = make(tmp_path)
    with pytest.raises(BadVideo) as caught:
        read(data, 30)
    assert caught.value.reason == "video_damaged"
    clip = read(data, 8, policy="salvage")
    assert 20 < clip.total < 90
    assert list(clip.indices) == choose(8, clip.total, "ends")
    numbers = [clips.number_of(frame) for frame in clip.frames]
    assert numbers == [round(moment * 8) for moment in clip.times], "no frame at a wrong time"
    assert len(set(numbers)) == 8


def test_frames_of_any_size_are_not_decoded() -> None:
    with pytest.raises(BadVideo) as caught:
        pyav.read_clip(io.BytesIO(clips.clip(3, "mp4", "libx264")), 8, "ends", "strict", 100)
    assert caught.value.reason == "image_oversized"


# --- the worker -------------------------------------------------------------------------------


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FrameReader]:
    """Return a reader whose temporary folder must stay empty."""
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setenv("TMPDIR", str(spare))
    reader = FrameReader(VideoPlan(), 10**8)
    yield reader
    reader.close()
    assert not list(spare.iterdir()), "no temporary files are left"


EIGHT = Frames(8, "ends")


def whole(path: Path) -> File:
    facts = path.stat()
    return File(str(path), facts.st_size, facts.st_mtime_ns)


def numbers(taken: Loaded | BadImage) -> list[int]:
    assert isinstance(taken, Loaded), taken
    return [clips.number_of(Image.open(io.BytesIO(image.data))) for image in taken.images]


def test_worker_tells_what_it_took(frames: FrameReader, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(90, "mp4", "libx264"))
    taken = frames.read(whole(path), EIGHT)
    assert numbers(taken) == [0, 13, 25, 38, 51, 64, 76, 89]
    assert isinstance(taken, Loaded)
    assert taken.note == {
        "total": 90,
        "indices": [0, 13, 25, 38, 51, 64, 76, 89],
        "times": [0.0, 1.625, 3.125, 4.75, 6.375, 8.0, 9.5, 11.125],
        "rule": "ends",
        "decoder": "pyav",
    }


def test_a_video_is_decoded_once(frames: FrameReader, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    place = whole(path)
    first = frames.read(place, EIGHT)
    path.unlink()
    assert frames.read(place, EIGHT) is first
    gone = frames.read(place, Frames(4, "ends"))
    assert isinstance(gone, BadImage)
    assert gone.reason == "image_missing"


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_videos_inside_archives(frames: FrameReader, tmp_path: Path, packing: int) -> None:
    path = tmp_path / "clips.zip"
    with zipfile.ZipFile(path, "w", packing) as out:
        out.writestr("TrainVal/video7.mp4", clips.clip(90, "mp4", "libx264"))
        out.writestr("TrainVal/video8.mp4", clips.clip(5, "webm", "libvpx"))
    archive = Archive(path, tmp_path)
    seven, eight = archive.find("TrainVal/video7.mp4"), archive.find("TrainVal/video8.mp4")
    assert seven is not None
    assert eight is not None
    assert numbers(frames.read(seven, EIGHT))[-1] == 89
    assert numbers(frames.read(eight, Frames(5, "ends"))) == [*range(5)]


def test_worker_that_hangs_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    reader = FrameReader(VideoPlan(timeout=20), 10**8)
    numbers(reader.read(whole(path), EIGHT))
    hung = process_of(reader)
    os.kill(hung, signal.SIGSTOP)
    reader._plan = VideoPlan(timeout=0.5)
    taken = reader.read(whole(path), Frames(3, "ends"))
    assert isinstance(taken, BadImage)
    assert (taken.reason, taken.detail) == ("video_timeout", "more than 0.5 s")
    reader._plan = VideoPlan(timeout=20)
    assert numbers(reader.read(whole(path), Frames(2, "ends"))) == [0, 8]
    assert process_of(reader) != hung
    reader.close()


def test_worker_that_crashes_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    reader = FrameReader(VideoPlan(timeout=20), 10**8)
    numbers(reader.read(whole(path), EIGHT))
    doomed = process_of(reader)
    os.kill(doomed, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (doomed, signal.SIGKILL)).start()
    taken = reader.read(whole(path), Frames(3, "ends"))
    assert isinstance(taken, BadImage)
    assert taken.reason == "video_crashed"
    assert numbers(reader.read(whole(path), Frames(2, "ends"))) == [0, 8]
    reader.close()


def process_of(reader: FrameReader) -> int:
    assert reader._process is not None
    return reader._process.pid


def test_worker_dies_with_its_parent(tmp_path: Path) -> None:
    """A killed build leaves no decoder behind."""
    import subprocess
    import sys

    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    code = (
        "import sys, time\n"
        "from m3it_builder.records import File, Frames\n"
        "from pathlib import Path\n"
        "from m3it_builder.media.video.extract import FrameReader, VideoPlan\n"
        "reader = FrameReader(VideoPlan(), 10**8)\n"
        "reader.read(File(sys.argv[1], Path(sys.argv[1]).stat().st_size, 0), Frames(8, 'ends'))\n"
        "print(reader._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and alive(worker):
        time.sleep(0.05)
    assert not alive(worker)


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_missing_decoder_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BuildError, match=r"pip install 'm3it-builder\[video\]'"):
        require_backend("pyav")
    with pytest.raises(BuildError, match=r"pip install 'm3it-builder\[video-decord\]'"):
        require_backend("decord")


def resident(process: int | str) -> int:
    """Return resident memory of a process, kilobytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


@pytest.mark.slow
def test_memory_is_flat_over_five_hundred_videos(frames: FrameReader, tmp_path: Path) -> None:
    data = [
        clips.clip(40, "mp4", "libx264", g="12"),
        clips.clip(40, "webm", "libvpx-vp9"),
        clips.clip(40, "avi", "mpeg4", bf="2"),
        truncated(tmp_path),
        b"no video",
    ]
    seen: dict[int, int] = {}
    for number in range(500):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(data[number % len(data)])
        frames.read(whole(path), EIGHT)
        if number + 1 in (100, 500):
            seen[number + 1] = resident(process_of(frames)) + resident("self")
    assert seen[500] < seen[100] * 1.1 + 32_768  # the reader remembers 32 MiB of frames
