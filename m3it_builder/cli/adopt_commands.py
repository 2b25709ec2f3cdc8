"""``adopt``: from a published download to shards, without a rebuild."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson, OutFolder, require_splits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from m3it_builder.adopt.layout import Layout, Part
    from m3it_builder.adopt.report import UnitReport
    from m3it_builder.adopt.run import Failure


def adopt(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A download of M3IT or M3IT-80, or part of one.")
    ],
    out: OutFolder = Path("build"),
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="Task as published, okvqa or okvqa-zh; repeatable."),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="train, validation or test; repeatable.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help="webdataset, parquet, arrow or jsonl; repeatable."),
    ] = None,
    images: Annotated[
        str | None, typer.Option("--images", help="bytes, or base64 text in the shape of M3IT.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Rows a split, the first by digest of the id."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the draw of instructions, where rows lack one.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes (default: all cores).")
    ] = None,
    max_reject_share: Annotated[
        float | None,
        typer.Option("--max-reject-share", min=0, max=1, help="Above it, status 3 (default 0.05)."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Adopt anew where something has changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take over a download of the published M3IT or M3IT-80, without a rebuild.

    Rows keep their texts and the bytes of their images; they gain ids, digests, an
    index and a list of rejects, so that audit, sql and show work on them. What was
    found, and how it differs from what was published, stands in adopt-report.md.

    For example:

    m3it adopt /data/M3IT --out /data/adopted -f parquet

    m3it adopt /data/M3IT-80 --task okvqa-zh --task okvqa-ar --limit 100
    """
    from m3it_builder.adopt.layout import find
    from m3it_builder.adopt.report import write_reports
    from m3it_builder.adopt.run import Failure
    from m3it_builder.adopt.run import adopt as run
    from m3it_builder.build.builder import Build
    from m3it_builder.build.plan import load_pipeline, make_plan
    from m3it_builder.cli.bars import watcher

    changes = {"formats": formats, "images": images, "limit": limit, "seed": seed,
               "max_reject_share": max_reject_share}  # fmt: skip
    given = {key: value for key, value in changes.items() if value is not None}
    work = Build(
        sources=folder.absolute(),
        out=out.absolute(),
        plan=make_plan(load_pipeline("default"), given),
        workers=workers or os.cpu_count() or 1,
        replace=replace,
        progress=watcher(),
    )
    layout = find(folder)
    outcomes = list(run(layout, _chosen(layout, task, split), work))
    units = [one for one in outcomes if not isinstance(one, Failure)]
    failures = [one for one in outcomes if isinstance(one, Failure)]
    said = [(one.unit, str(one.error)) for one in failures]
    write_reports(work.out, units, said, list(layout.unread))
    _show(units, as_json)
    _close(layout, failures)


def _chosen(layout: Layout, tasks: list[str] | None, splits: list[str] | None) -> list[Part]:
    require_splits(splits)
    there = list(dict.fromkeys(part.task for part in layout.parts))
    for name in tasks or ():
        if name not in there:
            more = f" and {len(there) - 12} more" if len(there) > 12 else ""
            raise typer.BadParameter(
                f"no task {name!r} in this download; there are {', '.join(there[:12])}{more}"
            )
    chosen = [
        part
        for part in layout.parts
        if (not tasks or part.task in tasks) and (not splits or part.split in splits)
    ]
    if not chosen:
        raise typer.BadParameter(f"none of these tasks has the split {' or '.join(splits or ())}")
    return chosen


def _show(units: Sequence[UnitReport], as_json: bool) -> None:
    from m3it_builder.cli.output import print_json, print_table, size, tally

    if as_json:
        print_json([asdict(unit) for unit in units])
        return
    rows = [
        (
            unit.task,
            unit.split,
            unit.status,
            unit.lines,
            unit.rows,
            unit.published,
            unit.images,
            size(unit.bytes),
            tally(unit.rejects),
        )
        for unit in units
    ]
    if rows:
        head = ("task", "split", "", "lines", "rows", "published", "images", "size", "rejects")
        print_table(head, rows)


def _close(layout: Layout, failures: Sequence[Failure]) -> None:
    """Say what was not read or failed, and leave with the status that belongs to it."""
    if layout.unread:
        more = f" and {len(layout.unread) - 3} more" if len(layout.unread) > 3 else ""
        shown = ", ".join(layout.unread[:3])
        typer.echo(f"note: names not understood, so not read: {shown}{more}", err=True)
    for one in failures:
        typer.echo(f"m3it: {one.error}", err=True)
    if failures:
        raise typer.Exit(min(one.error.exit_code for one in failures))
