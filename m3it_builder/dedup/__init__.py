"""Find duplicate images and overlapping texts, above all between training and evaluation.

``find_duplicates`` compares the finished builds of one or several folders and writes
an HTML report (``report.html``), a machine-readable one (``report.json``), all matching
pairs (``pairs.parquet``), and the drop list for ``m3it build --drop``
(``drop.parquet`` and ``drop.jsonl``).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from m3it_builder.dedup.options import KEEP_POLICIES, DedupOptions, KeepPolicy
from m3it_builder.errors import BuildError, install_hint
from m3it_builder.records import JsonObject

if TYPE_CHECKING:
    import duckdb

    from m3it_builder.dedup.hash_images import HashSummary
    from m3it_builder.dedup.tables import BuiltUnit

__all__ = ["KEEP_POLICIES", "DedupOptions", "KeepPolicy", "find_duplicates", "require_packages"]

_PACKAGES = {"numpy": "NumPy", "jinja2": "Jinja2"}  # of the extra "dedup"
_MAX_LISTED = 1_000  # unreadable images


def require_packages() -> None:
    """Require that the packages of the ``dedup`` extra are installed.

    Raises:
        BuildError: a package is missing; the message names the command that installs it.
    """
    missing = [
        name for module, name in _PACKAGES.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise BuildError(
            f"`m3it dedup` needs {' and '.join(missing)}, not installed here; "
            f"{install_hint('dedup')}"
        )


def find_duplicates(options: DedupOptions) -> JsonObject:
    """Compare builds and write the report; return the content of ``report.json``.

    The files appear at the end, ``report.json`` last.

    Raises:
        UsageError: the report would be in the folder of a task in a build.
        BuildError: a folder holds no finished build, an index is corrupt, a worker was
            killed, a package of the ``dedup`` extra is missing, or files of others would be
            replaced.
    """
    require_packages()
    from m3it_builder.dedup.report_folder import require_report_folder
    from m3it_builder.dedup.tables import find_units

    require_report_folder(options.report_folder)
    units = find_units(options.builds, options.report_folder)
    options.report_folder.mkdir(parents=True, exist_ok=True)
    work = options.report_folder / f".work-{os.getpid()}"
    work.mkdir()
    try:
        return _find_duplicates(options, units, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _find_duplicates(options: DedupOptions, units: Sequence[BuiltUnit], work: Path) -> JsonObject:
    from m3it_builder.dedup.drop_policy import choose_drops, protected_splits, write_drop_list
    from m3it_builder.dedup.hash_images import hash_images
    from m3it_builder.dedup.html_report import write_html
    from m3it_builder.dedup.near_images import find_near_duplicates
    from m3it_builder.dedup.pairs import create_pairs, write_pairs
    from m3it_builder.dedup.report_folder import FILES
    from m3it_builder.dedup.samples import choose_samples
    from m3it_builder.dedup.tables import open_database
    from m3it_builder.dedup.text_overlap import find_overlaps

    with open_database(work / "dedup.duckdb", units, protected_splits(options.keep)) as database:
        hashed = hash_images(database, units, options.workers, options.progress)
        find_near_duplicates(database, options.distance, work)
        find_overlaps(database, units, options, work)
        shared = create_pairs(database)
        dropped = choose_drops(database, units, options.keep)
        write_pairs(database, work / "pairs.parquet")
        write_drop_list(database, work / "drop.parquet", work / "drop.jsonl")
        report: JsonObject = {
            "settings": _settings(options),
            "units": _units(database, units),
            "images": _images(database, hashed, units),
            "shared": [asdict(counts) for counts in shared],
            "dropped": [asdict(counts) for counts in dropped],
        }
        write_html(work / "report.html", report, choose_samples(database, units))
    _write_json(work / "report.json", report)
    for name in FILES:
        (work / name).replace(options.report_folder / name)
    return report


def _settings(options: DedupOptions) -> JsonObject:
    from m3it_builder.dedup.phash import fine_distance

    return {
        "distance": options.distance,
        "fine_distance": fine_distance(options.distance),
        "ngram": options.ngram,
        "share": options.share,
        "keep": options.keep,
    }


def _units(database: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> list[JsonObject]:
    query = "SELECT unit, count(*) FROM unit_images GROUP BY unit"
    image_counts = dict(database.execute(query).fetchall())
    return [
        {
            "unit": unit.name,
            "rows": unit.manifest.instances,
            "distinct_images": image_counts.get(unit.number, 0),
        }
        for unit in units
    ]


def _images(
    database: duckdb.DuckDBPyConnection, hashed: HashSummary, units: Sequence[BuiltUnit]
) -> JsonObject:
    distinct, in_rows = database.execute(
        "SELECT (SELECT count(*) FROM images), (SELECT count(*) FROM occurrences)"
    ).fetchall()[0]
    listed = []
    for image in hashed.unreadable[:_MAX_LISTED]:
        query = "SELECT id FROM rows WHERE unit = ? AND row = ?"
        ((row_id,),) = database.execute(query, [image.unit, image.row]).fetchall()
        listed.append(
            {
                "unit": units[image.unit].name,
                "id": row_id,
                "image": image.position,
                "reason": image.reason,
            }
        )
    return {
        "distinct": distinct,
        "in_rows": in_rows,
        "decoded": hashed.decoded,
        "cached": hashed.cached,
        "flat": hashed.flat,
        "unreadable": len(hashed.unreadable),
        "unreadable_listed": listed,
    }


def _write_json(path: Path, report: JsonObject) -> None:
    import msgspec

    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
