"""Removing answers that are no longer wanted; the log of attempts stays."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from m3it_builder.errors import UsageError
from m3it_builder.ledger.failures import ledger_errors
from m3it_builder.ledger.schema import connect
from m3it_builder.ledger.store import Ledger, change_mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which answers: those for which everything given applies."""

    stage: str | None = None
    prompt_version: str | None = None
    model: str | None = None


def count_selected(path: Path, selection: Selection) -> int:
    """Return how many answers ``prune`` would remove.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
        UsageError: the selection is empty.
    """
    condition, values = _condition(selection)
    connection = connect(path, write=False)
    try:
        with ledger_errors(path):
            (count,) = connection.execute(
                f"SELECT count(*) FROM answers WHERE {condition}",  # noqa: S608
                values,
            ).fetchone()
            return int(count)
    finally:
        connection.close()


def prune(ledger: Ledger, selection: Selection) -> int:
    """Remove answers, and return how many; the file becomes smaller.

    Raises:
        LedgerError: they cannot be removed; all are kept.
        UsageError: the selection is empty.
    """
    condition, values = _condition(selection)
    with ledger.commit() as connection:
        removed = connection.execute(
            f"DELETE FROM answers WHERE {condition}",  # noqa: S608
            values,
        ).rowcount
        if removed:
            change_mark(connection)
    return removed


def _condition(selection: Selection) -> tuple[str, list[str]]:
    given = {name: value for name, value in asdict(selection).items() if value is not None}
    if not given:
        raise UsageError("nothing selects answers; give --stage, --prompt-version or --model")
    return " AND ".join(f"{name} = ?" for name in given), list(given.values())
