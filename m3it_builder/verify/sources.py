"""Compares the images of a build with the official files they came from.

The rows of an index are processed in windows; the images of a window are
located by name, as a build does it, and read in disk order. Frames and cells
of arrays are extracted again if the installed Pillow, which encodes them, is
the version of the build; otherwise they are counted as not checked.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from m3it_builder.dataset.manifest import Manifest
from m3it_builder.errors import M3ITError
from m3it_builder.media.probe import BadImage, probe
from m3it_builder.media.reader import ImageReader, key_of
from m3it_builder.records import File, Frames, Image, Pixels
from m3it_builder.verify.faults import Tally
from m3it_builder.verify.read_tables import batch_rows, table_batches
from m3it_builder.verify.shard import Tick
from m3it_builder.verify.source_lookup import SourceLookup
from m3it_builder.verify.source_refs import SourceRef, source_refs
from m3it_builder.verify.stored_row import READ_ERRORS, ReadError, first_line

WINDOW_IMAGES = 20_000  # located and sorted together, about a kilobyte each
_INDEX_BATCH_ROWS = 256
_ADOPTED = "adopted: the images are inside lines of text"
_DECODERS = {"pyav": "av", "decord": "decord"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceJob:
    """The arguments of ``check_sources``: some row groups of one unit; picklable."""

    folder: str  # of the task
    manifest: Manifest
    groups: tuple[int, ...]  # row groups of the index
    sources: str


@dataclass(slots=True)
class SourceResult:
    """Counts and findings of one job."""

    checked: int = 0  # images
    unchecked: Counter[str] = field(default_factory=Counter)  # images, by reason
    tally: Tally = field(default_factory=Tally)


def check_sources(job: SourceJob, tick: Tick) -> SourceResult:
    """Read every image again from its source, and compare its digest.

    Args:
        job: what to check.
        tick: progress callback, in bytes of published images.
    """
    plan = job.manifest.plan
    with ImageReader(int(plan.max_image_mb * 1e6), plan.max_pixels, plan.video) as reader:
        checker = _SourceChecker(job, reader, tick)
        try:
            for window in _windows(job, tick):
                checker.check(window)
        except (ReadError, *READ_ERRORS) as error:
            where = f"{job.manifest.name} index"
            checker.result.tally.add("index_unreadable", where, first_line(error))
    return checker.result


def _windows(job: SourceJob, tick: Tick) -> Iterator[list[SourceRef]]:
    """Yield the sources of the rows in windows; a source occurs once in a window."""
    columns = ["id", "meta", "images"]
    path = Path(job.folder) / "meta" / job.manifest.split / Path(job.manifest.index.path).name
    window: dict[tuple[tuple[str, ...], tuple[str, ...]], SourceRef] = {}
    with pq.ParquetFile(path) as index:
        for batch in table_batches(index, job.groups, _INDEX_BATCH_ROWS, columns):
            for row in batch_rows(batch):
                for ref in source_refs(row):
                    if window.setdefault((ref.names, ref.digests), ref) is not ref:
                        tick(ref.bytes)
            if len(window) >= WINDOW_IMAGES:
                yield list(window.values())
                window.clear()
    yield list(window.values())


class _SourceChecker:
    """Checks the windows of one job."""

    def __init__(self, job: SourceJob, reader: ImageReader, tick: Tick) -> None:
        self.result = SourceResult()
        self._manifest = job.manifest
        self._lookup = SourceLookup(job.manifest, Path(job.sources))
        self._reader = reader
        self._tick = tick
        self._pillow_mismatch = _pillow_mismatch(job.manifest)
        decoder = _DECODERS[job.manifest.plan.video.backend]
        self._can_decode = importlib.util.find_spec(decoder) is not None

    def check(self, window: Iterable[SourceRef]) -> None:
        """Locate the sources, sort them by path and offset, and compare them."""
        located = []
        for ref in window:
            image = self._comparable_image(ref)
            if image is None:
                self._tick(ref.bytes)
            else:
                located.append((ref, image))
        for ref, image in sorted(located, key=_disk_order):
            self._compare(ref, image)
            self._tick(ref.bytes)

    def _comparable_image(self, ref: SourceRef) -> Image | None:
        """Return the located image; None if it is counted as unchecked or reported."""
        if "adopted_from" in self._manifest.options:
            self.result.unchecked[_ADOPTED] += len(ref.digests)
            return None
        try:
            image = self._locate(ref)
        except (M3ITError, OSError) as error:
            self._report(ref, first_line(error))
            return None
        if image is None:
            self._report(ref, "missing")
        elif reason := self._skip_reason(image):
            self.result.unchecked[reason] += len(ref.digests)
            return None
        return image

    def _locate(self, ref: SourceRef) -> Image | None:
        """Return the image with its location; ``#`` in a name may select a part of a file."""
        name = ref.names[0]
        if ref.frames is None and (location := self._lookup.find(name)):
            return Image(name, location=location)
        base, separator, index = name.rpartition("#")
        location = self._lookup.find(base) if separator else None
        if location is None:
            return None
        if ref.frames is not None:
            return Image(base, location=location, selection=ref.frames)
        if not index.isdecimal():
            return None
        return Image(base, location=location, selection=Pixels(int(index)))

    def _skip_reason(self, image: Image) -> str | None:
        if isinstance(image.selection, Frames) and not self._can_decode:
            return "frames: no decoder is installed"
        return self._pillow_mismatch if image.selection is not None else None

    def _compare(self, ref: SourceRef, image: Image) -> None:
        details = []
        is_equal = False
        for candidate in _candidates(image, ref, self._reader):
            try:
                result = self._reader.read([candidate])[key_of(candidate)]
            except (M3ITError, OSError) as error:
                details.append(first_line(error))
                continue
            if isinstance(result, BadImage):
                details.append(str(result))
                continue
            is_equal |= ref.digests == tuple(image.digest for image in result.images)
            details.append("its bytes have changed")
        self.result.checked += len(ref.digests)
        if not is_equal:
            self._report(ref, details[0])

    def _report(self, ref: SourceRef, detail: str) -> None:
        where = f"{self._manifest.name} {ref.names[0]} ({ref.row_id})"
        self.result.tally.add("source_image", where, detail)


def _pillow_mismatch(manifest: Manifest) -> str | None:
    """Describe why encoded frames and cells cannot be reproduced; None if they can."""
    built_with, installed = manifest.toolchain.get("pillow"), version("pillow")
    if built_with == installed:
        return None
    return f"built with pillow {built_with}, installed is {installed}"


def _candidates(image: Image, ref: SourceRef, reader: ImageReader) -> list[Image]:
    """Return the image; for a cell of an array, in both channel orders.

    The index states neither the channel order nor the scale; the scale follows
    from the widths.
    """
    if not isinstance(image.selection, Pixels) or image.location is None:
        return [image]
    try:
        result = reader.read([image])[key_of(image)]
        width = 0 if isinstance(result, BadImage) else probe(result.images[0].data).width
    except (M3ITError, OSError, BadImage):
        return [image]
    scale = max(1, ref.width // width) if width else 1
    return [
        Image(
            image.name,
            location=image.location,
            selection=Pixels(image.selection.index, order, scale),
        )
        for order in ("RGB", "BGR")
    ]


def _disk_order(item: tuple[SourceRef, Image]) -> tuple[str, int, str]:
    ref, image = item
    location = image.location
    assert location is not None  # noqa: S101 - _comparable_image returns located images only
    return location.path, 0 if isinstance(location, File) else location.offset, ref.names[0]
