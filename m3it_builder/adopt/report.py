"""What came of an adoption: for programs as JSON, for people as Markdown."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m3it_builder.adopt.task import Scanned, published_rows
from m3it_builder.build.builder import Report
from m3it_builder.dataset.manifest import read_manifest
from m3it_builder.errors import BuildError
from m3it_builder.records import SPLITS

NAMES = ("adopt-report.json", "adopt-report.md")
_SHOWN = 50  # instructions
_SAFE = str.maketrans({"|": "\\|", "\n": " ", "`": "'", "<": "&lt;", "\\": "\\\\"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReport:
    """One unit of a download: what it held and what became of it."""

    task: str
    split: str
    status: str
    lang: str
    license: str
    file: str
    image_file: str | None
    lines: int  # of the file, blank ones left out
    rows: int  # adopted
    rejects: dict[str, int]  # by reason
    published: int | None  # rows; None where nobody said how many
    images: int  # in rows
    distinct_images: int
    image_bytes: int
    instructed: int  # lines with an instruction of their own; of the others one is drawn
    instructions: list[dict[str, Any]]  # text, rows: the most frequent ones
    fields: dict[str, dict[str, int]]  # key: what it was taken for: lines
    notes: tuple[str, ...]
    shards: int
    bytes: int

    @property
    def name(self) -> str:
        """Return how people call it."""
        return f"{self.task}/{self.split}"


def unit_report(scanned: Scanned, report: Report, out: Path) -> UnitReport:
    """Return what is to be said of a unit that is finished.

    Raises:
        BuildError: somebody took it away meanwhile.
    """
    part, scan = scanned.part, scanned.rows[1]
    folder = out / part.task
    manifest = read_manifest(folder / "meta" / part.split)
    if manifest is None:
        raise BuildError(f"{folder}: {part.name} is gone; repeat the command")
    distinct, instructions = _from_index(folder / manifest.index["path"])
    return UnitReport(
        task=part.task,
        split=part.split,
        status=report.status,
        lang=manifest.card["lang"],
        license=manifest.card["license"],
        file=part.rows,
        image_file=part.images,
        lines=scan.lines,
        rows=manifest.instances,
        rejects=manifest.rejects,
        published=published_rows(part),
        images=manifest.images,
        distinct_images=distinct,
        image_bytes=manifest.image_bytes,
        instructed=scan.instructed,
        instructions=instructions,
        fields=scan.fields,
        notes=scanned.notes,
        shards=report.shards,
        bytes=report.bytes,
    )


def write_reports(
    out: Path, units: Iterable[UnitReport], failures: Sequence[tuple[str, str]], unread: list[str]
) -> None:
    """Write both reports; units of earlier runs over the same folder stay in them.

    Args:
        out: the output folder.
        units: adopted in this run.
        failures: (unit, message) of this run.
        unread: files of the download that were not understood.
    """
    path = out / NAMES[0]
    known = {f"{unit['task']}/{unit['split']}": unit for unit in _earlier(path)}
    known = {name: unit for name, unit in known.items() if _is_there(out, unit)}
    known |= {unit.name: asdict(unit) for unit in units}
    listed = sorted(known.values(), key=lambda u: (u["task"], SPLITS.index(u["split"])))
    failed = [{"unit": unit, "error": error} for unit, error in failures]
    value = {"units": listed, "failures": failed, "unread": unread}
    out.mkdir(parents=True, exist_ok=True)
    _write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    _write(out / NAMES[1], "\n".join(_markdown(listed, failed, unread)) + "\n")


def _earlier(path: Path) -> list[dict[str, Any]]:
    try:
        units = json.loads(path.read_text(encoding="utf-8"))["units"]
        return [unit for unit in units if {"task", "split"} <= unit.keys()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _is_there(out: Path, unit: dict[str, Any]) -> bool:
    folder = out / str(unit["task"]) / "meta" / str(unit["split"])
    return (folder / "manifest.json").is_file()


def _from_index(path: Path) -> tuple[int, list[dict[str, Any]]]:
    import duckdb

    with duckdb.connect(":memory:") as base:
        base.read_parquet(glob.escape(str(path))).create_view("rows")
        distinct = base.execute(
            "SELECT count(DISTINCT image.digest) FROM (SELECT unnest(images) AS image FROM rows)"
        ).fetchone()
        used = base.execute(
            "SELECT instruction, count(*) AS times FROM rows GROUP BY ALL"
            " ORDER BY times DESC, instruction LIMIT ?",
            (_SHOWN,),
        ).fetchall()
    return (distinct or (0,))[0], [{"text": text, "rows": times} for text, times in used]


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8", errors="replace")
    partial.replace(path)


def _markdown(
    units: list[dict[str, Any]], failures: list[dict[str, str]], unread: list[str]
) -> list[str]:
    lines = ["# Adopted rows", "", *_table(units), ""]
    if failures:
        lines += ["## Not adopted", ""]
        lines += [f"- `{_cell(one['unit'])}`: {_cell(one['error'])}" for one in failures] + [""]
    if unread:
        lines += ["## Files that were not understood", ""]
        lines += [f"- `{_cell(name)}`" for name in unread] + [""]
    for unit in units:
        lines += _section(unit)
    return lines


def _table(units: list[dict[str, Any]]) -> list[str]:
    columns = ("task", "split", "lines", "adopted", "published", "difference", "images",
               "distinct", "rejects")  # fmt: skip
    return [f"| {' | '.join(columns)} |", f"|---|---|{'---:|' * 6}---|", *map(_row, units)]


def _row(unit: dict[str, Any]) -> str:
    published = unit["published"]
    numbers = [unit["lines"], unit["rows"], published]
    numbers += [None if published is None else unit["rows"] - published]
    numbers += [unit["images"], unit["distinct_images"]]
    shown = ["unknown" if number is None else f"{number:,}" for number in numbers]
    rejects = ", ".join(f"{reason} {count:,}" for reason, count in unit["rejects"].items())
    return f"| {' | '.join([unit['task'], unit['split'], *shown, rejects or 'none'])} |"


def _section(unit: dict[str, Any]) -> list[str]:
    lines = [f"## {unit['task']}/{unit['split']}", "", f"- File: `{_cell(unit['file'])}`"]
    if unit["image_file"]:
        lines.append(f"- Images: `{_cell(unit['image_file'])}`, joined by the order of rows")
    lines.append(f"- Language {unit['lang']}, license of the annotations: {_cell(unit['license'])}")
    lines += [f"- {_cell(note)}" for note in unit["notes"]]
    own, drawn = unit["instructed"], unit["lines"] - unit["instructed"]
    lines += [f"- Instructions: {own:,} lines have one of their own, {drawn:,} do not", ""]
    lines += ["| key | taken for | lines |", "|---|---|---:|"]
    for key, roles in unit["fields"].items():
        lines += [f"| `{_cell(key)}` | {role} | {count:,} |" for role, count in roles.items()]
    lines += ["", "| instruction | rows |", "|---|---:|"]
    lines += [f"| {_cell(one['text'])} | {one['rows']:,} |" for one in unit["instructions"]]
    return [*lines, ""]


def _cell(text: str) -> str:
    return text.translate(_SAFE)
