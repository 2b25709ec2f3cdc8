"""Frame-exact reading with PyAV.

Containers are unreliable about the number of frames and about the target of a seek. So
packets are counted first, and a frame is accepted only if it has the requested timestamp.
Where timestamps are missing, repeated, or come from AVI (which has decoding order only),
the clip is decoded from the start and its frames are counted.
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
from m3it_builder.media.video.containers import Demuxer, demuxer_of

# Decoders know padded sizes only, and refuse larger ones; what they accept is checked exactly.
_PADDED = 4
_ALWAYS_ACCEPTED = 1 << 20  # pixels


class _InexactSeek(Exception):  # noqa: N818 - control flow inside this module
    """A seek did not lead to the requested frame."""


@dataclass(frozen=True, slots=True)
class _Video:
    file: str | BinaryIO
    demuxer: Demuxer
    max_pixels: int  # of one frame

    @property
    def limits(self) -> dict[str, str]:
        """Return options that keep FFmpeg from allocating frames of any size."""
        return {"max_pixels": str(min(self.max_pixels * _PADDED + _ALWAYS_ACCEPTED, 2**31 - 1))}

    def require_size(self, width: int, height: int) -> None:
        if width * height > self.max_pixels:
            raise BadVideo("image_oversized", f"frames of {width}x{height}")


@dataclass(frozen=True, slots=True)
class _Packets:
    """Result of one pass over the packets, without decoding; discarded frames are left out."""

    timestamps: tuple[int, ...]  # presentation timestamps, ascending; empty if unreliable
    keyframes: tuple[int, ...]  # their timestamps, ascending
    count: int  # displayed frames
    time_base: float  # seconds per timestamp unit


def read_clip(
    file: str | BinaryIO, count: int, rule: Rule, policy: Policy, max_pixels: int
) -> Clip:
    """Return ``count`` frames of a video.

    Args:
        file: path, or a seekable binary stream.
        count: frames to select.
        rule: sampling rule.
        policy: ``strict`` rejects a video with damage in any decoded frame;
            ``salvage`` leaves damaged frames out.
        max_pixels: limit for one frame.

    Raises:
        BadVideo: ``video_unreadable``, ``video_empty``, ``video_damaged`` or
            ``image_oversized``.
    """
    video = _Video(file, demuxer_of(file), max_pixels)
    try:
        packets = _scan_packets(video)
        if packets.timestamps and policy == "strict":
            try:
                return _read_by_timestamp(video, packets, count, rule)
            except _InexactSeek:
                pass  # the container's index is wrong; counting does not use it
        return _read_by_counting(video, packets, count, rule, policy)
    except FFmpegError as error:
        raise BadVideo("video_damaged", _message(error)) from error


def _scan_packets(video: _Video) -> _Packets:
    try:
        container = _open(video)
    except (FFmpegError, ValueError) as error:
        raise BadVideo("video_unreadable", _message(error)) from error
    with closing(container):
        stream = _main_stream(container, video)
        video.require_size(stream.codec_context.width, stream.codec_context.height)
        timestamps: list[int | None] = []
        keyframes: list[int] = []
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            timestamps.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keyframes.append(packet.pts)
        known = [timestamp for timestamp in timestamps if timestamp is not None]
        is_reliable = len(set(known)) == len(timestamps) and "avi" not in container.format.name
        return _Packets(
            timestamps=tuple(sorted(known)) if is_reliable else (),
            keyframes=tuple(sorted(keyframes)),
            count=len(timestamps),
            time_base=float(stream.time_base or 0),
        )


def _read_by_timestamp(video: _Video, packets: _Packets, count: int, rule: Rule) -> Clip:
    timestamps = packets.timestamps
    times = [(timestamp - timestamps[0]) * packets.time_base for timestamp in timestamps]
    indices = choose(count, len(timestamps), rule, times)
    selected = sorted({timestamps[n] for n in indices})
    with closing(_open(video)) as container:
        frames = _seek_and_decode(video, container, selected, packets.keyframes)
    return Clip(
        total=len(timestamps),
        indices=tuple(indices),
        times=tuple(round(times[n], 6) for n in indices),
        frames=tuple(frames[timestamps[n]] for n in indices),
    )


def _seek_and_decode(
    video: _Video, container: Any, selected: list[int], keyframes: tuple[int, ...]
) -> dict[int, Image.Image]:
    """Return the frames of ascending timestamps, seeking only where it skips a key frame."""
    stream = _main_stream(container, video)
    frames: dict[int, Image.Image] = {}
    decoded = container.decode(stream)
    previous: int | None = None
    for timestamp in selected:
        index = bisect_right(keyframes, timestamp) - 1
        if index > 0 and (previous is None or keyframes[index] > previous):
            container.seek(keyframes[index], stream=stream)
            decoded = container.decode(stream)
        frame = next((f for f in decoded if f.pts is None or f.pts >= timestamp), None)
        if frame is None or frame.pts != timestamp:
            raise _InexactSeek
        if frame.is_corrupt:
            raise BadVideo("video_damaged", f"the frame at {frame.time:.3f} s is corrupt")
        previous = timestamp
        video.require_size(frame.width, frame.height)
        frames[timestamp] = _upright(frame)
    return frames


def _read_by_counting(
    video: _Video, packets: _Packets, count: int, rule: Rule, policy: Policy
) -> Clip:
    """Decode from the start; choose again where fewer frames decode than the packets promise."""
    total = packets.count
    times: list[float] = []
    for _ in range(3):  # with the number of packets, of decoded frames, and with their times
        if not total:
            raise BadVideo("video_empty", "no frame decodes")
        indices = choose(count, total, rule, times)
        selected, decoded_times = _decode_all(video, set(indices), policy)
        if len(decoded_times) == total and (rule != "times" or times):
            return Clip(
                total=total,
                indices=tuple(indices),
                times=tuple(round(decoded_times[n] - decoded_times[0], 6) for n in indices),
                frames=tuple(selected[n] for n in indices),
            )
        total, times = len(decoded_times), decoded_times
    raise BadVideo("video_damaged", "each pass decodes a different number of frames")


def _decode_all(
    video: _Video, indices: set[int], policy: Policy
) -> tuple[dict[int, Image.Image], list[float]]:
    """Return the selected frames by index, and the times of all frames in display order."""
    selected: dict[int, Image.Image] = {}
    times: list[float] = []
    with closing(_open(video)) as container:
        stream = _main_stream(container, video)
        step = 1 / float(stream.average_rate or 25)
        for frame in _decoded_frames(container, stream, policy):
            if frame.is_corrupt:
                if policy == "strict":
                    raise BadVideo("video_damaged", f"frame {len(times)} is corrupt")
                continue
            if len(times) in indices:
                video.require_size(frame.width, frame.height)
                selected[len(times)] = _upright(frame)
            times.append(frame.time if frame.time is not None else len(times) * step)
    return selected, times


def _decoded_frames(container: Any, stream: Any, policy: Policy) -> Iterator[Any]:
    """Yield decoded frames; a packet that does not decode raises under ``strict`` only."""
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


def _message(error: Exception) -> str:
    """Return FFmpeg's message without the path: rejects must not depend on the machine."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _open(video: _Video) -> Any:
    if not isinstance(video.file, str):
        video.file.seek(0)
    # A container may refer to other files and addresses: nothing but this file is opened.
    protocols = {"protocol_whitelist": "file"}
    return av.open(
        video.file, format=video.demuxer, options=video.limits, container_options=protocols
    )


def _main_stream(container: Any, video: _Video) -> Any:
    """Return the video stream with the most pixels: not a cover image, not a preview."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise BadVideo("video_empty", "no video stream")
    stream = max(streams, key=lambda s: s.codec_context.width * s.codec_context.height)
    context = stream.codec_context
    if not context.width * context.height:
        detail = f"no frame size, or one far above {video.max_pixels:,} pixels"
        raise BadVideo("video_unreadable", detail)
    context.options = video.limits
    # One thread: worker processes use the cores better than decoder threads.
    context.thread_count = 1
    return stream


def _upright(frame: Any) -> Image.Image:
    """Return a frame as RGB with the rotation flag applied, as players do."""
    image: Image.Image = frame.to_image()
    method = {
        90: Image.Transpose.ROTATE_90,
        -90: Image.Transpose.ROTATE_270,
        270: Image.Transpose.ROTATE_270,
        180: Image.Transpose.ROTATE_180,
        -180: Image.Transpose.ROTATE_180,
    }.get(round(frame.rotation))
    return image.transpose(method) if method is not None else image
