"""Reads images ahead of the packer, in disk order.

While the packer works on one prefetch window of rows, the operating system is asked to
read the images of the next one, archive by archive and offset by offset. A prefetch
window is then read in smaller windows whose images fit the processor's cache. (A reader
thread would cost a sixth of the packer's time, because bytes move between processors;
the kernel's read-ahead costs nothing.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain

from m3it_builder.errors import SourceChangedError
from m3it_builder.media.loaded_image import Loaded, load_images
from m3it_builder.media.npy import read_pixels
from m3it_builder.media.probe import BadImage
from m3it_builder.media.video.extract import FrameReader, VideoPlan
from m3it_builder.records import (
    File,
    FileIdentity,
    Frames,
    Image,
    Instance,
    Location,
    Pixels,
    Record,
    Slice,
)
from m3it_builder.sources.members import MemberError, read_slice

PREFETCH_BYTES = 32 << 20
WINDOW_BYTES = 1 << 20
MAX_GROUP_ROWS = 2_000  # of a window of either kind
_MAX_OPEN_ARCHIVES = 16
_MAX_OPEN_FILES = 400  # processes are usually limited to 1,024
_CACHE_SAMPLES = 4  # images of a prefetch window tested for being in the page cache
_FRAME_BYTES = 24_000  # typical size of an encoded video frame
_ARRAY_IMAGE_BYTES = 2_000  # typical size of an encoded image of an array

ImageKey = tuple[str, int, str]  # path, offset, selection
ImagesByKey = dict[ImageKey, Loaded | BadImage]


def key_of(image: Image) -> ImageKey:
    """Return the identity of a located image; keys sort in disk order."""
    if image.location is None:
        raise ValueError(f"{image.name} was never located")
    return *_disk_order(image.location), repr(image.selection) if image.selection else ""


def read_ahead(
    rows: Iterable[Instance], reader: ImageReader
) -> Iterator[tuple[list[Instance], ImagesByKey]]:
    """Yield rows in windows with their images, prefetching those of the rows that follow."""
    current: list[Instance] | None = None
    for following in chain(groups(rows, PREFETCH_BYTES), [None]):
        if following is not None:
            reader.prefetch(_images(following))
        for window in groups(current or (), WINDOW_BYTES):
            yield window, reader.read(_images(window))
        current = following


def groups(rows: Iterable[Instance], max_bytes: int) -> Iterator[list[Instance]]:
    """Yield rows in groups whose images have about ``max_bytes`` bytes together."""
    group: list[Instance] = []
    size = 0
    previous: tuple[Image, ...] = ()
    for row in rows:
        group.append(row)
        images = row.record.images
        # Questions about one image are consecutive. It is read once a window, so it counts
        # once: counted forevery row it would fill windows, and each would read it again.
        if not _are_same(images, previous):
            size += byte_count(row.record)
        previous = images
        if size >= max_bytes or len(group) >= MAX_GROUP_ROWS:
            yield group
            group, size, previous = [], 0, ()
    if group:
        yield group


def byte_count(record: Record) -> int:
    """Return the expected size of a row's images in bytes."""
    return sum([_expected_bytes(image) for image in record.images])


def _expected_bytes(image: Image) -> int:
    if image.selection is None:
        return image.location.length if image.location else 0
    if isinstance(image.selection, Frames):
        return image.selection.count * _FRAME_BYTES
    return _ARRAY_IMAGE_BYTES


def _are_same(images: tuple[Image, ...], others: tuple[Image, ...]) -> bool:
    # Most rows differ in the first name; comparing it alone is cheaper than all fields.
    if not images or not others or images[0].name != others[0].name:
        return False
    return images == others


def _images(rows: Iterable[Instance]) -> list[Image]:
    return [image for row in rows for image in row.record.images]


class ImageReader:
    """Reads the images of a window in disk order."""

    def __init__(
        self,
        max_bytes: int,
        max_pixels: int,
        video: VideoPlan,
        identities: Mapping[str, FileIdentity] | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            max_bytes: of one image; a larger one is rejected.
            max_pixels: of one frame of a video.
            video: how videos are read.
            identities: of the archives when their members were listed, by path.
        """
        self._max_bytes = max_bytes
        self._identities = identities or {}
        self._frames = FrameReader(video, max_pixels)
        self._archives: dict[str, int] = {}  # descriptors by path
        # Descriptors of prefetched loose files. posix_fadvise needs an open file anyway; it
        # stays open until it is read, since opening again would repeat the path lookup.
        self._opened: dict[str, int] = {}

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_archives()
        for descriptor in self._opened.values():
            os.close(descriptor)
        self._frames.close()

    def prefetch(self, images: Iterable[Image]) -> None:
        """Ask the operating system to read images into the page cache, in disk order."""
        locations = [
            image.location for image in images if image.selection is None and image.location
        ]
        # Prefetching what is in memory already would cost a tenth of the packer's time.
        if all(map(_is_cached, locations[:: max(1, len(locations) // _CACHE_SAMPLES)])):
            return
        for location in sorted(set(locations), key=_disk_order):
            with suppress(OSError):  # a missing file is reported when it is read
                if isinstance(location, Slice):
                    descriptor = self._archive(location.path)
                    _advise_will_need(descriptor, location.offset, location.stored_length)
                elif location.path not in self._opened and len(self._opened) < _MAX_OPEN_FILES:
                    self._opened[location.path] = os.open(location.path, os.O_RDONLY)
                    _advise_will_need(self._opened[location.path], 0, location.length)

    def read(self, images: Iterable[Image]) -> ImagesByKey:
        """Return each distinct image, or the reason why it cannot be used.

        Raises:
            SourceChangedError: a file is not the one that was located.
        """
        distinct = {key_of(image): image for image in images}
        return {key: self._read(distinct[key]) for key in sorted(distinct)}

    def _read(self, image: Image) -> Loaded | BadImage:
        location, selection = image.location, image.selection
        assert location is not None  # noqa: S101 - it has a key
        try:
            if selection is not None:
                self._require_unchanged(location)
            if isinstance(selection, Frames):
                return self._frames.read(location, selection)
            if isinstance(selection, Pixels):
                return load_images(
                    (read_pixels(location, selection),), {"indices": [selection.index]}
                )
            return self._read_image(location)
        except FileNotFoundError:
            return BadImage("image_missing", "the file disappeared during the build")
        except BadImage as bad:
            return bad

    def _read_image(self, location: Location) -> Loaded:
        if location.length > self._max_bytes:
            raise BadImage("image_oversized", f"{location.length:,} bytes")
        if isinstance(location, File):
            return load_images((self._read_file(location),), {})
        try:
            return load_images((read_slice(location, self._archive(location.path)),), {})
        except MemberError as error:
            raise BadImage("image_damaged", f"the archive member {error.detail}") from error

    def _read_file(self, location: File) -> bytes:
        descriptor = self._opened.pop(location.path, None)
        if descriptor is None:
            descriptor = os.open(location.path, os.O_RDONLY)
        try:
            _require_same(os.fstat(descriptor), location)
            data = os.read(descriptor, location.length)
        finally:
            os.close(descriptor)
        if len(data) != location.length:
            raise changed(location.path)
        return data

    def _require_unchanged(self, location: Location) -> None:
        """Check a file that is opened elsewhere: by the video worker, or cell by cell."""
        if isinstance(location, Slice):
            self._archive(location.path)
            return
        _require_same(os.stat(location.path), location)  # noqa: PTH116 - a plain string

    def _archive(self, path: str) -> int:
        if path not in self._archives:
            if len(self._archives) >= _MAX_OPEN_ARCHIVES:
                self._close_archives()
            self._archives[path] = descriptor = os.open(path, os.O_RDONLY)
            expected = self._identities.get(path)
            if expected is not None and FileIdentity.of(os.fstat(descriptor)) != expected:
                raise changed(path)
        return self._archives[path]

    def _close_archives(self) -> None:
        for descriptor in self._archives.values():
            os.close(descriptor)
        self._archives.clear()


def changed(path: str) -> SourceChangedError:
    """Return the error for a file that is not the one that was located."""
    return SourceChangedError(
        f"{path} has changed since the build began; repeat the command, which reads it again"
    )


def _require_same(stat: os.stat_result, location: File) -> None:
    if File.of(location.path, stat) != location:
        raise changed(location.path)


def _disk_order(location: Location) -> tuple[str, int]:
    return location.path, 0 if isinstance(location, File) else location.offset


def _is_cached(location: Location) -> bool:
    """Return True if the first byte of an image is in the page cache."""
    offset = 0 if isinstance(location, File) else location.offset
    try:
        descriptor = os.open(location.path, os.O_RDONLY)
        try:
            # RWF_NOWAIT fails with EAGAIN where it would have to wait for the disk: a test of
            # the page cache for one system call, without the mapping that mincore needs.
            return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) == 1
        finally:
            os.close(descriptor)
    except (OSError, AttributeError):  # not cached, missing, or not Linux
        return False


def _advise_will_need(descriptor: int, offset: int, length: int) -> None:
    if hasattr(os, "posix_fadvise"):  # missing on macOS
        os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_WILLNEED)
