"""Find images and questions that stand twice, above all in training and in evaluation.

``find`` reads finished builds, of one or several folders, and writes a report
for people (``report.html``), one for programs (``report.json``), every pair found
(``pairs.parquet``), and a list of rows to leave out (``drop.parquet`` and
``drop.jsonl``) that ``m3it build --drop`` takes.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m3it_builder.errors import BuildError
from m3it_builder.progress import Progress, Silent

if TYPE_CHECKING:
    import duckdb

    from m3it_builder.dedup.drop_policy import Keep
    from m3it_builder.dedup.tables import BuiltUnit

LISTED_TROUBLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to compare, and how near is near."""

    builds: tuple[Path, ...]
    report: Path  # folder
    distance: int = 8  # of 64 bits
    gram: int = 13  # words
    share: float = 0.5  # of the grams of an evaluation row
    keep: Keep = "evaluation"
    workers: int = 1
    progress: Progress = field(default_factory=Silent)


def require_numpy() -> None:
    """See that NumPy, an extra of this command alone, is installed.

    Raises:
        BuildError: it is not; the message names the command that installs it.
    """
    if importlib.util.find_spec("numpy") is None:
        raise BuildError(
            "dedup needs NumPy, which is not installed; run `pip install 'm3it-builder[dedup]'`"
        )


def find(search: Search) -> dict[str, Any]:
    """Compare builds and write the report; return what ``report.json`` holds.

    The files appear at the end, ``report.json`` last.

    Raises:
        BuildError: a folder holds no finished build, an index is damaged, or NumPy is missing.
    """
    require_numpy()
    from m3it_builder.dedup.tables import find_units

    units = find_units(search.builds, search.report)
    search.report.mkdir(parents=True, exist_ok=True)
    work = search.report / f".work-{os.getpid()}"
    work.mkdir()
    try:
        return _find(search, units, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _find(search: Search, units: Sequence[BuiltUnit], work: Path) -> dict[str, Any]:
    from m3it_builder.dedup.drop_policy import choose_drops, ranks, write_drops
    from m3it_builder.dedup.hash_images import hash_images
    from m3it_builder.dedup.html_report import write_page
    from m3it_builder.dedup.near_images import find_near
    from m3it_builder.dedup.pairs import pair_up, write_pairs
    from m3it_builder.dedup.samples import choose_samples
    from m3it_builder.dedup.tables import open_catalog
    from m3it_builder.dedup.text_overlap import find_overlap

    with open_catalog(work / "catalog.duckdb", units, ranks(search.keep)) as base:
        hashed = hash_images(base, units, search.workers, search.progress)
        find_near(base, search.distance, work)
        measure = (search.gram, search.share, work)
        find_overlap(base, units, measure, (search.workers, search.progress))
        shared = pair_up(base)
        dropped = choose_drops(base, units, search.keep)
        write_pairs(base, work / "pairs.parquet")
        write_drops(base, work / "drop.parquet", work / "drop.jsonl")
        report: dict[str, Any] = {
            "settings": _settings(search),
            "units": _units(base, units),
            "images": _images(base, hashed, units),
            "shared": [asdict(one) for one in shared],
            "dropped": [asdict(one) for one in dropped],
        }
        write_page(work / "report.html", report, choose_samples(base, units))
    _write_report(work, report)
    for name in ("pairs.parquet", "drop.parquet", "drop.jsonl", "report.html", "report.json"):
        (work / name).replace(search.report / name)
    return report


def _settings(search: Search) -> dict[str, Any]:
    from m3it_builder.dedup.phash import fine_distance

    return {
        "distance": search.distance,
        "fine_distance": fine_distance(search.distance),
        "gram": search.gram,
        "share": search.share,
        "keep": search.keep,
    }


def _units(base: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> list[dict[str, Any]]:
    counts = dict(base.execute("SELECT unit, count(*) FROM uses GROUP BY unit").fetchall())
    return [
        {
            "unit": unit.name,
            "rows": unit.manifest.instances,
            "distinct_images": counts.get(unit.number, 0),
        }
        for unit in units
    ]


def _images(
    base: duckdb.DuckDBPyConnection, hashed: Any, units: Sequence[BuiltUnit]
) -> dict[str, Any]:
    distinct, stands = base.execute(
        "SELECT (SELECT count(*) FROM images), (SELECT count(*) FROM appearances)"
    ).fetchall()[0]
    listed = []
    for one in hashed.troubles[:LISTED_TROUBLES]:
        query = "SELECT id FROM rows WHERE unit = ? AND row = ?"
        found = base.execute(query, [one.unit, one.row]).fetchall()
        place = {"unit": units[one.unit].name, "id": found[0][0], "image": one.nth}
        listed.append({**place, "reason": one.reason})
    return {
        "distinct": distinct,
        "in_rows": stands,
        "decoded": hashed.decoded,
        "kept": hashed.kept,
        "flat": hashed.flat,
        "unreadable": len(hashed.troubles),
        "unreadable_listed": listed,
    }


def _write_report(work: Path, report: dict[str, Any]) -> None:
    import orjson

    data = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (work / "report.json").write_bytes(data)
