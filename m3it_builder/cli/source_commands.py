"""``sample`` and ``fetch``: where official files come from."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from m3it_builder.cli.options import SourceFolder, TaskNames, source_folder


def sample(
    task: TaskNames = None,
    count: Annotated[int, typer.Option("--n", min=1, help="Examples a split.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Of the drawn world.")] = 0,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder the <source_id> folders go into.")
    ] = Path("sources"),
) -> None:
    """Write drawn sample data in a task's official layout.

    Images of colored shapes, with annotations that are true of them. Good
    for a first look, for load tests of any size, and as a set a small model
    can learn. For example:

    m3it sample --task okvqa --n 1000 --out sources && m3it build --task okvqa
    """
    from m3it_builder.tasks.registry import load_task
    from m3it_builder.tasks.sampling import write_sample

    if not task:
        raise typer.BadParameter("name a task with --task")
    for name in task:
        write_sample(load_task(name), out, count, seed)
        typer.echo(f"wrote {count:,} examples a split of {name} to {out}", err=True)


def fetch(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Source ids, as in `m3it show TASK`.")
    ] = None,
    task: TaskNames = None,
    source: SourceFolder = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Download nothing; check what is there.")
    ] = False,
    repack: Annotated[
        bool,
        typer.Option(
            "--repack", help="Make one plain tar of compressed tars, tars of tars and split parts."
        ),
    ] = False,
) -> None:
    """Download official files, and verify them.

    Broken downloads are resumed, mirrors tried, sizes and digests compared.

    Zip and plain tar archives are read where they lie. Others are made into
    one plain tar beside them by --repack, once; the original may go then.

    Files behind a form or a login are not downloaded; what to do is printed
    instead, with status 1.
    """
    from m3it_builder.cli.bars import watcher
    from m3it_builder.cli.output import print_table, size
    from m3it_builder.fetch.download import Fetched, cards_of, fetch_source, repack_source

    if not sources and not task:
        raise typer.BadParameter("name a source, or a task with --task")
    results: list[Fetched] = []
    folder, bars = source_folder(source), watcher()
    for card in cards_of(sources or (), task or ()):
        steps = [fetch_source(card, folder, verify_only=verify, progress=bars)]
        steps += [repack_source(card, folder, bars)] if repack else []
        for result in chain.from_iterable(steps):
            results.append(result)
            typer.echo(f"{card.name}/{result.file}: {result.state}", err=True)
    rows = [(r.source, r.file, size(r.bytes) if r.bytes else None, r.state) for r in results]
    print_table(("source", "file", "size", "state"), rows)
    todo = [result for result in results if result.manual]
    for result in todo:
        typer.echo(f"{result.source}/{result.file}: {result.manual}")
    if any(not result.ok for result in results):
        raise typer.Exit(1)
