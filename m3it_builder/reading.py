"""Reading pictures: in windows of bounded size, in the order they lie on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from m3it_builder.archives import read_slice
from m3it_builder.arrays import read_cell
from m3it_builder.errors import SourceError
from m3it_builder.probe import BadPicture
from m3it_builder.records import File, Frames, Image, Pixels, Place
from m3it_builder.video.extract import FrameReader, Taken, VideoPlan
from m3it_builder.wire import Row, byte_count

WINDOW_BYTES = 16 << 20
WINDOW_ROWS = 2_000
_OPEN_ARCHIVES = 16

Key = tuple[Place, Frames | Pixels | None]


def key_of(image: Image) -> Key:
    """Return what distinguishes one located picture from another."""
    if image.place is None:
        raise ValueError(f"{image.name} was never located")
    return image.place, image.part


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

    def __init__(self, max_bytes: int, max_pixels: int, video: VideoPlan) -> None:
        self._max_bytes = max_bytes
        self._frames = FrameReader(video, max_pixels)
        self._descriptors: dict[str, int] = {}

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._frames.close()

    def read(self, images: Iterable[Image]) -> dict[Key, Taken | BadPicture]:
        """Return the bytes of each distinct picture, or what is wrong with it."""
        keys = sorted({key_of(image) for image in images}, key=_position)
        return {key: self._read(key) for key in keys}

    def _read(self, key: Key) -> Taken | BadPicture:
        place, part = key
        if isinstance(part, Frames):
            return self._frames.read(place, part)
        try:
            if isinstance(part, Pixels):
                return Taken((read_cell(place, part),), {"indices": [part.index]})
            return self._whole(place)
        except FileNotFoundError:
            return BadPicture("image_missing", "it was there when the build began")
        except BadPicture as bad:
            return bad

    def _whole(self, place: Place) -> Taken:
        if place.length > self._max_bytes:
            raise BadPicture("image_oversized", f"{place.length:,} bytes")
        if isinstance(place, File):
            return Taken((Path(place.path).read_bytes(),), {})
        try:
            return Taken((read_slice(place, self._descriptor(place.path)),), {})
        except SourceError as error:
            raise BadPicture("image_damaged", "its archive member does not unpack") from error

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


def _position(key: Key) -> tuple[str, int, str]:
    place, part = key
    return place.path, 0 if isinstance(place, File) else place.offset, repr(part)
