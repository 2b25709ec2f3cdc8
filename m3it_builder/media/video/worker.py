"""The decoder process: one request per line on stdin, frames on stdout.

Decoders crash and hang on damaged files, and only killing their process helps; hence it
is a separate one. It dies with its parent.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import json
import os
import signal
import sys
from typing import Any, BinaryIO

from m3it_builder.media.video import BadVideo, Clip

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until stdin ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # decoders print to stdout, which would corrupt the response
    for line in sys.stdin:
        header, blobs = _respond(json.loads(line))
        out.write(json.dumps(header).encode() + b"\n")
        out.writelines(blobs)
        out.flush()


def _respond(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    try:
        clip = _read(request)
    except BadVideo as bad:
        return {"reason": bad.reason, "detail": bad.detail}, []
    blobs = _encode(clip, request["quality"])
    header = {
        "sizes": [len(blob) for blob in blobs],
        "total": clip.total,
        "indices": clip.indices,
        "times": clip.times,
    }
    return header, blobs


def _read(request: dict[str, Any]) -> Clip:
    backend = importlib.import_module(f"m3it_builder.media.video.{request['backend']}")
    clip: Clip = backend.read_clip(
        _file(request), request["count"], request["rule"], request["policy"], request["max_pixels"]
    )
    return clip


def _file(request: dict[str, Any]) -> str | BinaryIO:
    """Return a path, or the content of an archive member."""
    if request["slice"] is None:
        return str(request["path"])
    from m3it_builder.errors import SourceError
    from m3it_builder.records import Slice
    from m3it_builder.sources.archives import read_slice

    try:
        return io.BytesIO(read_slice(Slice(*request["slice"])))
    except SourceError as error:
        raise BadVideo("video_damaged", "the archive member is corrupt") from error


def _encode(clip: Clip, quality: int) -> list[bytes]:
    """Return the frames as JPEG; a repeated frame is encoded once."""
    encoded: dict[int, bytes] = {}
    for index, frame in zip(clip.indices, clip.frames, strict=True):
        if index not in encoded:
            buffer = io.BytesIO()
            frame.save(buffer, "JPEG", quality=quality)
            encoded[index] = buffer.getvalue()
    return [encoded[index] for index in clip.indices]


if __name__ == "__main__":
    main()
