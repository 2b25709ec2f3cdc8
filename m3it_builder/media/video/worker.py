"""The decoder process: one request per line on stdin, frames on stdout.

Decoders crash and hang on damaged files, and only killing their process helps; hence it
is a separate one. ``m3it_builder.executors.child`` starts it.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from typing import Any, BinaryIO

from m3it_builder.media.video import BadVideo, Clip


def main() -> None:
    """Serve requests until stdin ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # decoders print to stdout, which would corrupt the response
    error = _load(json.loads(sys.stdin.readline()))
    _discard_output()
    out.write(json.dumps(error).encode() + b"\n")
    out.flush()
    for line in sys.stdin:
        header, blobs = _respond(json.loads(line))
        out.write(json.dumps(header).encode() + b"\n")
        out.writelines(blobs)
        out.flush()


def _discard_output() -> None:
    """Send what decoders print, thousands of warnings, to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


def _load(backend: str) -> str:
    """Import a decoder; return the error if that fails, else an empty text."""
    try:
        importlib.import_module(f"m3it_builder.media.video.{backend}")
    except Exception as error:  # noqa: BLE001 - it is reported by the parent
        return f"{type(error).__name__}: {error}"
    return ""


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
    from m3it_builder.sources.members import read_slice

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
