"""``verify``: is a finished build what it claims to be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson, BuildFolder, TaskNames, require_splits

if TYPE_CHECKING:
    from m3it_builder.verify.run import Verdict

_SHOWN = 5  # faults of a check; --json has more


def verify(
    build: BuildFolder,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Sizes, manifests, index and texts; no byte of a shard."),
    ] = False,
    sources: Annotated[
        Path | None,
        typer.Option(
            "--sources", help="Hold every image against the official files in this folder, too."
        ),
    ] = None,
    task: TaskNames = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="train, validation or test; repeatable.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes (default: all cores).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a finished build to everything it claims.

    Every file against its digest, every row of every format against the index,
    every image to its last pixel, READMEs against what lies beside them.
    Status 1 if there is any fault. For example:

    m3it verify build

    m3it verify build --task okvqa --sources /data/raw
    """
    from dataclasses import asdict

    from m3it_builder.cli.bars import watcher
    from m3it_builder.cli.output import print_json
    from m3it_builder.verify.run import How
    from m3it_builder.verify.run import verify as run_verify

    require_splits(split)
    how = How(
        quick=quick,
        sources=sources,
        tasks=tuple(task or ()),
        splits=tuple(split or ()),
        workers=workers or os.cpu_count() or 1,
        progress=watcher(),
    )
    verdict = run_verify(build, how)
    if as_json:
        print_json({**asdict(verdict), "count": verdict.faults})
    else:
        _show(verdict)
    if verdict.findings:
        kinds = ", ".join(f"{found.check} {found.count:,}" for found in verdict.findings)
        remedy = "delete the files named and build again with --replace, which packs just those"
        if all(found.check.startswith("source_") for found in verdict.findings):
            remedy = "the official files are others by now; build again with --replace"
        typer.echo(f"m3it: {build} is not what it claims: {kinds}; {remedy}", err=True)
        raise typer.Exit(1)


def _show(verdict: Verdict) -> None:
    from m3it_builder.cli.output import print_table, size

    findings = verdict.findings
    if findings:
        table = [(found.check, found.count, found.about) for found in findings]
        print_table(("check", "faults", "what is wrong"), table)
    for found in findings:
        title = f"{found.check} (first {min(_SHOWN, found.count)} of {found.count:,})"
        rows = [(fault.where, fault.detail) for fault in found.faults[:_SHOWN]]
        print_table(("where", "what"), rows, title=title)
    read = "no shard was opened (--quick)" if verdict.quick else f"{size(verdict.bytes)} of shards"
    typer.echo(f"{verdict.units:,} units, {verdict.rows:,} rows, {verdict.images:,} images; {read}")
    if verdict.from_sources is not None:
        typer.echo(f"{verdict.from_sources:,} images held against their sources")
    for reason, count in verdict.unchecked.items():
        typer.echo(f"{count:,} images not held against their sources ({reason})")
    if not findings:
        typer.echo("no fault found")
