"""Frame-exact reading with PyAV.

Containers lie: about the number of frames, and about where a seek lands. So
packets are counted first; a frame is accepted only if its own time stamp is the
one wanted; and where stamps are missing, repeated, or come from AVI (which
keeps decoding order only), the clip is decoded from its start and counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
from av.error import FFmpegError
from av.stream import Disposition
from PIL import Image

from m3it_builder.media.video import BadVideo, Clip, Policy, Rule, choose


class _Inexact(Exception):  # noqa: N818 - control flow inside this module
    """A seek did not lead to the frame wanted."""


@dataclass(frozen=True, slots=True)
class _Packets:
    """What one pass over the packets tells, nothing decoded."""

    stamps: tuple[int, ...]  # of frames that are shown, ascending; empty if they cannot be trusted
    keys: tuple[int, ...]  # of key frames, ascending
    count: int  # of frames that are shown
    second: float  # time base


def read_clip(
    file: str | BinaryIO, count: int, rule: Rule, policy: Policy, max_pixels: int
) -> Clip:
    """Take ``count`` frames from a video.

    Args:
        file: path, or a seekable binary stream.
        count: how many.
        rule: which ones.
        policy: ``strict`` refuses a video with any damage met on the way;
            ``salvage`` leaves damaged frames out.
        max_pixels: of one frame.

    Raises:
        BadVideo: ``video_unreadable``, ``video_empty``, ``video_damaged`` or
            ``image_oversized``.
    """
    try:
        packets = _packets(file, max_pixels)
        if packets.stamps and policy == "strict":
            try:
                return _by_stamp(file, packets, count, rule)
            except _Inexact:
                pass  # the container misled us; counting does not
        return _by_counting(file, packets, count, rule, policy)
    except FFmpegError as error:
        raise BadVideo("video_damaged", _words(error)) from error


def _packets(file: str | BinaryIO, max_pixels: int) -> _Packets:
    try:
        container = _open(file)
    except (FFmpegError, ValueError) as error:
        raise BadVideo("video_unreadable", _words(error)) from error
    with closing(container):
        stream = _stream(container)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > max_pixels:
            raise BadVideo("image_oversized", f"frames of {width}x{height}")
        stamps: list[int | None] = []
        keys: list[int] = []
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            stamps.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
        known = [stamp for stamp in stamps if stamp is not None]
        exact = len(set(known)) == len(stamps) and "avi" not in container.format.name
        return _Packets(
            stamps=tuple(sorted(known)) if exact else (),
            keys=tuple(sorted(keys)),
            count=len(stamps),
            second=float(stream.time_base or 0),
        )


def _by_stamp(file: str | BinaryIO, packets: _Packets, count: int, rule: Rule) -> Clip:
    stamps = packets.stamps
    times = [(stamp - stamps[0]) * packets.second for stamp in stamps]
    indices = choose(count, len(stamps), rule, times)
    with closing(_open(file)) as container:
        found = _seek_and_decode(container, sorted({stamps[n] for n in indices}), packets.keys)
    return Clip(
        total=len(stamps),
        indices=tuple(indices),
        times=tuple(round(times[n], 6) for n in indices),
        frames=tuple(found[stamps[n]] for n in indices),
    )


def _seek_and_decode(
    container: Any, wanted: list[int], keys: tuple[int, ...]
) -> dict[int, Image.Image]:
    """Decode the frames of ascending stamps, skipping ahead over key frames where that helps."""
    stream = _stream(container)
    found: dict[int, Image.Image] = {}
    decoded = container.decode(stream)
    position: int | None = None
    for stamp in wanted:
        place = bisect_right(keys, stamp) - 1
        if place > 0 and (position is None or keys[place] > position):
            container.seek(keys[place], stream=stream)
            decoded = container.decode(stream)
        frame = next((f for f in decoded if f.pts is None or f.pts >= stamp), None)
        if frame is None or frame.pts != stamp:
            raise _Inexact
        if frame.is_corrupt:
            raise BadVideo("video_damaged", f"the frame at {frame.time:.3f} s is corrupt")
        position = stamp
        found[stamp] = _upright(frame)
    return found


def _by_counting(
    file: str | BinaryIO, packets: _Packets, count: int, rule: Rule, policy: Policy
) -> Clip:
    """Decode from the start; where fewer frames come than were promised, choose again."""
    total = packets.count
    times: list[float] = []
    for _ in range(3):  # the promise, the truth, and the truth by times
        if not total:
            raise BadVideo("video_empty", "no frame decodes")
        indices = choose(count, total, rule, times)
        kept, seen = _decode_all(file, set(indices), policy)
        if len(seen) == total and (rule != "times" or times):
            return Clip(
                total=total,
                indices=tuple(indices),
                times=tuple(round(seen[n] - seen[0], 6) for n in indices),
                frames=tuple(kept[n] for n in indices),
            )
        total, times = len(seen), seen
    raise BadVideo("video_damaged", "every pass over it decodes another number of frames")


def _decode_all(
    file: str | BinaryIO, wanted: set[int], policy: Policy
) -> tuple[dict[int, Image.Image], list[float]]:
    """Return the wanted frames and the times of all, in the order they are shown."""
    kept: dict[int, Image.Image] = {}
    times: list[float] = []
    with closing(_open(file)) as container:
        stream = _stream(container)
        step = 1 / float(stream.average_rate or 25)
        for frame in _frames(container, stream, policy):
            if frame.is_corrupt:
                if policy == "strict":
                    raise BadVideo("video_damaged", f"frame {len(times)} is corrupt")
                continue
            if len(times) in wanted:
                kept[len(times)] = _upright(frame)
            times.append(frame.time if frame.time is not None else len(times) * step)
    return kept, times


def _frames(container: Any, stream: Any, policy: Policy) -> Iterator[Any]:
    """Yield decoded frames; a packet that does not decode ends a strict reading only."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            decoded = packet.decode() if packet is not None else []
        except FFmpegError:
            if policy == "strict":
                raise
            continue
        if packet is None:
            return
        yield from decoded


def _words(error: Exception) -> str:
    """Say what FFmpeg says, without the path, which is this machine's."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _open(file: str | BinaryIO) -> Any:
    if not isinstance(file, str):
        file.seek(0)
    return av.open(file)


def _stream(container: Any) -> Any:
    """Return the main video stream: not a cover image, not a small preview."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise BadVideo("video_empty", "it has no video stream")
    stream = max(streams, key=lambda s: s.codec_context.width * s.codec_context.height)
    # One thread: many workers use the cores better than many threads of one.
    stream.codec_context.thread_count = 1
    return stream


def _upright(frame: Any) -> Image.Image:
    """Return a frame as RGB, turned the way players show it."""
    image: Image.Image = frame.to_image()
    turn = {
        90: Image.Transpose.ROTATE_90,
        -90: Image.Transpose.ROTATE_270,
        270: Image.Transpose.ROTATE_270,
        180: Image.Transpose.ROTATE_180,
        -180: Image.Transpose.ROTATE_180,
    }.get(round(frame.rotation))
    return image.transpose(turn) if turn is not None else image
