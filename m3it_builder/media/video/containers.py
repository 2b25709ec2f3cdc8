"""Video containers, recognized by their first bytes.

FFmpeg can open some three hundred formats, playlists among them, which name other files
and addresses. Only the containers in which videos are published are opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal

from m3it_builder.media.video import BadVideo

Demuxer = Literal["mov", "matroska", "avi"]

_HEAD_BYTES = 12
# Types of the first atom of QuickTime and MP4 files: ISO/IEC 14496-12, and older QuickTime.
_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid", b"udta", b"junk",
          b"pict", b"prfl")  # fmt: skip


def demuxer_of(file: str | BinaryIO) -> Demuxer:
    """Return FFmpeg's name of the demuxer for a video.

    Args:
        file: path, or a seekable binary stream, which is read from its start.

    Raises:
        BadVideo: ``video_unreadable``, it is none of these containers.
    """
    head = _head(file)
    if head[4:8] in _ATOMS:
        return "mov"
    if head.startswith(b"\x1aE\xdf\xa3"):  # EBML: Matroska and WebM
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    raise BadVideo("video_unreadable", "not an MP4, QuickTime, Matroska, WebM or AVI file")


def _head(file: str | BinaryIO) -> bytes:
    if isinstance(file, str):
        with Path(file).open("rb") as opened:
            return opened.read(_HEAD_BYTES)
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    return head
