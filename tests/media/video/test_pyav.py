"""PyAV: the selected frames from every container, and a reason where there are none."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("av")

from m3it_builder.media.video import RULES, BadVideo, Clip, Policy, Rule, choose, pyav
from tests.support import clips


def read(data: bytes, count: int = 8, rule: Rule = "ends", policy: Policy = "strict") -> Clip:
    return pyav.read_clip(io.BytesIO(data), count, rule, policy, 10**8)


# --- the selected frames ----------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["strict", "salvage"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", clips.CLIPS)
def test_every_frame_is_the_selected_one(name: str, rule: Rule, policy: Policy) -> None:
    _, total, first = clips.CLIPS[name]
    clip = read(clips.encoded(name), 8, rule, policy)
    assert clip.total == total
    assert [clips.number_of(frame) for frame in clip.frames] == [first + n for n in clip.indices]
    assert list(clip.times) == sorted(clip.times)
    if rule != "times":
        assert list(clip.indices) == choose(8, total, rule)


@pytest.mark.parametrize(
    "name", ["variable rate", "h264, B-frames", "avi, B-frames", "cut by stream copy"]
)
def test_all_frames_of_a_clip(name: str) -> None:
    _, total, first = clips.CLIPS[name]
    clip = read(clips.encoded(name), total)
    assert [clips.number_of(f) for f in clip.frames] == list(range(first, first + total))


def test_times_of_a_variable_frame_rate() -> None:
    data = clips.encoded("variable rate")
    by_index, by_time = read(data), read(data, rule="times")
    assert by_index.times == tuple(clips.SLOWING[n] / 1000 for n in by_index.indices)
    assert sum(n < 60 for n in by_index.indices) == 5
    assert sum(n < 60 for n in by_time.indices) == 2, "the slow part lasts longer"
    late = read(clips.encoded("late start"))
    assert (late.times[0], late.times[-1]) == (0.0, 2.9), "relative to the first frame"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_flag_is_applied(degrees: int) -> None:
    inverse = {
        90: Image.Transpose.ROTATE_270,
        180: Image.Transpose.ROTATE_180,
        270: Image.Transpose.ROTATE_90,
    }[degrees]
    data = clips.remuxed(clips.clip(3, "mp4", "libx264"), rotation=degrees)
    for number, frame in enumerate(read(data, 3).frames):
        assert clips.number_of(frame.transpose(inverse)) == number


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", clips.GENUINE)
def test_genuine_clips_frame_by_frame(name: str, rule: Rule) -> None:
    data = clips.genuine_clip(name)
    truth = clips.decode_sequentially(data)
    assert clips.GENUINE[name] in (None, len(truth))
    clip = read(data, 8, rule)
    assert clip.total == len(truth)
    for index, frame in zip(clip.indices, clip.frames, strict=True):
        assert clips.mean_difference(frame, truth[index]) == 0


def test_genuine_clip_with_fewer_frames_than_its_header_says() -> None:
    data = clips.genuine_clip("decord_corrupted.mp4")
    with pytest.raises(BadVideo) as caught:
        read(data)
    assert caught.value.reason == "video_damaged"
    clip = read(data, policy="salvage")
    assert clip.total == 48, "49 of 50 frames decode, and one of them is damaged"


# --- unusable files ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", clips.NO_VIDEOS)
def test_other_files_are_rejected(name: str) -> None:
    make, reasons = clips.NO_VIDEOS[name]
    with pytest.raises(BadVideo) as caught:
        read(make())
    assert caught.value.reason in reasons
    assert "/" not in caught.value.detail, "no path of this machine"


@pytest.mark.parametrize("make", [clips.truncated, clips.with_flipped_bytes])
def test_damaged_clips_are_rejected_or_salvaged(
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
    assert numbers == [round(moment * 8) for moment in clip.times], "no frame has a wrong time"
    assert len(set(numbers)) == 8


def test_single_damaged_frame_is_detected() -> None:
    """Decoders conceal a damaged frame silently; it is rejected, or left out."""
    data = bytearray(clips.clip(90, "matroska", "libx264", g="12"))
    middle = len(data) // 2
    data[middle] ^= 0xFF
    data[middle + 1] ^= 0xFF
    with pytest.raises(BadVideo, match="video_damaged") as caught:
        pyav.read_clip(io.BytesIO(data), 90, "ends", "strict", 10**6)
    assert "corrupt" in caught.value.detail
    assert pyav.read_clip(io.BytesIO(data), 8, "ends", "salvage", 10**6).total == 89


def test_oversized_frames_are_not_decoded() -> None:
    with pytest.raises(BadVideo) as caught:
        pyav.read_clip(io.BytesIO(clips.clip(3, "mp4", "libx264")), 8, "ends", "strict", 100)
    assert caught.value.reason == "image_oversized"
