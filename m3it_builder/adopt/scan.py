"""The first pass over a published file: its rows, with location and digest of every image.

A scan is a file of rows and a summary. The summary is written last, so a scan is
complete if and only if its summary exists. Files of tens of gigabytes are read
once, line by line, with one line in memory.
"""

from __future__ import annotations

import fcntl
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
from blake3 import blake3

from m3it_builder.adopt.fields import MalformedRowError, Role, unify
from m3it_builder.adopt.json_spans import Span, parse
from m3it_builder.adopt.scanned_rows import (
    ImageSpan,
    MalformedLine,
    ScannedLine,
    ScannedRow,
    encode,
)
from m3it_builder.errors import SourceError
from m3it_builder.sources.base64_span import decode_span
from m3it_builder.storage.atomic import atomic_path, remove_partials, write_atomic
from m3it_builder.storage.regular_files import open_regular

Advance = Callable[[int], None]  # progress callback: bytes read since the last call
Roles = Mapping[str, Role]  # by key of a row

LFS_POINTER = b"version https://git-lfs.github.com/"
_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n" + _BOM
_BUFFER = 4 << 20
_MAX_LINE = 256 << 20  # bytes; longer lines are rejected without loading them
_ADVANCE_EVERY = 16 << 20  # bytes
_MAX_KEYS = 200
_MAX_KEY_LENGTH = 100  # characters
_MAX_DETAIL = 200  # characters
_DATA_URI_PREFIX = 64  # bytes; "data:image/jpeg;base64," ends within them


@dataclass(frozen=True, slots=True)
class FileState:
    """What a scan depends on: it is stale if any of this changes."""

    name: str  # relative to the data folder
    size: int
    mtime_ns: int
    scanner: str  # digest of the scanner's code


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanJob:
    """One file to scan; picklable, so that it can be sent to a worker process."""

    path: str  # absolute
    rows_path: str  # where the scanned rows are written
    state: FileState

    @property
    def summary_path(self) -> Path:
        """Return the path of the summary."""
        return Path(self.rows_path).with_suffix(".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """Counts over one published file."""

    state: FileState
    lines: int  # without blank lines
    rows: int  # lines that are not malformed
    images: int
    min_images: int  # per row
    max_images: int
    with_instruction: int  # rows that have their own instruction
    with_label: int  # rows whose answer is a class number
    roles: dict[str, dict[str, int]]  # key: role: rows


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file and the summary of its scan."""

    job: ScanJob
    summary: ScanSummary


def load_summary(job: ScanJob) -> ScanSummary | None:
    """Return the summary of a complete and up-to-date scan, or None."""
    try:
        summary = msgspec.json.decode(job.summary_path.read_bytes(), type=ScanSummary)
    except (FileNotFoundError, ValueError):
        return None
    return summary if summary.state == job.state and Path(job.rows_path).is_file() else None


def scan(job: ScanJob, advance: Advance = lambda _: None) -> ScanSummary:
    """Scan one file, or load an up-to-date scan; write the rows, then the summary.

    Args:
        job: what to read, and where to write.
        advance: progress callback.

    Raises:
        SourceError: the file is a Git LFS pointer, or not a regular file.
    """
    rows = Path(job.rows_path)
    rows.parent.mkdir(parents=True, exist_ok=True)
    with rows.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be scanning the same file
        return load_summary(job) or _scan(job, rows, advance)


def require_content(path: Path) -> None:
    """Require that a file is a regular one, and not a Git LFS pointer.

    Raises:
        SourceError: it is something else.
    """
    with open_regular(path) as file:
        _reject_pointer(file, path)


def _scan(job: ScanJob, rows: Path, advance: Advance) -> ScanSummary:
    counts = _Counts()
    remove_partials(rows)  # of a killed run; the lock makes this process the only writer
    with (
        atomic_path(rows, fsync=True) as partial,
        open_regular(Path(job.path), _BUFFER) as file,
        partial.open("wb") as out,
    ):
        _reject_pointer(file, Path(job.path))
        for number, offset, line in _lines(file, advance):
            item, roles = _scan_line(number, offset, line)
            try:
                encoded = encode(item)
            except ValueError as error:
                item = MalformedLine(number, "damaged_text", str(error))
                encoded = encode(item)
            counts.add(item, roles)
            out.write(encoded + b"\n")
    summary = counts.summary(job.state)
    write_atomic(job.summary_path, msgspec.json.encode(summary), fsync=True)
    return summary


def _reject_pointer(file: BinaryIO, path: Path) -> None:
    if file.read(len(LFS_POINTER)) == LFS_POINTER:
        raise SourceError(
            f"{path}: a Git LFS pointer, not the file itself; run `git lfs pull` in its repository"
        )
    file.seek(0)


def _lines(file: BinaryIO, advance: Advance) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield number, offset and bytes of each line that is not blank; None for one too long."""
    number = offset = unreported = 0
    while line := file.readline(_MAX_LINE):
        number += 1
        start, size = offset, len(line)
        complete: bytes | None = line
        while line and not line.endswith(b"\n") and (line := file.readline(_MAX_LINE)):
            complete = None
            size += len(line)
        offset += size
        unreported += size
        if unreported >= _ADVANCE_EVERY:
            advance(unreported)
            unreported = 0
        if complete is None or complete.strip(_BLANK):
            yield number, start, complete
    advance(unreported)


def _scan_line(number: int, offset: int, line: bytes | None) -> tuple[ScannedLine, Roles]:
    if line is None:
        return MalformedLine(number, "line_too_long", f"more than {_MAX_LINE >> 20} MiB"), {}
    if number == 1 and line.startswith(_BOM):
        line, offset = line[len(_BOM) :], offset + len(_BOM)
    try:
        fields = unify(line, parse(line))
        images = tuple(_image_span(line, offset, span) for span in fields.images)
    except MalformedRowError as error:
        return MalformedLine(number, error.reason, error.detail[:_MAX_DETAIL]), {}
    except ValueError as error:
        return MalformedLine(number, "bad_json", str(error)[:_MAX_DETAIL]), {}
    row = ScannedRow(
        line=number,
        instruction=fields.instruction,
        inputs=fields.inputs,
        outputs=fields.outputs,
        label=fields.label,
        meta=fields.meta,
        images=images,
    )
    return row, fields.roles


def _image_span(line: bytes, offset: int, span: Span) -> ImageSpan:
    """Decode the image of a span; ``offset`` is that of the line in the file."""
    start = span.start
    head = line[start : min(start + _DATA_URI_PREFIX, span.end)]
    if head.startswith(b"data:") and (comma := head.find(b",")) >= 0:
        start += comma + 1
    length = span.end - start
    try:
        data = decode_span(line[start : span.end])
    except ValueError as error:
        prefix = head[:20].decode(errors="replace")
        raise MalformedRowError("bad_base64", f"{length:,} bytes, {prefix}… ({error})") from error
    return ImageSpan(
        offset=offset + start,
        stored_length=length,
        length=len(data),
        crc=zlib.crc32(data),
        digest=blake3(data).hexdigest(),
    )


class _Counts:
    """Accumulates the summary of a scan."""

    def __init__(self) -> None:
        self._lines = self._rows = self._images = 0
        self._with_instruction = self._with_label = 0
        self._min_images: int | None = None
        self._max_images = 0
        self._roles: dict[str, Counter[str]] = {}

    def add(self, item: ScannedLine, roles: Roles) -> None:
        self._lines += 1
        if isinstance(item, MalformedLine):
            return
        count = len(item.images)
        self._min_images = count if self._min_images is None else min(self._min_images, count)
        self._max_images = max(self._max_images, count)
        self._rows += 1
        self._images += count
        self._with_instruction += bool(item.instruction)
        self._with_label += item.label is not None
        for key, role in roles.items():
            # JSON escapes allow lone surrogates in keys; the summary and the report are UTF-8.
            name = key[:_MAX_KEY_LENGTH].encode("utf-8", "replace").decode()
            if name in self._roles or len(self._roles) < _MAX_KEYS:
                self._roles.setdefault(name, Counter())[role] += 1

    def summary(self, state: FileState) -> ScanSummary:
        return ScanSummary(
            state=state,
            lines=self._lines,
            rows=self._rows,
            images=self._images,
            min_images=self._min_images or 0,
            max_images=self._max_images,
            with_instruction=self._with_instruction,
            with_label=self._with_label,
            roles={key: dict(counts) for key, counts in self._roles.items()},
        )
