"""``verify``: a finished build, checked against what it declares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import (
    AsJson,
    BuildFolder,
    SplitNames,
    TaskNames,
    Workers,
    worker_count,
)

if TYPE_CHECKING:
    from m3it_builder.verify.run import VerifyReport

_MAX_SHOWN = 5  # findings of one check; --json has more


def verify(
    build: BuildFolder,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Check sizes, manifests, index and texts; open no shard."),
    ] = False,
    sources: Annotated[
        Path | None,
        typer.Option(
            "--sources",
            help="Also read the official files in this folder, and compare every image with them.",
        ),
    ] = None,
    task: TaskNames = None,
    split: SplitNames = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Check a finished build against its manifest, index and images.

    Compares every file with its digest, every row of every format with the
    index, and each README with the files it describes; decodes every image
    completely; searches texts for private paths and access tokens. Exits with
    status 1 if there is any finding.

    With --sources it reads every archive again from its beginning to its end,
    by other code than builds use, and finds each image by its name; so it
    also finds images of a build that read the wrong bytes. Not independent
    are the decoder of videos and the encoder of frames and array images.
    What cannot be compared is counted, with the reason. For example:

    m3it verify build

    m3it verify build --task okvqa --sources /data/raw
    """
    from dataclasses import asdict

    from m3it_builder.cli.bars import progress_display
    from m3it_builder.cli.output import print_json, print_message
    from m3it_builder.verify.run import VerifyOptions
    from m3it_builder.verify.run import verify as run_verify

    options = VerifyOptions(
        quick=quick,
        sources=sources,
        tasks=tuple(task or ()),
        splits=tuple(split or ()),
        workers=worker_count(workers),
        progress=progress_display(),
    )
    report = run_verify(build, options)
    if as_json:
        print_json({**asdict(report), "count": report.finding_count})
    else:
        _show(report)
    if report.findings:
        checks = ", ".join(f"{failed.check} {failed.count:,}" for failed in report.findings)
        remedy = "delete the files named above and rebuild with --replace, which packs only those"
        if all(failed.check.startswith("source_") for failed in report.findings):
            remedy = (
                "the official files have changed, or the build read them wrongly; "
                "rebuild with --replace, and report it if it happens again"
            )
        print_message(f"m3it: {build}: verification failed: {checks}; {remedy}")
        raise typer.Exit(1)


def _show(report: VerifyReport) -> None:
    from rich.filesize import decimal

    from m3it_builder.cli.output import print_table, print_text

    if report.findings:
        table = [(failed.check, failed.count, failed.about) for failed in report.findings]
        print_table(("check", "findings", "meaning"), table)
    for failed in report.findings:
        title = f"{failed.check} (first {min(_MAX_SHOWN, failed.count)} of {failed.count:,})"
        rows = [(finding.where, finding.detail) for finding in failed.examples[:_MAX_SHOWN]]
        print_table(("location", "details"), rows, title=title)
    read = f"{decimal(report.bytes)} of shards read"
    if report.quick:
        read = "no shard was opened (--quick)"
    print_text(f"{report.units:,} units, {report.rows:,} rows, {report.images:,} images; {read}")
    if report.from_sources is not None:
        print_text(
            f"{report.from_sources:,} images compared with their sources, which were read "
            "independently of the build"
        )
    for reason, count in report.unchecked.items():
        print_text(f"{count:,} images not compared with their sources ({reason})")
    if not report.findings:
        print_text("no findings")
