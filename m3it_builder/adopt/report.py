"""Report on an adopted download: adopt-report.json and adopt-report.md."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from m3it_builder.adopt.task import ScannedUnit, published_rows
from m3it_builder.build.report import Report
from m3it_builder.dataset.layout import INDEX, meta_path
from m3it_builder.dataset.manifest import read_manifest
from m3it_builder.errors import BuildError, Failure
from m3it_builder.records import SPLITS, Split
from m3it_builder.storage.atomic import write_atomic

NAMES = ("adopt-report.json", "adopt-report.md")
_MAX_INSTRUCTIONS = 50
_ESCAPES = str.maketrans({"|": "\\|", "\n": " ", "`": "'", "<": "&lt;", "\\": "\\\\"})
_COLUMNS = ("task", "split", "lines", "adopted", "published", "difference", "images",
            "distinct images", "rejects")  # fmt: skip


@dataclass(frozen=True, slots=True)
class InstructionCount:
    """One instruction, and the number of adopted rows that have it."""

    text: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReport:
    """One adopted unit. The field names are the keys of adopt-report.json."""

    task: str
    split: Split
    status: str
    lang: str
    license: str
    file: str
    image_file: str | None
    lines: int  # of the file, without blank lines
    rows: int  # adopted
    rejects: dict[str, int]  # by reason
    published: int | None  # rows; None where no number was published
    images: int  # of adopted rows
    distinct_images: int
    image_bytes: int
    instructed: int  # lines that have their own instruction; the others sample the pool
    instructions: tuple[InstructionCount, ...]  # most frequent first
    fields: dict[str, dict[str, int]]  # key: role: lines
    notes: tuple[str, ...]
    shards: int
    bytes: int

    @property
    def name(self) -> str:
        """Return the display name."""
        return f"{self.task}/{self.split}"


@dataclass(frozen=True, slots=True)
class _Saved:
    units: tuple[UnitReport, ...]


def unit_report(scanned: ScannedUnit, report: Report, out: Path) -> UnitReport:
    """Return the report on a finished unit.

    Raises:
        BuildError: the unit was deleted in the meantime.
    """
    unit, summary = scanned.unit, scanned.rows.summary
    folder = out / unit.task
    manifest = read_manifest(folder / "meta" / unit.split)
    if manifest is None:
        raise BuildError(f"{folder}: {unit.name} was deleted; repeat the command")
    distinct_images, instructions = _index_counts(folder / meta_path(unit.split, INDEX))
    return UnitReport(
        task=unit.task,
        split=unit.split,
        status=report.status,
        lang=manifest.card.lang,
        license=manifest.card.license,
        file=unit.row_file,
        image_file=unit.image_file,
        lines=summary.lines,
        rows=manifest.instances,
        rejects=manifest.rejects,
        published=published_rows(unit),
        images=manifest.images,
        distinct_images=distinct_images,
        image_bytes=manifest.image_bytes,
        instructed=summary.with_instruction,
        instructions=instructions,
        fields=summary.roles,
        notes=scanned.notes,
        shards=report.shards,
        bytes=report.bytes,
    )


def write_reports(
    out: Path, units: Iterable[UnitReport], failures: Sequence[Failure], unread: Sequence[str]
) -> None:
    """Write both reports; units of earlier runs into the same folder are kept.

    Args:
        out: the output folder.
        units: adopted in this run.
        failures: units that failed in this run.
        unread: files of the download that were not read.
    """
    path = out / NAMES[0]
    by_name = {unit.name: unit for unit in _load_units(path) if _exists(out, unit)}
    by_name |= {unit.name: unit for unit in units}
    listed = sorted(by_name.values(), key=lambda unit: (unit.task, SPLITS.index(unit.split)))
    value = {
        "units": [asdict(unit) for unit in listed],
        "failures": [{"unit": one.unit, "error": str(one.error)} for one in failures],
        "unread": list(unread),
    }
    _write(path, json.dumps(value, indent=1, ensure_ascii=False))
    _write(out / NAMES[1], "\n".join(_markdown(listed, failures, unread)))


def _load_units(path: Path) -> tuple[UnitReport, ...]:
    """Return the units of an existing report; none if it is missing or malformed."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Saved).units
    except (OSError, ValueError, RecursionError):
        return ()


def _exists(out: Path, unit: UnitReport) -> bool:
    return (out / unit.task / "meta" / unit.split / "manifest.json").is_file()


def _index_counts(index: Path) -> tuple[int, tuple[InstructionCount, ...]]:
    """Return the number of distinct images, and the most frequent instructions."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.read_parquet(glob.escape(str(index))).create_view("rows")
        images = connection.execute(
            "SELECT count(DISTINCT image.digest) FROM (SELECT unnest(images) AS image FROM rows)"
        ).fetchone()
        instructions = connection.execute(
            "SELECT instruction, count(*) AS n FROM rows GROUP BY ALL"
            " ORDER BY n DESC, instruction LIMIT ?",
            (_MAX_INSTRUCTIONS,),
        ).fetchall()
    return (images or (0,))[0], tuple(InstructionCount(text, rows) for text, rows in instructions)


def _write(path: Path, text: str) -> None:
    write_atomic(path, f"{text}\n".encode("utf-8", "replace"))


def _markdown(
    units: Sequence[UnitReport], failures: Sequence[Failure], unread: Sequence[str]
) -> list[str]:
    lines = ["# Adopted units", "", *_table(units), ""]
    if failures:
        lines += ["## Failed units", ""]
        lines += [f"- `{_escape(one.unit)}`: {_escape(str(one.error))}" for one in failures] + [""]
    if unread:
        lines += ["## Files that were not read", ""]
        lines += ["Their names do not identify task and split, or two folders have the same unit."]
        lines += ["", *(f"- `{_escape(name)}`" for name in unread), ""]
    for unit in units:
        lines += _section(unit)
    return lines


def _table(units: Sequence[UnitReport]) -> list[str]:
    return [f"| {' | '.join(_COLUMNS)} |", f"|---|---|{'---:|' * 6}---|", *map(_row, units)]


def _row(unit: UnitReport) -> str:
    difference = None if unit.published is None else unit.rows - unit.published
    numbers = (unit.lines, unit.rows, unit.published, difference, unit.images, unit.distinct_images)
    cells = ["unknown" if number is None else f"{number:,}" for number in numbers]
    rejects = ", ".join(f"{reason} {count:,}" for reason, count in unit.rejects.items())
    return f"| {' | '.join([unit.task, unit.split, *cells, rejects or 'none'])} |"


def _section(unit: UnitReport) -> list[str]:
    lines = [f"## {unit.name}", "", f"- File: `{_escape(unit.file)}`"]
    if unit.image_file:
        lines.append(f"- Images: `{_escape(unit.image_file)}`, joined by row position")
    lines.append(f"- Language: {unit.lang}")
    lines.append(f"- License of the annotations: {_escape(unit.license)}")
    lines += [f"- Note: {_escape(note)}" for note in unit.notes]
    lines.append(f"- Lines with their own instruction: {unit.instructed:,} of {unit.lines:,}")
    lines += ["", "| key | mapped to | lines |", "|---|---|---:|"]
    for key, roles in unit.fields.items():
        lines += [f"| `{_escape(key)}` | {role} | {count:,} |" for role, count in roles.items()]
    lines += ["", "| instruction | rows |", "|---|---:|"]
    lines += [f"| {_escape(one.text)} | {one.rows:,} |" for one in unit.instructions]
    return [*lines, ""]


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
