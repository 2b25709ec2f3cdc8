"""The first reading of a published file: light rows, with places and digests of their images.

A scan is one file of light rows beside a summary, which is written last: a scan
is whole if and only if its summary is there. Files of tens of gigabytes are read
once, line by line, and nothing is held but the line.
"""

from __future__ import annotations

import fcntl
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from blake3 import blake3

from m3it_builder.adopt.fields import OddRow, unify
from m3it_builder.adopt.json_spans import Span, parse
from m3it_builder.errors import SourceError
from m3it_builder.sources.base64_span import decode_span

Tick = Callable[[int], None]  # bytes read since the last one
Roles = dict[str, str]  # what became of each key of a row

LFS_POINTER = b"version https://git-lfs.github.com/"
_BOM = b"\xef\xbb\xbf"
_BUFFER = 4 << 20
_LONGEST_LINE = 256 << 20  # bytes; a line of more is no row, and is passed over in pieces
_TICK_BYTES = 16 << 20
_MOST_FIELDS = 200
_PREFIX = 64  # bytes in which the head of a data URI ends


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanJob:
    """One file to be read; a plain value, so that any process can do it."""

    file: str  # absolute path
    rows: str  # where the light rows go
    stamp: list[Any]  # what tells this file, read by this code, from another

    @property
    def summary(self) -> Path:
        """Return the path of the summary."""
        return Path(self.rows).with_suffix(".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What stands in a file."""

    stamp: list[Any]
    lines: int  # blank ones left out
    usable: int  # of them
    images: int
    least: int  # images a row
    most: int
    instructed: int  # rows that have an instruction of their own
    labelled: int  # rows whose answer is the number of a class
    fields: dict[str, dict[str, int]] = field(default_factory=dict)  # key: role: rows


@dataclass(frozen=True, slots=True)
class LightRow:
    """One line of a published file, its images left where they are."""

    line: int  # from 1, blank ones counted
    instruction: str | None
    inputs: str | None
    outputs: str | None
    label: int | None
    images: list[list[Any]]  # offset, bytes in the file, bytes, CRC-32, BLAKE3
    meta: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OddLine:
    """A line that is no row."""

    line: int
    reason: str
    detail: str


def read_scan(job: ScanJob) -> Scan | None:
    """Return the summary of a whole scan of the file as it is now, else None."""
    try:
        scan = Scan(**json.loads(job.summary.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return scan if scan.stamp == job.stamp and Path(job.rows).is_file() else None


def light_rows(path: Path) -> Iterator[LightRow | OddLine]:
    """Yield what a scan found, line by line."""
    with path.open("rb") as file:
        for line in file:
            value = orjson.loads(line)
            yield LightRow(*value) if len(value) > 3 else OddLine(*value)


def scan(job: ScanJob, tick: Tick = lambda _: None) -> Scan:
    """Read one file, write its light rows and, last of all, its summary.

    Args:
        job: what to read, and where to write.
        tick: told of bytes read now and then.

    Raises:
        SourceError: the file is a pointer of git-LFS, not the file itself.
    """
    rows = Path(job.rows)
    rows.parent.mkdir(parents=True, exist_ok=True)
    with rows.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at the same file
        return read_scan(job) or _scan(job, rows, tick)


def _scan(job: ScanJob, rows: Path, tick: Tick) -> Scan:
    partial = rows.with_suffix(".partial")
    tally = _Tally()
    with Path(job.file).open("rb", buffering=_BUFFER) as file, partial.open("wb") as out:
        _require_content(file, job.file)
        for number, offset, line in _lines(file, tick):
            out.write(tally.add(*_light(number, offset, line)) + b"\n")
    partial.replace(rows)
    found = tally.scan(job.stamp)
    summary = rows.with_suffix(".summary")
    summary.write_text(json.dumps(asdict(found), ensure_ascii=False), encoding="utf-8")
    summary.replace(job.summary)
    return found


def require_file(path: Path) -> None:
    """See that a file is there itself, and not only a pointer to it.

    Raises:
        SourceError: it is a pointer of git-LFS.
    """
    with path.open("rb") as file:
        _require_content(file, str(path))


def _require_content(file: BinaryIO, path: str) -> None:
    if file.read(len(LFS_POINTER)) == LFS_POINTER:
        raise SourceError(
            f"{path}: a git-LFS pointer, not the file itself; run `git lfs pull` in its repository"
        )
    file.seek(0)


def _lines(file: BinaryIO, tick: Tick) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield (number, offset, line) of each line that is not blank; None for one too long."""
    number = offset = unsaid = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        start, size = offset, len(line)
        whole: bytes | None = line
        while line and not line.endswith(b"\n") and (line := file.readline(_LONGEST_LINE)):
            whole = None
            size += len(line)
        offset += size
        unsaid += size
        if unsaid >= _TICK_BYTES:
            tick(unsaid)
            unsaid = 0
        if whole is None or whole.strip(b" \t\r\n" + _BOM):
            yield number, start, whole
    tick(unsaid)


def _light(number: int, offset: int, line: bytes | None) -> tuple[LightRow | OddLine, Roles]:
    if line is None:
        return OddLine(number, "line_too_long", f"more than {_LONGEST_LINE >> 20} MiB"), {}
    if number == 1 and line.startswith(_BOM):
        line, offset = line[len(_BOM) :], offset + len(_BOM)
    try:
        fields = unify(line, parse(line))
        images = [_image(line, offset, span) for span in fields.images]
    except OddRow as odd:
        return OddLine(number, odd.reason, odd.detail[:200]), {}
    except ValueError as error:
        return OddLine(number, "bad_json", str(error)[:200]), {}
    row = LightRow(
        line=number,
        instruction=fields.instruction,
        inputs=fields.inputs,
        outputs=fields.outputs,
        label=fields.label,
        images=images,
        meta=fields.meta,
    )
    return row, fields.roles


def _image(line: bytes, offset: int, span: Span) -> list[Any]:
    start = span.start
    head = line[start : min(start + _PREFIX, span.end)]
    if head.startswith(b"data:") and (comma := head.find(b",")) >= 0:
        start += comma + 1
    try:
        data = decode_span(line[start : span.end])
    except ValueError as error:
        shown = head[:20].decode(errors="replace")
        raise OddRow("bad_base64", f"{span.end - start:,} bytes, {shown}… ({error})") from error
    return [
        offset + start,
        span.end - start,
        len(data),
        zlib.crc32(data),
        blake3(data).hexdigest(),
    ]


class _Tally:
    """Counts what goes by."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._fields: dict[str, Counter[str]] = {}
        self._least: int | None = None
        self._most = 0

    def add(self, item: LightRow | OddLine, roles: Roles) -> bytes:
        """Count one line; return it as it is written down."""
        self._counts["lines"] += 1
        try:
            written = orjson.dumps([getattr(item, name) for name in item.__slots__])
        except TypeError as error:  # a lone surrogate, which no format stores
            odd = OddLine(item.line, "damaged_text", str(error))
            return orjson.dumps([odd.line, odd.reason, odd.detail])
        if isinstance(item, LightRow):
            self._count(item, roles)
        return written

    def _count(self, row: LightRow, roles: Roles) -> None:
        count = len(row.images)
        self._least = count if self._least is None else min(self._least, count)
        self._most = max(self._most, count)
        self._counts["usable"] += 1
        self._counts["images"] += count
        self._counts["instructed"] += bool(row.instruction)
        self._counts["labelled"] += row.label is not None
        for key, role in roles.items():
            if key in self._fields or len(self._fields) < _MOST_FIELDS:
                self._fields.setdefault(key[:100], Counter())[role] += 1

    def scan(self, stamp: list[Any]) -> Scan:
        """Return the summary."""
        names = ("lines", "usable", "images", "instructed", "labelled")
        return Scan(
            stamp=stamp,
            **{name: self._counts[name] for name in names},
            least=self._least or 0,
            most=self._most,
            fields={key: dict(roles) for key, roles in self._fields.items()},
        )
