"""``info``: what a build has, at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson, given_source_folder

if TYPE_CHECKING:
    from m3it_builder.report.info import UnitInfo

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400  # seconds


def info(
    build: Annotated[
        Path, typer.Argument(help="Output folder of a build, or the folder of one task in it.")
    ] = Path("build"),
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            help="Folder of official files, to check that units are up to date "
            "(default: $M3IT_SOURCES).",
        ),
    ] = None,
    counts: Annotated[
        bool,
        typer.Option("--counts", help="Compare built rows with published ones, with reasons."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what a build has: units, rows, sizes, formats, age.

    With --source, every unit is compared with the official files, its task card
    and the present code, as `m3it build` would do; units built from sample data
    always are. Exits with status 1 if a manifest cannot be read. For example:

    m3it info build

    m3it info build/okvqa --source /data/raw --json

    m3it info build --counts
    """
    from dataclasses import asdict

    from m3it_builder.cli.failures import print_failures
    from m3it_builder.cli.output import print_json
    from m3it_builder.report.info import unit_infos

    if counts:
        _compare(build, as_json)
        return
    units, failures = unit_infos(build, given_source_folder(source))
    if as_json:
        print_json([asdict(unit) for unit in units])
    elif units:
        _show(units)
    print_failures(failures)


def _compare(build: Path, as_json: bool) -> None:
    """Print published and built rows of each split, and totals."""
    from dataclasses import asdict

    from m3it_builder.build.plan import load_pipeline
    from m3it_builder.cli.failures import print_failures
    from m3it_builder.cli.output import format_counts, print_json, print_table
    from m3it_builder.report.counts import totals, unit_counts

    units, failures = unit_counts(build)
    if as_json:
        print_json([asdict(unit) | {"difference": unit.difference} for unit in units])
    else:
        rows: list[tuple[object, ...]] = [
            (
                unit.task,
                unit.split,
                unit.published,
                unit.built,
                unit.difference,
                "; ".join(filter(None, (unit.remark, format_counts(unit.rejects)))),
            )
            for unit in units
        ]
        rows += [
            (total.label, "", total.published, total.built, total.built - total.published, "")
            for total in totals(units, load_pipeline("m3it").tasks)
        ]
        print_table(("task", "split", "published", "built", "difference", "reasons"), rows)
    print_failures(failures)


def _show(units: Sequence[UnitInfo]) -> None:
    from rich.filesize import decimal

    from m3it_builder.cli.output import print_message, print_table

    headings = ("task", "split", "state", "rows", "rejects", "images", "shards", "size",
                "formats", "built")  # fmt: skip
    rows = [
        (
            unit.task,
            unit.split,
            f"{unit.state} (sample data)" if unit.sample else unit.state,
            unit.rows,
            unit.rejects,
            unit.images,
            unit.shards,
            None if unit.bytes is None else decimal(unit.bytes),
            ", ".join(unit.formats) + (" (base64)" if unit.encoding == "base64" else ""),
            format_age(unit.age),
        )
        for unit in units
    ]
    print_table(headings, rows)
    total = sum(unit.rows or 0 for unit in units)
    size = decimal(sum(unit.bytes or 0 for unit in units))
    print_message(f"{len(units)} units, {total:,} rows, {size}")
    for unit in units:
        if unit.detail:
            print_message(f"note: {unit.task}/{unit.split}: {unit.detail}")


def format_age(seconds: float | None) -> str | None:
    """Return an age in its largest unit."""
    if seconds is None:
        return None
    for size, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size:,.0f} {name} ago"
    return "just now" if seconds < _MINUTE else "1 minute ago"
