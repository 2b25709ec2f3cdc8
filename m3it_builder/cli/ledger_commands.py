"""``ledger``: statistics, export, import and pruning of model answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson

if TYPE_CHECKING:
    from m3it_builder.ledger.summary import Summary

DEFAULT_NAME = "m3it-ledger.sqlite"

LedgerFile = Annotated[
    Path | None,
    typer.Option("--ledger", help=f"The ledger (default: $M3IT_LEDGER, else ./{DEFAULT_NAME})."),
]

ledger = typer.Typer(
    help="Count, export, import and remove the answers of language models.\n\n"
    "The ledger is one SQLite file. It has every answer once, by the request it answers, and a log "
    "of the requests that were sent and of what they cost. It has no API keys and no addresses.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


def ledger_path(option: Path | None) -> Path:
    """Return the path of the ledger: the option, else the default."""
    return option or Path(os.environ.get("M3IT_LEDGER") or DEFAULT_NAME)


@ledger.command()
def stats(ledger: LedgerFile = None, as_json: AsJson = False) -> None:
    """Print what a ledger has, by stage, model and version of the prompt.

    Costs are those of requests that have ended. Reserved is what those without a known end
    may have cost at most: sent ones, and unknown ones, whose process was killed. For example:

    m3it ledger stats

    m3it ledger stats --ledger /data/answers.sqlite --json
    """
    from m3it_builder.cli.output import print_json
    from m3it_builder.ledger.summary import summarize

    summaries = summarize(ledger_path(ledger))
    if as_json:
        from msgspec import to_builtins

        print_json(to_builtins(summaries))
    else:
        _print_summaries(summaries)


@ledger.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write the two files to.")],
    ledger: LedgerFile = None,
    as_json: AsJson = False,
) -> None:
    """Export answers, and the log of requests, as two Parquet files.

    answers.parquet lets others build the same rows without an API key: its bytes are the same
    for the same answers. attempts.parquet has dates, ids of requests, and costs; keep it for
    questions about the bill. Neither has a path, an address or the name of a machine.
    For example:

    m3it ledger export answers
    """
    from m3it_builder.cli.output import print_json, print_text
    from m3it_builder.ledger.exchange import export as export_ledger

    exported = export_ledger(ledger_path(ledger), folder)
    if as_json:
        print_json({"answers": exported.answers, "attempts": exported.attempts})
    else:
        print_text(f"{folder}: {exported.answers:,} answers, {exported.attempts:,} attempts")


@ledger.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="answers.parquet of an export, or its folder.")],
    ledger: LedgerFile = None,
    as_json: AsJson = False,
) -> None:
    """Import exported answers, all or none; a missing ledger is created.

    Where the ledger has an answer to the same request, it is kept; those that differ from it
    are counted. For example:

    m3it ledger import answers --ledger /data/answers.sqlite
    """
    from m3it_builder.cli.output import print_json, print_text
    from m3it_builder.ledger.importing import import_answers, require_export
    from m3it_builder.ledger.store import Ledger

    require_export(path)
    with Ledger(ledger_path(ledger)) as opened:
        imported = import_answers(opened, path)
    if as_json:
        from msgspec import to_builtins

        print_json(to_builtins(imported))
    else:
        print_text(
            f"{imported.added:,} answers added; the ledger had {imported.equal:,} already, and "
            f"other answers to {imported.differing:,} requests, which it keeps"
        )


@ledger.command()
def prune(
    stage: Annotated[
        str | None, typer.Option("--stage", help="Answers of this stage, such as paraphrase.")
    ] = None,
    prompt_version: Annotated[
        str | None,
        typer.Option("--prompt-version", help="Answers to this version of the prompt."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Answers of this model, as it was requested.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove them; without it, they are counted.")
    ] = False,
    ledger: LedgerFile = None,
    as_json: AsJson = False,
) -> None:
    """Count the answers of a stage, model or version of the prompt, or remove them.

    Of several options, all must apply. Removed answers must be paid for again: export the
    ledger before. The log of requests is kept. For example:

    m3it ledger prune --prompt-version paraphrase-1

    m3it ledger prune --prompt-version paraphrase-1 --delete
    """
    from m3it_builder.cli.output import print_json, print_text
    from m3it_builder.ledger.prune import Selection, count_selected
    from m3it_builder.ledger.prune import prune as prune_ledger
    from m3it_builder.ledger.store import Ledger

    path = ledger_path(ledger)
    selection = Selection(stage=stage, prompt_version=prompt_version, model=model)
    count = count_selected(path, selection)  # a missing ledger is an error, and not created
    if delete:
        with Ledger(path) as opened:
            count = prune_ledger(opened, selection)
    if as_json:
        print_json({"answers": count, "deleted": delete})
    elif delete:
        print_text(f"{count:,} answers removed")
    else:
        print_text(f"{count:,} answers; --delete removes them")


def _print_summaries(summaries: list[Summary]) -> None:
    from m3it_builder.cli.output import print_table, print_text
    from m3it_builder.ledger.entries import STATES
    from m3it_builder.ledger.summary import totals

    columns = ("stage", "model", "prompt", "answers", "input tokens", "output tokens")
    rows = [
        (
            *(item.stage, item.model, item.prompt_version),
            *(item.answers, item.input_tokens, item.output_tokens),
            *(_dollars(item.cost_usd), _dollars(item.reserved_usd)),
            *(item.attempts[state] for state in STATES),
        )
        for item in summaries
    ]
    print_table((*columns, "cost", "reserved", *STATES), rows)
    answers, cost, reserved = totals(summaries)
    print_text(f"{answers:,} answers, {_dollars(cost)} paid, {_dollars(reserved)} reserved")


def _dollars(amount: float) -> str:
    return f"${amount:,.4f}" if amount < 1 else f"${amount:,.2f}"
