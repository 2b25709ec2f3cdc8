"""Compares one source file with the digests that indexes hold of it."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path
from typing import IO

from blake3 import blake3

from m3it_builder.errors import SourceError
from m3it_builder.media.probe import BadImage
from m3it_builder.media.video.extract import FrameReader, VideoPlan
from m3it_builder.records import File, Frames
from m3it_builder.verify.array_cells import MALFORMED, cell_images
from m3it_builder.verify.second_reader import ARCHIVE_ERRORS, Found
from m3it_builder.verify.source_table import Role, Wanted
from m3it_builder.verify.stored_row import first_line

_BLOCK = 1 << 20  # bytes
_DECODERS = {"pyav": "av", "decord": "decord"}
_UNREADABLE = (SourceError, *ARCHIVE_ERRORS)


class State(IntEnum):
    """The outcome of one comparison; 0 is for a file that was not found."""

    ABSENT = 0
    EQUAL = 1
    WRONG = 2
    SKIPPED = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one comparison, and what is wrong."""

    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What decides the frames and cells of a unit."""

    pillow: str | None  # version of the build
    video: VideoPlan
    max_pixels: int

    def skip_reason(self, selection: Frames | int | None) -> str | None:
        """Return why frames or cells cannot be made again here; None if they can."""
        if isinstance(selection, Frames):
            if importlib.util.find_spec(_DECODERS[self.video.backend]) is None:
                return "frames: no decoder is installed"
        elif selection is None:
            return None
        installed = version("pillow")
        if self.pillow == installed:
            return None
        return f"built with pillow {self.pillow}, installed is {installed}"


class Comparer:
    """Compares files; keeps one video worker per kind of unit."""

    def __init__(self, units: Sequence[UnitFacts]) -> None:
        self._units = units
        self._readers: dict[UnitFacts, FrameReader] = {}

    def __enter__(self) -> Comparer:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in self._readers.values():
            reader.close()

    def compare(self, wanted: Sequence[Wanted], found: Found) -> Iterator[tuple[Wanted, Verdict]]:
        """Yield a verdict foreverything wanted of one file, which is opened once."""
        derived = [one for one in wanted if one.role in (Role.FRAMES, Role.CELL)]
        skipped = {one.number for one in derived if self._skip_reason(one)}
        for one in wanted:
            if one.number in skipped:
                yield one, Verdict(State.SKIPPED)
            elif one.role == Role.SIZE:
                yield one, _compare_size(one, found.size)
        left = [one for one in wanted if one.role != Role.SIZE and one.number not in skipped]
        if not left:
            return
        try:
            with found.open() as content:
                verdicts = list(self._verdicts(left, found, content))
        except _UNREADABLE as error:
            verdicts = [(one, Verdict(State.WRONG, first_line(error))) for one in left]
        yield from verdicts

    def _skip_reason(self, wanted: Wanted) -> str | None:
        return self._units[wanted.unit].skip_reason(wanted.selection)

    def _verdicts(
        self, wanted: Sequence[Wanted], found: Found, content: IO[bytes]
    ) -> Iterator[tuple[Wanted, Verdict]]:
        if all(one.role == Role.FILE for one in wanted):
            digest = _digest(content)
            yield from ((one, _verdict(one.digests == (digest,))) for one in wanted)
        elif found.path is not None:
            yield from self._compare_on_disk(wanted, found.path, content)
        else:
            # A copy on disk: decoders seek, and streams of archives do not.
            with tempfile.NamedTemporaryFile(prefix="m3it-verify-") as copy:
                shutil.copyfileobj(content, copy, _BLOCK)
                copy.flush()
                yield from self._compare_on_disk(wanted, Path(copy.name), copy.file)

    def _compare_on_disk(
        self, wanted: Sequence[Wanted], path: Path, file: IO[bytes]
    ) -> Iterator[tuple[Wanted, Verdict]]:
        for one in wanted:
            file.seek(0)
            if one.role == Role.FILE:
                yield one, _verdict(one.digests == (_digest(file),))
            elif isinstance(one.selection, Frames):
                yield one, self._compare_frames(one, one.selection, path)
            else:
                yield one, _compare_cell(one, file)

    def _compare_frames(self, wanted: Wanted, frames: Frames, path: Path) -> Verdict:
        unit = self._units[wanted.unit]
        if unit not in self._readers:
            self._readers[unit] = FrameReader(unit.video, unit.max_pixels)
        result = self._readers[unit].read(File.of(str(path), path.stat()), frames)
        if isinstance(result, BadImage):
            return Verdict(State.WRONG, str(result))
        return _verdict(wanted.digests == tuple(image.digest for image in result.images))


def _compare_cell(wanted: Wanted, file: IO[bytes]) -> Verdict:
    assert isinstance(wanted.selection, int)  # noqa: S101 - a cell
    try:
        images = cell_images(file, wanted.selection, wanted.width)
        return _verdict(any(wanted.digests == (blake3(data).hexdigest(),) for data in images))
    except MALFORMED as error:
        return Verdict(State.WRONG, first_line(error))


def _compare_size(wanted: Wanted, size: int) -> Verdict:
    if size == wanted.bytes:
        return Verdict(State.EQUAL)
    return Verdict(State.WRONG, f"{size:,} bytes, {wanted.bytes:,} when the build was made")


def _verdict(is_equal: bool) -> Verdict:
    return Verdict(State.EQUAL) if is_equal else Verdict(State.WRONG, "its bytes have changed")


def _digest(content: IO[bytes]) -> str:
    digest = blake3()
    while block := content.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
