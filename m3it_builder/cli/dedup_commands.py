"""``dedup``: duplicates within and across finished builds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from m3it_builder.cli.options import AsJson, Workers, choice, worker_count
from m3it_builder.records import JsonObject

if TYPE_CHECKING:
    from m3it_builder.dedup import KeepPolicy

_MAX_LINES = 40  # of the table


def _keep_policies() -> Sequence[str]:
    from m3it_builder.dedup import KEEP_POLICIES

    return KEEP_POLICIES


def dedup(
    builds: Annotated[
        list[Path],
        typer.Argument(help="Output folders of builds, or folders of single tasks, to compare."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the report to.")],
    distance: Annotated[
        int,
        typer.Option(
            "--distance",
            min=0,
            max=16,
            help="Maximum Hamming distance of near-duplicate images (64-bit perceptual hash).",
        ),
    ] = 8,
    ngram: Annotated[
        int,
        typer.Option(
            "--grams", min=3, max=100, help="Words per n-gram in the comparison of texts."
        ),
    ] = 13,
    share: Annotated[
        float,
        typer.Option(
            "--overlap",
            min=0.01,
            max=1,
            help="Minimum share of an evaluation row's n-grams that one training row contains.",
        ),
    ] = 0.5,
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            callback=choice(_keep_policies),
            help="Which side of a duplicate pair to keep: evaluation, training, first or all.",
        ),
    ] = "evaluation",
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Find duplicate images and questions across splits and tasks; write a drop list.

    Images are compared by digest and by perceptual hash, whatever their size,
    format and quality, within and across tasks and splits; texts of validation
    and test with those of train. Hashes are cached in the build: a second run
    decodes no image.

    Writes report.html, report.json, pairs.parquet and drop.parquet. The drop list
    contains the train rows that match an evaluation row. With --keep training it
    contains the evaluation rows instead, with --keep first also repeated train
    rows, and with --keep all nothing. For example:

    m3it dedup build --out duplicates

    m3it build --task okvqa --drop duplicates/drop.parquet --replace
    """
    from m3it_builder.cli.bars import progress_display
    from m3it_builder.cli.output import print_json
    from m3it_builder.dedup import DedupOptions, find_duplicates

    options = DedupOptions(
        builds=tuple(path.absolute() for path in builds),
        report_folder=out.absolute(),
        distance=distance,
        ngram=ngram,
        share=share,
        keep=cast("KeepPolicy", keep),
        workers=worker_count(workers),
        progress=progress_display(),
    )
    report = find_duplicates(options)
    if as_json:
        print_json(report)
    else:
        _show(report, out)


def _show(report: JsonObject, out: Path) -> None:
    from m3it_builder.cli.output import print_table, print_text
    from m3it_builder.dedup.html_report import is_leak

    keys = ("left", "right", "kind", "pairs", "left_rows", "right_rows")
    headings = ("left", "right", "match", "pairs", "left rows", "right rows")
    shared = sorted(report["shared"], key=lambda counts: not is_leak(counts))
    lines = [[counts[key] for key in keys] for counts in shared[:_MAX_LINES]]
    print_table(headings, lines, title="matches between training and evaluation first")
    if hidden := len(shared) - len(lines):
        print_text(f"and {hidden:,} more lines in the report")
    dropped = [(counts["unit"], counts["reason"], counts["rows"]) for counts in report["dropped"]]
    if dropped:
        print_table(("unit", "reason", "rows to drop"), dropped)
    images = report["images"]
    print_text(
        f"{images['distinct']:,} distinct images: {images['decoded']:,} decoded, "
        f"{images['cached']:,} cached, {images['flat']:,} too uniform for a perceptual hash, "
        f"{images['unreadable']:,} unreadable; report: {out / 'report.html'}"
    )
