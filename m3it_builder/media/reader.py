"""Reading images: ahead of the packer, in the order they lie on the disk.

A stretch of rows is announced to the operating system, archive by archive and
offset by offset, while the packer still works on the stretch before; it is then
read in windows small enough for the processor's cache. (A reading thread costs
a sixth of the packer's time, because bytes change processors; the kernel does
the same for nothing.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from m3it_builder.errors import SourceError
from m3it_builder.media.loaded import Loaded, load_images
from m3it_builder.media.npy import read_cell
from m3it_builder.media.probe import BadImage
from m3it_builder.media.video.extract import FrameReader, VideoPlan
from m3it_builder.records import File, Frames, Image, Location, Pixels, Record, Row, Slice
from m3it_builder.sources.archives import read_slice

STRETCH_BYTES = 32 << 20
WINDOW_BYTES = 1 << 20
GROUP_ROWS = 2_000  # at most, of a stretch or a window
_OPEN_ARCHIVES = 16
_ASKED = 4  # places of a stretch
_OPEN_FILES = 400  # of the 1,024 that a process may have as a rule

ImageKey = tuple[str, int, str]  # path, offset, selection
Read = dict[ImageKey, Loaded | BadImage]


def key_of(image: Image) -> ImageKey:
    """Return what distinguishes one located image from another, in the order they lie."""
    if image.location is None:
        raise ValueError(f"{image.name} was never located")
    return *_lies(image.location), repr(image.selection) if image.selection else ""


def read_ahead(rows: Iterable[Row], reader: ImageReader) -> Iterator[tuple[list[Row], Read]]:
    """Yield rows in windows, with their images; what follows is announced in time."""
    waiting: list[Row] | None = None
    for stretch in chain(groups(rows, STRETCH_BYTES), [None]):
        if stretch is not None:
            reader.announce(_images(stretch))
        for window in groups(waiting or (), WINDOW_BYTES):
            yield window, reader.read(_images(window))
        waiting = stretch


def groups(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yield rows in groups whose images have about so many bytes together.

    An image that stands in several rows, one after the other, is counted once.
    """
    group: list[Row] = []
    size = 0
    before: tuple[Image, ...] = ()
    for row in rows:
        group.append(row)
        images = row.record.images
        if not _are_same(images, before):
            size += byte_count(row.record)
        before = images
        if size >= most or len(group) >= GROUP_ROWS:
            yield group
            group, size, before = [], 0, ()
    if group:
        yield group


def _are_same(images: tuple[Image, ...], others: tuple[Image, ...]) -> bool:
    if not images or not others or images[0].name != others[0].name:
        return False
    return images == others


def _images(rows: Iterable[Row]) -> list[Image]:
    return [image for row in rows for image in row.record.images]


class ImageReader:
    """Reads the images of a window in the order they lie on the disk."""

    def __init__(self, max_bytes: int, max_pixels: int, video: VideoPlan) -> None:
        self._max_bytes = max_bytes
        self._frames = FrameReader(video, max_pixels)
        self._descriptors: dict[str, int] = {}  # of archives
        self._opened: dict[str, int] = {}  # of loose files that will be read soon

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        for descriptor in self._opened.values():
            os.close(descriptor)
        self._frames.close()

    def announce(self, images: Iterable[Image]) -> None:
        """Ask the operating system to begin reading what will soon be read, in disk order."""
        locations = [
            image.location for image in images if image.selection is None and image.location
        ]
        if all(map(_is_cached, locations[:: max(1, len(locations) // _ASKED)])):
            return  # to announce what is in memory costs a tenth of the packer's time
        for location in sorted(set(locations), key=_lies):
            with suppress(OSError):  # what is gone is met, and told of, when it is read
                if isinstance(location, Slice):
                    descriptor = self._descriptor(location.path)
                    _will_need(descriptor, location.offset, location.packed)
                elif location.path not in self._opened and len(self._opened) < _OPEN_FILES:
                    self._opened[location.path] = os.open(location.path, os.O_RDONLY)
                    _will_need(self._opened[location.path], 0, location.length)

    def read(self, images: Iterable[Image]) -> Read:
        """Return the bytes of each distinct image, or what is wrong with it."""
        distinct = {key_of(image): image for image in images}
        return {key: self._read(distinct[key]) for key in sorted(distinct)}

    def _read(self, image: Image) -> Loaded | BadImage:
        location, selection = image.location, image.selection
        assert location is not None  # noqa: S101 - it has a key
        if isinstance(selection, Frames):
            return self._frames.read(location, selection)
        try:
            if isinstance(selection, Pixels):
                return load_images(
                    (read_cell(location, selection),), {"indices": [selection.index]}
                )
            return self._whole(location)
        except FileNotFoundError:
            return BadImage("image_missing", "it was there when the build began")
        except BadImage as bad:
            return bad

    def _whole(self, location: Location) -> Loaded:
        if location.length > self._max_bytes:
            raise BadImage("image_oversized", f"{location.length:,} bytes")
        if isinstance(location, File):
            return load_images((self._whole_file(location),), {})
        try:
            return load_images((read_slice(location, self._descriptor(location.path)),), {})
        except SourceError as error:
            raise BadImage("image_damaged", "its archive member does not unpack") from error

    def _descriptor(self, path: str) -> int:
        if path not in self._descriptors:
            if len(self._descriptors) >= _OPEN_ARCHIVES:
                self._close()
            self._descriptors[path] = os.open(path, os.O_RDONLY)
        return self._descriptors[path]

    def _whole_file(self, location: File) -> bytes:
        """Read a file in one call, where it still has the length it had when it was located."""
        descriptor = self._opened.pop(location.path, None)
        if descriptor is None:
            descriptor = os.open(location.path, os.O_RDONLY)
        try:
            data = os.read(descriptor, location.length + 1)
        finally:
            os.close(descriptor)
        return data if len(data) == location.length else Path(location.path).read_bytes()

    def _close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()


def _lies(location: Location) -> tuple[str, int]:
    return location.path, 0 if isinstance(location, File) else location.offset


def _is_cached(location: Location) -> bool:
    """Tell whether the first byte of an image is in memory, as far as the system says."""
    offset = 0 if isinstance(location, File) else location.offset
    try:
        descriptor = os.open(location.path, os.O_RDONLY)
        try:
            return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) == 1
        finally:
            os.close(descriptor)
    except (OSError, AttributeError):  # not in memory, gone, or no Linux
        return False


def _will_need(descriptor: int, offset: int, length: int) -> None:
    if hasattr(os, "posix_fadvise"):  # macOS has none
        os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_WILLNEED)


_FRAME_BYTES = 24_000  # of one encoded frame, about


_CELL_BYTES = 2_000  # of one small image of an array, about


def byte_count(record: Record) -> int:
    """Return the expected size of the row's images in bytes."""
    return sum([_expected(image) for image in record.images])


def _expected(image: Image) -> int:
    if image.selection is None:
        return image.location.length if image.location else 0
    if isinstance(image.selection, Frames):
        return image.selection.count * _FRAME_BYTES
    return _CELL_BYTES
