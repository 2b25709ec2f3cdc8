"""Optional decoder decord: fast, but wrong on some kinds of files.

decord trusts the container and seeks by frame number, so it returns wrong frames for
variable frame rates, AVI with B-frames, edit lists and some HEVC, and it cannot decode
AV1. The default decoder is right on all of them; see docs/video.md.
"""

from __future__ import annotations

from typing import BinaryIO

import decord
from PIL import Image

from m3it_builder.media.video import BadVideo, Clip, Policy, Rule, choose
from m3it_builder.media.video.containers import demuxer_of


def read_clip(
    file: str | BinaryIO, count: int, rule: Rule, policy: Policy, max_pixels: int
) -> Clip:
    """Return ``count`` frames of a video; arguments and errors as for ``pyav.read_clip``.

    decord does not report damage to single frames, so both policies do the same.
    """
    del policy
    demuxer_of(file)  # decord opens whatever FFmpeg can open
    try:
        reader = decord.VideoReader(file, ctx=decord.cpu(0), num_threads=1)
        total = len(reader)
        if not total:
            raise BadVideo("video_empty", "no frame decodes")
        timestamps = [float(timestamp[0]) for timestamp in reader.get_frame_timestamp(range(total))]
        if timestamps[0] < -1e9 or timestamps != sorted(timestamps):
            raise BadVideo("video_unreadable", "decord finds no valid timestamps")
        indices = choose(count, total, rule, timestamps)
        frames = reader.get_batch(indices).asnumpy()
    except (decord.DECORDError, RuntimeError, IndexError) as error:
        raise BadVideo("video_unreadable", type(error).__name__) from error
    if frames.shape[1] * frames.shape[2] > max_pixels:
        raise BadVideo("image_oversized", f"frames of {frames.shape[2]}x{frames.shape[1]}")
    return Clip(
        total=total,
        indices=tuple(indices),
        times=tuple(round(timestamps[n] - timestamps[0], 6) for n in indices),
        frames=tuple(Image.fromarray(frame) for frame in frames),
    )
