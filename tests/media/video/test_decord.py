"""decord: right, rejecting or known to be wrong, kind by kind, as in docs/video.md."""

from __future__ import annotations

import io

import pytest
from PIL import Image

pytest.importorskip("av")
pytest.importorskip("decord")

from m3it_builder.media.video import BadVideo, Clip, decord
from tests.support import clips

REJECTED = {"av1", "avi, B-frames"}
WRONG = {"cut by stream copy"}
GENUINE_BUT_DIFFERENT = {
    "mmaction2_test.avi",  # no timestamps
    "torchcodec_av1_video.mkv",  # no decoder
    "torchcodec_h265_video.mp4",  # wrong frames
    "torchcodec_h264_10bits.mp4",  # colors of an older FFmpeg
}


def read(data: bytes, count: int = 8) -> Clip:
    return decord.read_clip(io.BytesIO(data), count, "ends", "strict", 10**8)


@pytest.mark.parametrize("name", clips.CLIPS)
def test_frames_are_right_rejected_or_known_to_be_wrong(name: str) -> None:
    _, total, first = clips.CLIPS[name]
    if name in REJECTED:
        with pytest.raises(BadVideo) as caught:
            read(clips.encoded(name))
        assert caught.value.reason == "video_unreadable"
        return
    clip = read(clips.encoded(name))
    numbers = [clips.number_of(frame) for frame in clip.frames]
    is_right = clip.total == total and numbers == [first + n for n in clip.indices]
    assert is_right == (name not in WRONG)


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


@pytest.mark.parametrize("name", sorted(set(clips.GENUINE) - GENUINE_BUT_DIFFERENT))
def test_genuine_clips(name: str) -> None:
    data = clips.genuine_clip(name)
    truth = clips.decode_sequentially(data)
    clip = read(data)
    assert clip.total == len(truth)
    for index, frame in zip(clip.indices, clip.frames, strict=True):
        # The two bundled FFmpeg versions round differently.
        assert clips.mean_difference(frame, truth[index]) < 0.5


@pytest.mark.parametrize("name", clips.NO_VIDEOS)
def test_other_files_are_rejected(name: str) -> None:
    make, reasons = clips.NO_VIDEOS[name]
    with pytest.raises(BadVideo) as caught:
        read(make())
    assert caught.value.reason in reasons
    assert "/" not in caught.value.detail, "no path of this machine"
