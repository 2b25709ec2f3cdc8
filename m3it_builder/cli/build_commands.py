"""``build``: from official files to shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from dataclasses import replace as replace_field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import (
    AsJson,
    OutFolder,
    SourceFolder,
    TaskNames,
    require_splits,
    source_folder,
)

if TYPE_CHECKING:
    from m3it_builder.build.builder import Build, Report
    from m3it_builder.build.plan import PipelineFile, Plan
    from m3it_builder.errors import M3ITError
    from m3it_builder.records import Split
    from m3it_builder.tasks.registry import Task

Formats = Annotated[
    list[str] | None,
    typer.Option("--format", "-f", help="webdataset, parquet, arrow or jsonl; may be repeated."),
]
SAMPLE_ROWS = 200


def build(
    task: TaskNames = None,
    pipeline: Annotated[
        str | None,
        typer.Option("--pipeline", "-p", help="A bundled pipeline by name, or a file of yours."),
    ] = None,
    source: SourceFolder = None,
    out: OutFolder = Path("build"),
    formats: Formats = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="train, validation or test; repeatable.")
    ] = None,
    images: Annotated[
        str | None,
        typer.Option("--images", help="bytes, or base64 text in the shape of M3IT."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Rows a split, the first by digest of the id."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of every draw.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="TASK.OPTION=VALUE; see `m3it show TASK`.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes (default: all cores).")
    ] = None,
    max_reject_share: Annotated[
        float | None,
        typer.Option("--max-reject-share", min=0, max=1, help="Above it, status 3 (default 0.05)."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", help="A list of rows to leave out, as of `m3it dedup`; repeatable."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Build from drawn sample data, without any download.")
    ] = False,
    sample_rows: Annotated[
        int, typer.Option("--sample-rows", min=1, help="Examples a split for --sample.")
    ] = SAMPLE_ROWS,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Stop before the images: rows, bytes, disk needed.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Build anew where something has changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build tasks into shards, an index and a list of rejects.

    Interrupted, the same command goes on where it stopped; repeated, it does
    nothing. Status 0: done, rejects reported. 1: a foreseen failure. 2: wrong
    usage. 3: too many rejects.

    For example:

    m3it build --task okvqa --sample

    m3it build --task okvqa --source /data/raw --out /data/m3it -f parquet -f webdataset

    m3it build --pipeline default --task coco --task nlvr --plan
    """
    from m3it_builder.build.builder import Build
    from m3it_builder.build.plan import load_pipeline
    from m3it_builder.cli.bars import watcher
    from m3it_builder.tasks.registry import load_task, parse_settings

    file = load_pipeline(pipeline or "default")
    changes = {"formats": formats, "images": images, "limit": limit, "seed": seed,
               "max_reject_share": max_reject_share, "drop": drop, "is_sample": sample}  # fmt: skip
    plan = _plan(file, changes)
    values = parse_settings(tuple(settings or ()))
    names = task or list(file.tasks)
    if not names:
        raise typer.BadParameter("name a task with --task, or a pipeline that lists some")
    _refuse_unused(values, names)
    tasks = [load_task(name).with_options(values.get(name, {})) for name in names]
    work = Build(
        sources=source_folder(source),
        out=out.absolute(),
        plan=plan,
        workers=workers or os.cpu_count() or 1,
        replace=replace,
        plan_only=plan_only,
        progress=watcher(),
    )
    _refuse_unbuilt(tasks, _splits(split, file))
    works = [_with_sample(work, one, sample_rows) if sample else work for one in tasks]
    reports, failures = _run(zip(works, tasks, strict=True), _splits(split, file))
    _show(reports, as_json)
    for error in failures:
        typer.echo(f"m3it: {error}", err=True)
    if failures:
        raise typer.Exit(min(error.exit_code for error in failures))


def _plan(file: PipelineFile, changes: Mapping[str, object]) -> Plan:
    from m3it_builder.build.plan import make_plan

    given = {key: value for key, value in changes.items() if value is not None}
    return make_plan(file, given)


def _refuse_unused(values: dict[str, dict[str, str]], names: list[str]) -> None:
    for name in values:
        if name not in names:
            raise typer.BadParameter(f"--set speaks of {name}, which is not being built")


def _refuse_unbuilt(tasks: list[Task], splits: list[Split]) -> None:
    for task in tasks:
        if not set(splits) & set(task.card.splits):
            raise typer.BadParameter(
                f"{task.name} has no split {' or '.join(splits)}; it has "
                f"{', '.join(task.card.splits)}"
            )


def _splits(given: list[str] | None, file: PipelineFile) -> list[Split]:
    from m3it_builder.records import SPLITS

    require_splits(given)
    return [split for split in SPLITS if split in (given or file.splits)]


def _with_sample(work: Build, task: Task, count: int) -> Build:
    from m3it_builder.tasks.sampling import write_once

    return replace_field(work, sources=write_once(task, work.out / ".m3it-sample", count))


def _run(
    works: Iterable[tuple[Build, Task]], splits: list[Split]
) -> tuple[list[Report], list[M3ITError]]:
    """Build every unit; one that fails does not keep the others from being built."""
    from m3it_builder.errors import foreseen

    reports, failures = [], []
    for work, task in works:
        for split in splits:
            if split not in task.card.splits:
                continue
            try:
                reports.append(work.unit(task, split))
            except Exception as error:
                known = foreseen(error)
                if known is None:
                    error.add_note(f"while building {task.name}/{split}")
                    raise
                failures.append(known)
    return reports, failures


def _status(report: Report) -> str:
    """Say what was done, and what was taken over from an earlier build."""
    if report.status != "built" or report.packed == report.shards:
        return report.status
    return f"built, {report.shards - report.packed:,} of {report.shards:,} shards kept"


def _show(reports: list[Report], as_json: bool) -> None:
    from m3it_builder.cli.output import print_json, print_table, size, tally

    if as_json:
        print_json([asdict(report) for report in reports])
        return
    rows = [
        (
            report.task,
            report.split,
            _status(report),
            report.rows,
            report.shards,
            size(report.bytes),
            tally(report.rejects),
        )
        for report in reports
    ]
    for report in reports:
        if report.unmatched:
            name = f"{report.task}/{report.split}"
            typer.echo(
                f"note: {name}: {report.unmatched:,} ids in the drop list matched no row", err=True
            )
    if rows:
        print_table(("task", "split", "", "rows", "shards", "size", "rejects"), rows)
