"""``sample`` and ``fetch``: the files that a build reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from m3it_builder.cli.options import SourceFolder, TaskNames, integer, source_folder


def sample(
    task: TaskNames = None,
    count: Annotated[
        int,
        typer.Option("--n", min=1, callback=integer, help="Minimum number of examples per split."),
    ] = 100,
    seed: Annotated[
        int,
        typer.Option("--seed", callback=integer, help="Random seed for the synthetic data."),
    ] = 0,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to create the <source_id> folders in.")
    ] = Path("sample-sources"),
) -> None:
    """Write synthetic sample data in a task's official file layout.

    The images show colored shapes, and the annotations are correct for them.
    Use it for a first look, for load tests of any size, or as a dataset that a
    small model can learn. `m3it audit` reports builds from these files as
    too_few_rows, since they have fewer rows than published; those of
    `m3it build --sample` are not reported.

    Folders of earlier samples are replaced. Folders with other files, such as
    official ones, are left as they are: the command exits with status 1.

    For example:

    m3it sample --task okvqa --n 1000

    m3it build --task okvqa --source sample-sources
    """
    from m3it_builder.cli.output import print_message
    from m3it_builder.tasks.registry import load_task
    from m3it_builder.tasks.sampling import write_samples

    if not task:
        raise typer.BadParameter("name a task with --task")
    write_samples([load_task(name) for name in task], out, count, seed)
    for name in task:
        print_message(f"wrote {count:,} examples per split of {name} to {out}")


def _optional_rows(
    tasks: Sequence[str], listed: Collection[str]
) -> list[tuple[str, str, str | None, str]]:
    """Return a row for each optional source that is not listed: none of its files are fetched."""
    from m3it_builder.errors import first_few
    from m3it_builder.fetch.download import optional_cards

    return [
        (
            card.name,
            first_few([file.file for file in card.files], 1),
            None,
            f"optional, or one of several: `m3it fetch {card.name}`",
        )
        for card in optional_cards(tasks)
        if card.name not in listed
    ]


def fetch(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Source ids, as listed by `m3it show TASK`.")
    ] = None,
    task: TaskNames = None,
    source: SourceFolder = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify the files present; download nothing.")
    ] = False,
    repack: Annotated[
        bool,
        typer.Option(
            "--repack",
            help="Repack compressed tars, nested tars and split archives into one plain tar each.",
        ),
    ] = False,
    update_lock: Annotated[
        bool,
        typer.Option(
            "--update-lock",
            help="Accept files that differ from their first download, and record them in "
            "m3it-lock.json; record files that were put there by hand.",
        ),
    ] = False,
) -> None:
    """Download official source files and verify them.

    Interrupted downloads are resumed, mirrors are tried, and sizes and digests
    are checked. Files behind a form or a login are not downloaded: the command
    prints what to do by hand, and exits with status 1. Optional sources of a task,
    of which it may need one of several, are listed and not downloaded: name them.

    m3it-lock.json, beside the sources, records size and SHA-256 of the first
    download of every file without a published digest. Later downloads and
    --verify are compared with it.

    A build reads zip and plain tar archives in place. Any other archive must be
    repacked once with --repack; the original may be deleted afterwards.

    For example:

    m3it fetch --task okvqa --source /data/raw

    m3it fetch imagenet-1k-train --source /data/raw --repack
    """
    from rich.filesize import decimal

    from m3it_builder.cli.bars import progress_display
    from m3it_builder.cli.output import print_message, print_table, print_text
    from m3it_builder.fetch.download import Fetched, fetch_source, repack_source, source_cards

    if not sources and not task:
        raise typer.BadParameter("name a source, or a task with --task")
    results: list[Fetched] = []
    folder, progress = source_folder(source), progress_display()
    for card in source_cards(sources or (), task or ()):
        steps = [fetch_source(card, folder, verify, update_lock, progress)]
        steps += [repack_source(card, folder, progress)] if repack else []
        for result in chain.from_iterable(steps):
            results.append(result)
            print_message(f"{card.name}/{result.file}: {result.message}")
    rows = [(r.source, r.file, decimal(r.bytes) if r.bytes else None, r.message) for r in results]
    rows += _optional_rows(task or (), {row[0] for row in rows})
    print_table(("source", "file", "size", "state"), rows)
    for result in results:
        if result.manual:
            print_text(f"{result.source}/{result.file}: {result.manual}")
    if any(not result.ok for result in results):
        raise typer.Exit(1)
