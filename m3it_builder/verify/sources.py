"""Images of a build held against the official files they came from.

The rows of an index are taken in windows; the images of a window are looked
up by name, as a build does it, and read in the order they lie on the disk.
Frames and cells of arrays are taken out anew where the library that encodes
them is of the same version; where not, they are counted as not checked.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from m3it_builder.errors import M3ITError
from m3it_builder.media.probe import BadImage, probe
from m3it_builder.media.reader import ImageReader, key_of
from m3it_builder.records import File, Frames, Image, Pixels
from m3it_builder.verify.faults import Tally
from m3it_builder.verify.manifest_schema import UnitClaim
from m3it_builder.verify.read_tables import batch_rows, table_batches
from m3it_builder.verify.shard import Tick
from m3it_builder.verify.source_lookup import Raw
from m3it_builder.verify.source_refs import Wanted, wanted_of
from m3it_builder.verify.stored_row import UNREADABLE, Broken, said

WINDOW = 20_000  # images looked up and sorted together, about a kilobyte each
_ROWS = 256
_ADOPTED = "adopted: the images lie inside lines of text"
_DECODERS = {"pyav": "av", "decord": "decord"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceJob:
    """Some row groups of one unit, to be held against its sources."""

    folder: str  # of the task
    claim: UnitClaim
    groups: tuple[int, ...]
    sources: str


@dataclass(slots=True)
class SourceSeen:
    """What came of it."""

    checked: int = 0  # images
    unchecked: Counter[str] = field(default_factory=Counter)  # images, by reason
    tally: Tally = field(default_factory=Tally)


def check_sources(job: SourceJob, tick: Tick) -> SourceSeen:
    """Read every image again from its source, and compare its digest."""
    seen = SourceSeen()
    claim = job.claim
    check = _Check(job, seen, tick)
    with ImageReader(
        int(claim.plan.max_image_mb * 1e6), claim.plan.max_pixels, claim.plan.video
    ) as reader:
        try:
            for window in _windows(job, tick):
                check.window(window, reader)
        except (Broken, *UNREADABLE) as error:
            seen.tally.add("index_unreadable", f"{claim.name} index", said(error))
    return seen


def _windows(job: SourceJob, tick: Tick) -> Iterator[list[Wanted]]:
    """Yield what is wanted of the sources, each image of a window once."""
    columns = ["id", "meta", "images"]
    path = Path(job.folder) / "meta" / job.claim.split / Path(job.claim.index.path).name
    window: dict[tuple[tuple[str, ...], tuple[str, ...]], Wanted] = {}
    with pq.ParquetFile(path) as index:
        for batch in table_batches(index, job.groups, _ROWS, columns):
            for row in batch_rows(batch):
                for wanted in wanted_of(row):
                    if window.setdefault((wanted.names, wanted.digests), wanted) is not wanted:
                        tick(wanted.bytes)
            if len(window) >= WINDOW:
                yield list(window.values())
                window.clear()
    yield list(window.values())


class _Check:
    """Checks the windows of one job."""

    def __init__(self, job: SourceJob, seen: SourceSeen, tick: Tick) -> None:
        self._claim = job.claim
        self._raw = Raw(job.claim, Path(job.sources))
        self._seen = seen
        self._tick = tick
        self._obstacle = _obstacle(job.claim)
        decoder = _DECODERS[job.claim.plan.video.backend]
        self._can_decode = importlib.util.find_spec(decoder) is not None

    def window(self, window: Iterable[Wanted], reader: ImageReader) -> None:
        """Locate what is wanted, sort it by archive and offset, and read it."""
        located = []
        for wanted in window:
            image = self._usable(wanted)
            if image is None:
                self._tick(wanted.bytes)
            else:
                located.append((wanted, image))
        for wanted, image in sorted(located, key=_position):
            self._compare(wanted, image, reader)
            self._tick(wanted.bytes)

    def _usable(self, wanted: Wanted) -> Image | None:
        """Return what can be read and compared; None where that is noted already."""
        if "adopted_from" in self._claim.options:
            self._seen.unchecked[_ADOPTED] += len(wanted.digests)
            return None
        try:
            image = self._located(wanted)
        except (M3ITError, OSError) as error:
            self._fault(wanted, said(error))
            return None
        if image is None:
            self._fault(wanted, "it is not there")
        elif reason := self._not_now(image):
            self._seen.unchecked[reason] += len(wanted.digests)
            return None
        return image

    def _located(self, wanted: Wanted) -> Image | None:
        """Return the image with its place; a name with ``#`` may be a part of a file."""
        name = wanted.names[0]
        if wanted.frames is None and (location := self._raw.find(name)):
            return Image(name, location=location)
        base, mark, index = name.rpartition("#")
        location = self._raw.find(base) if mark else None
        if location is None:
            return None
        if wanted.frames is not None:
            return Image(base, location=location, selection=wanted.frames)
        return (
            Image(base, location=location, selection=Pixels(int(index)))
            if index.isdecimal()
            else None
        )

    def _not_now(self, image: Image) -> str | None:
        if isinstance(image.selection, Frames) and not self._can_decode:
            return "frames: no decoder is installed"
        return self._obstacle if image.selection is not None else None

    def _compare(self, wanted: Wanted, image: Image, reader: ImageReader) -> None:
        found: list[tuple[str, ...] | str] = []
        for candidate in _candidates(image, wanted, reader):
            try:
                taken = reader.read([candidate])[key_of(candidate)]
            except (M3ITError, OSError) as error:
                found.append(said(error))
                continue
            if isinstance(taken, BadImage):
                found.append(str(taken))
                continue
            found.append(tuple(image.digest for image in taken.images))
        self._seen.checked += len(wanted.digests)
        if wanted.digests not in found:
            what = found[0] if found else "it cannot be read"
            self._fault(wanted, what if isinstance(what, str) else "its bytes are others now")

    def _fault(self, wanted: Wanted, detail: str) -> None:
        where = f"{self._claim.name} {wanted.names[0]} ({wanted.row_id})"
        self._seen.tally.add("source_image", where, detail)


def _obstacle(claim: UnitClaim) -> str | None:
    """Say why encoded parts cannot be made again here, None where they can."""
    if claim.toolchain.get("pillow") == version("pillow"):
        return None
    return f"made with pillow {claim.toolchain.get('pillow')}, here is {version('pillow')}"


def _candidates(image: Image, wanted: Wanted, reader: ImageReader) -> list[Image]:
    """Return the image; where it is a cell of an array, in either order of colors."""
    if not isinstance(image.selection, Pixels) or image.location is None:
        return [image]
    try:
        taken = reader.read([image])[key_of(image)]
        width = 0 if isinstance(taken, BadImage) else probe(taken.images[0].data).width
    except (M3ITError, OSError, BadImage):
        return [image]
    scale = max(1, wanted.width // width) if width else 1
    return [
        Image(
            image.name,
            location=image.location,
            selection=Pixels(image.selection.index, order, scale),
        )
        for order in ("RGB", "BGR")
    ]


def _position(item: tuple[Wanted, Image]) -> tuple[str, int, str]:
    wanted, image = item
    location = image.location
    assert location is not None  # noqa: S101 - only located ones come here
    return location.path, 0 if isinstance(location, File) else location.offset, wanted.names[0]
