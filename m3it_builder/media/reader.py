"""Reading pictures: ahead of the packer, in the order they lie on the disk.

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
from m3it_builder.media.loaded import Taken, take
from m3it_builder.media.npy import read_cell
from m3it_builder.media.probe import BadPicture
from m3it_builder.media.video.extract import FrameReader, VideoPlan
from m3it_builder.records import File, Frames, Image, Pixels, Place, Record, Row, Slice
from m3it_builder.sources.archives import read_slice

STRETCH_BYTES = 32 << 20
WINDOW_BYTES = 1 << 20
GROUP_ROWS = 2_000  # at most, of a stretch or a window
_OPEN_ARCHIVES = 16
_ASKED = 4  # places of a stretch
_OPEN_FILES = 400  # of the 1,024 that a process may have as a rule

Key = tuple[str, int, str]  # path, offset, part
Read = dict[Key, Taken | BadPicture]


def key_of(image: Image) -> Key:
    """Return what distinguishes one located picture from another, in the order they lie."""
    if image.place is None:
        raise ValueError(f"{image.name} was never located")
    return *_lies(image.place), repr(image.part) if image.part else ""


def read_ahead(rows: Iterable[Row], reader: PictureReader) -> Iterator[tuple[list[Row], Read]]:
    """Yield rows in windows, with their pictures; what follows is announced in time."""
    waiting: list[Row] | None = None
    for stretch in chain(groups(rows, STRETCH_BYTES), [None]):
        if stretch is not None:
            reader.announce(_images(stretch))
        for window in groups(waiting or (), WINDOW_BYTES):
            yield window, reader.read(_images(window))
        waiting = stretch


def groups(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yield rows in groups whose pictures have about so many bytes together.

    A picture that stands in several rows, one after the other, is counted once.
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


class PictureReader:
    """Reads the pictures of a window in the order they lie on the disk."""

    def __init__(self, max_bytes: int, max_pixels: int, video: VideoPlan) -> None:
        self._max_bytes = max_bytes
        self._frames = FrameReader(video, max_pixels)
        self._descriptors: dict[str, int] = {}  # of archives
        self._opened: dict[str, int] = {}  # of loose files that will be read soon

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        for descriptor in self._opened.values():
            os.close(descriptor)
        self._frames.close()

    def announce(self, images: Iterable[Image]) -> None:
        """Ask the operating system to begin reading what will soon be read, in disk order."""
        places = [image.place for image in images if image.part is None and image.place]
        if all(map(_is_cached, places[:: max(1, len(places) // _ASKED)])):
            return  # to announce what is in memory costs a tenth of the packer's time
        for place in sorted(set(places), key=_lies):
            with suppress(OSError):  # what is gone is met, and told of, when it is read
                if isinstance(place, Slice):
                    descriptor = self._descriptor(place.path)
                    _will_need(descriptor, place.offset, place.packed)
                elif place.path not in self._opened and len(self._opened) < _OPEN_FILES:
                    self._opened[place.path] = os.open(place.path, os.O_RDONLY)
                    _will_need(self._opened[place.path], 0, place.length)

    def read(self, images: Iterable[Image]) -> Read:
        """Return the bytes of each distinct picture, or what is wrong with it."""
        distinct = {key_of(image): image for image in images}
        return {key: self._read(distinct[key]) for key in sorted(distinct)}

    def _read(self, image: Image) -> Taken | BadPicture:
        place, part = image.place, image.part
        assert place is not None  # noqa: S101 - it has a key
        if isinstance(part, Frames):
            return self._frames.read(place, part)
        try:
            if isinstance(part, Pixels):
                return take((read_cell(place, part),), {"indices": [part.index]})
            return self._whole(place)
        except FileNotFoundError:
            return BadPicture("image_missing", "it was there when the build began")
        except BadPicture as bad:
            return bad

    def _whole(self, place: Place) -> Taken:
        if place.length > self._max_bytes:
            raise BadPicture("image_oversized", f"{place.length:,} bytes")
        if isinstance(place, File):
            return take((self._whole_file(place),), {})
        try:
            return take((read_slice(place, self._descriptor(place.path)),), {})
        except SourceError as error:
            raise BadPicture("image_damaged", "its archive member does not unpack") from error

    def _descriptor(self, path: str) -> int:
        if path not in self._descriptors:
            if len(self._descriptors) >= _OPEN_ARCHIVES:
                self._close()
            self._descriptors[path] = os.open(path, os.O_RDONLY)
        return self._descriptors[path]

    def _whole_file(self, place: File) -> bytes:
        """Read a file in one call, where it still has the length it had when it was located."""
        descriptor = self._opened.pop(place.path, None)
        if descriptor is None:
            descriptor = os.open(place.path, os.O_RDONLY)
        try:
            data = os.read(descriptor, place.length + 1)
        finally:
            os.close(descriptor)
        return data if len(data) == place.length else Path(place.path).read_bytes()

    def _close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()


def _lies(place: Place) -> tuple[str, int]:
    return place.path, 0 if isinstance(place, File) else place.offset


def _is_cached(place: Place) -> bool:
    """Tell whether the first byte of a picture is in memory, as far as the system says."""
    offset = 0 if isinstance(place, File) else place.offset
    try:
        descriptor = os.open(place.path, os.O_RDONLY)
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


_CELL_BYTES = 2_000  # of one small picture of an array, about


def byte_count(record: Record) -> int:
    """Return the expected size of the row's pictures in bytes."""
    return sum([_expected(image) for image in record.images])


def _expected(image: Image) -> int:
    if image.part is None:
        return image.place.length if image.place else 0
    if isinstance(image.part, Frames):
        return image.part.count * _FRAME_BYTES
    return _CELL_BYTES
