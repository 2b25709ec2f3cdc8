"""``adopt``: from a published download to a finished build, without a rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import (
    AsJson,
    Formats,
    Images,
    Limit,
    MaxRejectShare,
    OutFolder,
    Replace,
    Seed,
    ShardMb,
    SplitNames,
    Workers,
    worker_count,
)

if TYPE_CHECKING:
    from m3it_builder.adopt.layout import Layout, PublishedUnit
    from m3it_builder.adopt.report import UnitReport

_MAX_TASKS = 12  # in an error message
_MAX_UNREAD = 3  # in a note


def adopt(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A download of M3IT or M3IT-80, or part of one.")
    ],
    out: OutFolder = Path("build"),
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="Task name as published (okvqa, okvqa-zh); repeatable."),
    ] = None,
    split: SplitNames = None,
    formats: Formats = None,
    images: Images = None,
    shard_mb: ShardMb = None,
    limit: Limit = None,
    seed: Seed = None,
    workers: Workers = None,
    max_reject_share: MaxRejectShare = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Import a download of the published M3IT or M3IT-80 as a finished build.

    Texts and image bytes stay as published. Rows gain ids and image digests; the
    build has an index and a list of rejects, so that audit, sql and show work on
    it. adopt-report.md compares the download with the published numbers, and
    lists its fields and instructions. Rows without an instruction get a sampled
    one.

    For example:

    m3it adopt /data/M3IT --out /data/adopted -f parquet

    m3it adopt /data/M3IT-80 --task okvqa-zh --task okvqa-ar --limit 100
    """
    from m3it_builder.adopt.layout import find_layout
    from m3it_builder.adopt.report import write_reports
    from m3it_builder.adopt.run import adopt as run
    from m3it_builder.adopt.run import embeds
    from m3it_builder.build.builder import Build
    from m3it_builder.build.plan import Overrides, load_pipeline, make_plan
    from m3it_builder.cli.bars import progress_display
    from m3it_builder.cli.build_notes import print_notes
    from m3it_builder.cli.failures import print_failures
    from m3it_builder.errors import Failure

    overrides = Overrides(formats=formats, images=images, shard_mb=shard_mb, limit=limit, seed=seed,
                          max_reject_share=max_reject_share)  # fmt: skip
    build = Build(
        sources=folder.absolute(),
        out=out.absolute(),
        plan=make_plan(load_pipeline("default"), overrides),
        workers=worker_count(workers),
        replace=replace,
        progress=progress_display(),
    )
    layout = find_layout(folder)
    units = _selected(layout, task, split)
    if embeds(build.plan):
        units = [unit for unit in units if not unit.is_base]
    results = list(run(layout, units, build))
    reports = [result for result in results if not isinstance(result, Failure)]
    failures = [result for result in results if isinstance(result, Failure)]
    write_reports(build.out, reports, failures, layout.unread)
    _show(reports, as_json)
    if not as_json:
        print_notes(build, reports)
    _note_unread(layout.unread)
    print_failures(failures)


def _selected(
    layout: Layout, tasks: Sequence[str] | None, splits: Sequence[str] | None
) -> list[PublishedUnit]:
    from m3it_builder.errors import first_few

    known = list(dict.fromkeys(unit.task for unit in layout.units))
    for name in tasks or ():
        if name not in known:
            raise typer.BadParameter(
                f"no task {name!r} in this download; it has {first_few(known, _MAX_TASKS)}"
            )
    asked = [unit for unit in layout.units if not tasks or unit.task in tasks]
    bases = {unit.base_task for unit in asked}
    selected = [
        unit
        for unit in layout.units
        if (unit in asked or unit.task in bases) and (not splits or unit.split in splits)
    ]
    if not selected:
        raise typer.BadParameter(f"none of these tasks has a split {' or '.join(splits or ())}")
    return selected


def _show(reports: Sequence[UnitReport], as_json: bool) -> None:
    from rich.filesize import decimal

    from m3it_builder.cli.output import format_counts, print_json, print_table

    if as_json:
        print_json([asdict(report) for report in reports])
        return
    rows = [
        (
            report.task,
            report.split,
            report.status,
            report.lines,
            report.rows,
            report.published,
            report.images,
            decimal(report.bytes),
            format_counts(report.rejects),
        )
        for report in reports
    ]
    if rows:
        headings = ("task", "split", "status", "lines", "rows", "published", "images", "size",
                    "rejects")  # fmt: skip
        print_table(headings, rows)


def _note_unread(names: Sequence[str]) -> None:
    from m3it_builder.cli.output import print_message
    from m3it_builder.errors import first_few

    if names:
        shown = first_few(names, _MAX_UNREAD)
        print_message(f"note: files skipped (unknown or ambiguous task or split): {shown}")
