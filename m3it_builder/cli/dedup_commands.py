"""``dedup``: what stands twice, within and across builds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from m3it_builder.cli.options import AsJson

_SHOWN = 40  # lines of the table


def dedup(
    builds: Annotated[
        list[Path],
        typer.Argument(help="Builds: --out folders, or folders of one task; several are compared."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder the report is written to.")],
    distance: Annotated[
        int,
        typer.Option(
            "--distance", min=0, max=16, help="Bits of 64 in which near images may differ."
        ),
    ] = 8,
    gram: Annotated[
        int, typer.Option("--grams", min=3, max=100, help="Words in a row that are compared.")
    ] = 13,
    share: Annotated[
        float,
        typer.Option(
            "--overlap", min=0.01, max=1, help="Share of an evaluation row's grams in one row."
        ),
    ] = 0.5,
    keep: Annotated[
        str,
        typer.Option("--keep", help="evaluation, training, first or all: what is not dropped."),
    ] = "evaluation",
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes (default: all cores).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find images and questions that stand twice, and list rows to drop.

    Images are compared by digest and by look, whatever their size, format
    and quality, within and across tasks and splits; texts of validation and
    test with those of train. Hashes are kept beside the build: a second run
    decodes no image.

    The folder gets report.html, report.json, pairs.parquet and drop.parquet. Train rows that
    meet an evaluation row are listed to be dropped; --keep training lists the evaluation rows
    instead, --keep first also lists repeated train rows, --keep all lists nothing. For example:

    m3it dedup build --out duplicates

    m3it build --task okvqa --drop duplicates/drop.parquet --replace
    """
    from m3it_builder.cli.bars import watcher
    from m3it_builder.cli.output import print_json
    from m3it_builder.dedup import Search, find, require_numpy

    require_numpy()
    from m3it_builder.dedup.drop_policy import KEEP

    if keep not in KEEP:
        raise typer.BadParameter(f"--keep takes {', '.join(KEEP)}, not {keep!r}")
    search = Search(
        builds=tuple(path.absolute() for path in builds),
        report=out.absolute(),
        distance=distance,
        gram=gram,
        share=share,
        keep=keep,
        workers=workers or os.cpu_count() or 1,
        progress=watcher(),
    )
    report = find(search)
    if as_json:
        print_json(report)
    else:
        _show(report, out)


def _show(report: dict[str, Any], out: Path) -> None:
    from m3it_builder.cli.output import print_table
    from m3it_builder.dedup.html_report import crosses

    keys = ("left", "right", "kind", "pairs", "left_rows", "right_rows")
    names = ("", "", "alike by", "pairs", "rows left", "rows right")
    shared = sorted(report["shared"], key=lambda one: not crosses(one))
    shown = [[one[key] for key in keys] for one in shared[:_SHOWN]]
    print_table(names, shown, title="training against evaluation first")
    if more := len(shared) - len(shown):
        typer.echo(f"and {more:,} lines more in the report")
    dropped = [(one["unit"], one["reason"], one["rows"]) for one in report["dropped"]]
    if dropped:
        print_table(("", "reason", "rows to drop"), dropped)
    images = report["images"]
    typer.echo(
        f"{images['distinct']:,} distinct images: {images['decoded']:,} decoded, "
        f"{images['kept']:,} known, {images['flat']:,} too flat to compare by look, "
        f"{images['unreadable']:,} unreadable. The report is {out / 'report.html'}"
    )
