"""Reading pictures: in windows of bounded size, in the order they lie on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from m3it_builder.archives import read_slice
from m3it_builder.errors import SourceError
from m3it_builder.probe import BadPicture
from m3it_builder.records import File, Image, Place
from m3it_builder.wire import Row, byte_count

WINDOW_BYTES = 16 << 20
WINDOW_ROWS = 2_000
_OPEN_ARCHIVES = 16


def windows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in groups whose pictures fit into memory together."""
    window: list[Row] = []
    size = 0
    for row in rows:
        window.append(row)
        size += byte_count(row.record)
        if size >= WINDOW_BYTES or len(window) >= WINDOW_ROWS:
            yield window
            window, size = [], 0
    if window:
        yield window


class PictureReader:
    """Reads the pictures of a window in the order they lie on the disk."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._descriptors: dict[str, int] = {}

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self, images: Iterable[Image]) -> dict[Place, bytes | BadPicture]:
        """Return the bytes of each distinct place, or what is wrong with them."""
        places = sorted({place_of(image) for image in images}, key=_position)
        return {place: self._read(place) for place in places}

    def _read(self, place: Place) -> bytes | BadPicture:
        if place.length > self._max_bytes:
            return BadPicture("image_oversized", f"{place.length:,} bytes")
        try:
            if isinstance(place, File):
                return Path(place.path).read_bytes()
            return read_slice(place, self._descriptor(place.path))
        except FileNotFoundError:
            return BadPicture("image_missing", "it was there when the build began")
        except SourceError:
            return BadPicture("image_damaged", "its archive member does not unpack")

    def _descriptor(self, path: str) -> int:
        if path not in self._descriptors:
            if len(self._descriptors) >= _OPEN_ARCHIVES:
                self._close()
            self._descriptors[path] = os.open(path, os.O_RDONLY)
        return self._descriptors[path]

    def _close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()


def place_of(image: Image) -> Place:
    """Return where a located picture lies."""
    if image.place is None:
        raise ValueError(f"{image.name} was never located")
    return image.place


def _position(place: Place) -> tuple[str, int]:
    return place.path, 0 if isinstance(place, File) else place.offset
