"""Extracts frames in a worker process, with a time limit per video."""

from __future__ import annotations

import importlib.util
import json
import os
import selectors
import subprocess
import time
from collections import OrderedDict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from m3it_builder.errors import BuildError, install_hint
from m3it_builder.executors.child import start_child
from m3it_builder.media.loaded_image import Loaded, load_images
from m3it_builder.media.probe import BadImage
from m3it_builder.media.video import Backend, Policy
from m3it_builder.records import File, Frames, Location

_CACHE_BYTES = 32 << 20
_BAD_IMAGE_BYTES = 100  # size of an error in the cache, roughly
_START_SECONDS = 60.0  # for loading the decoder, possibly from a network file system
_MODULES = {"pyav": ("av", "video"), "decord": ("decord", "video-decord")}


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """Decoder and settings for videos."""

    backend: Backend = "pyav"
    policy: Policy = "strict"
    timeout: float = 120.0  # seconds per video
    quality: int = 90  # of the JPEG frames


def require_backend(backend: Backend) -> None:
    """Require that a decoder is installed.

    Raises:
        BuildError: it is not; the message names the command that installs it.
    """
    module, extra = _MODULES[backend]
    if importlib.util.find_spec(module) is None:
        raise BuildError(
            f"the task has videos, and the decoder {backend} is not installed; "
            f"{install_hint(extra)}"
        )


def decoder_version(backend: Backend) -> str:
    """Return the name and version of an installed decoder; frames depend on both."""
    return f"{backend} {version(_MODULES[backend][0])}"


class FrameReader:
    """Extracts frames of videos sequentially, with a cache for consecutive rows of one video."""

    def __init__(self, plan: VideoPlan, max_pixels: int) -> None:
        self._plan = plan
        self._max_pixels = max_pixels
        self._process: subprocess.Popen[bytes] | None = None
        self._cache: OrderedDict[tuple[Location, Frames], Loaded | BadImage] = OrderedDict()
        self._cached_bytes = 0

    def read(self, location: Location, frames: Frames) -> Loaded | BadImage:
        """Return the frames of one video, or the reason why it cannot be used."""
        key = (location, frames)
        if key not in self._cache:
            self._store(key, self._extract(location, frames))
        self._cache.move_to_end(key)
        return self._cache[key]

    def close(self) -> None:
        """Kill the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _extract(self, location: Location, frames: Frames) -> Loaded | BadImage:
        request = {
            "path": location.path,
            "slice": None if isinstance(location, File) else _fields(location),
            "count": frames.count,
            "rule": frames.rule,
            "policy": self._plan.policy,
            "backend": self._plan.backend,
            "quality": self._plan.quality,
            "max_pixels": self._max_pixels,
        }
        if isinstance(location, File) and not Path(location.path).is_file():
            return BadImage("image_missing", "the file disappeared during the build")
        try:
            header, images = self._exchange(json.dumps(request).encode() + b"\n")
        except TimeoutError:
            self.close()
            return BadImage("video_timeout", f"more than {self._plan.timeout:g} s")
        except (EOFError, BrokenPipeError):
            self.close()
            return BadImage("video_crashed", "the decoder crashed")
        if "reason" in header:
            return BadImage(header["reason"], header["detail"])
        metadata = {key: header[key] for key in ("total", "indices", "times")}
        return load_images(images, metadata | {"rule": frames.rule, "decoder": self._plan.backend})

    def _exchange(self, request: bytes) -> tuple[dict[str, Any], tuple[bytes, ...]]:
        process = self._worker()
        assert process.stdin is not None  # noqa: S101 - opened as a pipe
        process.stdin.write(request)
        process.stdin.flush()
        response = _Response(process, time.monotonic() + self._plan.timeout)
        header = json.loads(response.line())
        return header, tuple(response.blob(size) for size in header.get("sizes", ()))

    def _worker(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = start_child("m3it_builder.media.video.worker", subprocess.PIPE)
            self._require_start(self._process)
        return self._process

    def _require_start(self, process: subprocess.Popen[bytes]) -> None:
        """Require that a worker has loaded the decoder; no video is at fault if it has not."""
        backend = self._plan.backend
        assert process.stdin is not None  # noqa: S101 - opened as a pipe
        assert process.stderr is not None  # noqa: S101 - opened as a pipe
        try:
            process.stdin.write(json.dumps(backend).encode() + b"\n")
            process.stdin.flush()
            error = json.loads(_Response(process, time.monotonic() + _START_SECONDS).line())
        except TimeoutError:
            error = f"no answer in {_START_SECONDS:g} s"
        except (EOFError, BrokenPipeError):
            process.kill()
            error = _last_line(process.stderr.read()) or f"it ended with status {process.wait()}"
        process.stderr.close()  # the worker has no more use for it
        if error:
            self.close()
            raise BuildError(
                f"the worker that decodes videos did not start: {error}; check the "
                f"installation of {_MODULES[backend][0]}, and repeat the command"
            )

    def _store(self, key: tuple[Location, Frames], result: Loaded | BadImage) -> None:
        self._cache[key] = result
        self._cached_bytes += _size(result)
        while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
            self._cached_bytes -= _size(self._cache.popitem(last=False)[1])


class _Response:
    """Reads the response of a process until a deadline."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        assert process.stdout is not None  # noqa: S101 - opened as a pipe
        self._descriptor = process.stdout.fileno()
        self._deadline = deadline
        self._buffer = bytearray()

    def line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._receive()
        return self._consume(end + 1)

    def blob(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        return self._consume(size)

    def _consume(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _receive(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            if not selector.select(max(0.0, self._deadline - time.monotonic())):
                raise TimeoutError
        data = os.read(self._descriptor, 1 << 20)
        if not data:
            raise EOFError
        self._buffer += data


def _last_line(output: bytes) -> str:
    """Return the last line of what a process printed: the error, in a traceback of Python."""
    return "".join(output.decode(errors="replace").strip().splitlines()[-1:])


def _fields(location: Any) -> list[Any]:
    return [
        location.path,
        location.offset,
        location.length,
        location.stored_length,
        location.method,
        location.crc,
    ]


def _size(result: Loaded | BadImage) -> int:
    if isinstance(result, BadImage):
        return _BAD_IMAGE_BYTES
    return sum(len(image.data) for image in result.images)
