"""Containers by content: videos of the known kinds, and nothing that names other files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("av")

from m3it_builder.media.video import BadVideo, pyav
from m3it_builder.media.video.containers import demuxer_of
from tests.support import bombs, clips

DEMUXERS = {"mp4": "mov", "mov": "mov", "3gp": "mov", "matroska": "matroska", "webm": "matroska"}


@pytest.mark.parametrize("container", [*DEMUXERS, "avi"])
def test_containers_of_published_videos(container: str) -> None:
    data = clips.clip(3, container, "libvpx" if container == "webm" else "mpeg4")
    assert demuxer_of(io.BytesIO(data)) == DEMUXERS.get(container, "avi")
    clip = pyav.read_clip(io.BytesIO(data), 3, "ends", "strict", 10**6)
    assert [clips.number_of(frame) for frame in clip.frames] == [0, 1, 2]


def test_file_that_begins_with_its_pixels(tmp_path: Path) -> None:
    """Old QuickTime files have no ``ftyp``; padding may come first."""
    data = clips.clip(3, "mov", "mpeg4")
    size = int.from_bytes(data[:4])
    path = tmp_path / "old.mov"
    path.write_bytes(data[size:])
    assert demuxer_of(str(path)) == "mov"


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile clip.mp4\n",
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nclip.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "YUV4MPEG2 W16 H16 F25:1\nFRAME\n" + "x" * 384,
    ],
    ids=["ffconcat", "HLS", "SDP", "DASH", "YUV4MPEG2"],
)
def test_playlists_are_not_followed(text: str, tmp_path: Path) -> None:
    """A relative ffconcat in an ``.mp4`` opened the file it names."""
    (tmp_path / "clip.mp4").write_bytes(clips.clip(3, "mp4", "libx264"))
    path = tmp_path / "list.mp4"
    path.write_text(text)
    for file in (str(path), io.BytesIO(text.encode())):
        with pytest.raises(BadVideo) as caught:
            pyav.read_clip(file, 1, "ends", "strict", 10**8)
        assert caught.value.reason == "video_unreadable"
        assert "not an MP4, QuickTime, Matroska, WebM or AVI file" in caught.value.detail


@pytest.mark.parametrize("container", ["matroska", "mp4", "avi"])
def test_frames_larger_than_the_container_states_are_not_decoded(container: str) -> None:
    data = bombs.clip_of_other_size((160, 96), (4000, 3000), container)
    assert pyav.read_clip(io.BytesIO(data), 2, "ends", "strict", 12_000_000).total == 4
    for max_pixels in (100_000, 11_999_999):
        with pytest.raises(BadVideo) as caught:
            pyav.read_clip(io.BytesIO(data), 2, "ends", "strict", max_pixels)
        assert caught.value.reason in ("image_oversized", "video_unreadable")


def test_frames_that_grow_are_not_decoded() -> None:
    """The first frame has the stated size; a later one has eight times as many pixels."""
    data = bombs.growing_clip((1000, 1000), (4000, 2000))
    with pytest.raises(BadVideo) as caught:
        pyav.read_clip(io.BytesIO(data), 4, "ends", "strict", 1_500_000)
    assert caught.value.reason in ("image_oversized", "video_damaged")
