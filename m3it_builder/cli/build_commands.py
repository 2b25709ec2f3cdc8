"""``build``: from official files to shards."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from dataclasses import replace as replace_field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.build_usage import (
    require_no_options,
    require_own_images,
    require_sample_usage,
    require_splits,
    require_used,
    settings_errors,
)
from m3it_builder.cli.options import (
    AsJson,
    Formats,
    Images,
    Limit,
    MaxRejectShare,
    OutFolder,
    Replace,
    Rows,
    Seed,
    ShardMb,
    SourceFolder,
    SplitNames,
    TaskNames,
    Workers,
    integer,
    source_folder,
    worker_count,
)

if TYPE_CHECKING:
    from m3it_builder.build.builder import Build
    from m3it_builder.build.plan import PipelineFile
    from m3it_builder.build.report import Report
    from m3it_builder.build.sibling_inputs import Sibling
    from m3it_builder.build.side_by_side import UnitBuild
    from m3it_builder.records import Split
    from m3it_builder.tasks.registry import Task

SAMPLE_ROWS = 200


def build(
    task: TaskNames = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline", "-p", help="Bundled pipeline by name, or a pipeline file (.yaml)."
        ),
    ] = None,
    source: SourceFolder = None,
    out: OutFolder = Path("build"),
    formats: Formats = None,
    split: SplitNames = None,
    images: Images = None,
    shard_mb: ShardMb = None,
    rows: Rows = None,
    paraphrase: Annotated[
        str | None,
        typer.Option(
            "--paraphrase",
            help="none, or template: sentences in place of short answers, in the tasks whose "
            "answers M3IT had paraphrased (default: none; --pipeline m3it: template).",
        ),
    ] = None,
    limit: Limit = None,
    seed: Seed = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Task option as TASK.OPTION=VALUE; see `m3it show TASK`; repeatable."
        ),
    ] = None,
    workers: Workers = None,
    max_reject_share: MaxRejectShare = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop", help="Drop list: rows to leave out, as written by `m3it dedup`; repeatable."
        ),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Build from synthetic sample data; needs no download.")
    ] = False,
    sample_rows: Annotated[
        int | None,
        typer.Option(
            "--sample-rows",
            min=1,
            callback=integer,
            help="Minimum number of examples per split with --sample (default: the limit of the "
            f"build, else {SAMPLE_ROWS}).",
        ),
    ] = None,
    plan_only: Annotated[
        bool,
        typer.Option(
            "--plan", help="Stop before reading images; report rows, rejects and expected size."
        ),
    ] = False,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Build tasks into shards, an index and a list of rejects.

    Repeating the command resumes an interrupted build and leaves an up-to-date
    one unchanged; a stale one is rebuilt with --replace only. Exit status 0: done
    (rejects are reported); 1: a foreseen failure; 2: wrong usage; 3: too many
    rejects.

    For example:

    m3it build --task okvqa --sample

    m3it build --task okvqa --source /data/raw --out /data/m3it -f parquet -f webdataset

    m3it build --pipeline default --task coco --task nlvr --plan

    m3it build --task okvqa --task okvqa-rephrased --out /data/m3it

    The last one adds a set with sentences as answers, made from okvqa: its rows
    have the same ids, and the digests of the images in place of the images.
    """
    from m3it_builder.build.builder import Build
    from m3it_builder.build.ownership import require_roots_apart
    from m3it_builder.build.plan import Overrides, load_pipeline, make_plan
    from m3it_builder.build.side_by_side import build_units
    from m3it_builder.cli.bars import progress_display
    from m3it_builder.cli.build_notes import print_notes
    from m3it_builder.cli.failures import print_failures
    from m3it_builder.cli.sibling_units import require_units, sibling_units
    from m3it_builder.tasks.options import parse_settings

    require_sample_usage(sample, source, sample_rows)
    file = load_pipeline(pipeline or "default")
    overrides = Overrides(formats=formats, images=images, shard_mb=shard_mb, rows=rows,
                          paraphrase=paraphrase,
                          limit=limit, seed=seed, max_reject_share=max_reject_share, drop=drop,
                          is_sample=sample)  # fmt: skip
    plan = make_plan(file, overrides)
    with settings_errors():
        values = parse_settings(tuple(settings or ()))
    names = task or list(dict.fromkeys(file.tasks))
    if not names:
        raise typer.BadParameter("name a task with --task, or a pipeline that lists some")
    require_used(values, names)
    tasks, siblings = _load(names, out.absolute())
    require_no_options(values, siblings)
    with settings_errors():
        tasks = [one.with_options(values.get(one.name, {})) for one in tasks]
    require_own_images(plan, images, tasks)
    base = Build(
        sources=source_folder(source),
        out=out.absolute(),
        plan=plan,
        workers=worker_count(workers),
        replace=replace,
        plan_only=plan_only,
        progress=progress_display(),
    )
    splits = _splits(split, file)
    require_splits(tasks, splits)
    if not sample:
        require_roots_apart(base.sources, base.out, names)
    count = sample_rows or min(plan.limit or SAMPLE_ROWS, SAMPLE_ROWS)
    builds = _with_samples(base, tasks, count) if sample else [base] * len(tasks)
    units = _units(zip(builds, tasks, strict=True), splits)
    units += sibling_units(base, siblings, splits, tasks, _base_command(out, sample))
    require_units(units, siblings, splits)
    reports, failures = build_units(units, base.workers, base.progress)
    _show(reports, as_json)
    if not as_json:
        print_notes(base, reports)
    print_failures(failures)


def _load(names: Sequence[str], out: Path) -> tuple[list[Task], list[Sibling]]:
    """Return the tasks, and the sets that are made from others, in the given order."""
    from m3it_builder.build.sibling_names import find_sibling
    from m3it_builder.tasks.registry import load_task

    siblings = [find_sibling(name, out) for name in names]
    tasks = [load_task(name) for name, sibling in zip(names, siblings, strict=True) if not sibling]
    return tasks, [sibling for sibling in siblings if sibling]


def _base_command(out: Path, sample: bool) -> str:
    return f"m3it build --out {shlex.quote(str(out))}{' --sample' if sample else ''} --task"


def _splits(names: Sequence[str] | None, file: PipelineFile) -> list[Split]:
    """Return the splits to build, in the order train, validation, test."""
    from m3it_builder.records import SPLITS

    return [split for split in SPLITS if split in (names or file.splits)]


def _with_samples(base: Build, tasks: Sequence[Task], count: int) -> list[Build]:
    """Return a build for each task, which reads its sample sources."""
    from m3it_builder.tasks.sampling import write_all_once

    folders = write_all_once(tasks, base.out, count, base.workers, base.progress)
    return [replace_field(base, sources=folder) for folder in folders]


def _units(builds: Iterable[tuple[Build, Task]], splits: Sequence[Split]) -> list[UnitBuild]:
    from m3it_builder.build.side_by_side import UnitBuild

    return [
        UnitBuild(builder, task, split)
        for builder, task in builds
        for split in splits
        if split in task.card.splits
    ]


def _status(report: Report) -> str:
    """Return the status, with the number of shards reused from an earlier build."""
    if report.status != "built" or report.packed == report.shards:
        return report.status
    return f"built, {report.shards - report.packed:,} of {report.shards:,} shards reused"


def _show(reports: Sequence[Report], as_json: bool) -> None:
    from rich.filesize import decimal

    from m3it_builder.cli.output import format_counts, print_json, print_message, print_table

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
            decimal(report.bytes),
            format_counts(report.rejects),
        )
        for report in reports
    ]
    for report in reports:
        for note in report.notes:
            print_message(f"note: {note}")
        if report.unmatched:
            name = f"{report.task}/{report.split}"
            print_message(f"note: {name}: {report.unmatched:,} ids in the drop list matched no row")
    if rows:
        print_table(("task", "split", "status", "rows", "shards", "size", "rejects"), rows)
