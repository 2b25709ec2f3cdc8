"""Reading answers by key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from m3it_builder.ledger.entries import Answer
from m3it_builder.ledger.failures import ledger_errors
from m3it_builder.ledger.schema import BUSY_SECONDS, connect

COLUMNS = Answer.__struct_fields__
_NAMES = ", ".join(COLUMNS)
_GROUP = 500  # keys per query


class Answers:
    """The committed answers of a ledger. Every method may raise ``LedgerError``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def get_many(self, keys: Iterable[str]) -> Iterator[tuple[str, Answer | None]]:
        """Yield each key, in the given order, with its answer; None if there is none.

        Keys are looked up in groups, so the memory used does not depend on their number.
        """
        remaining = iter(keys)
        while group := list(islice(remaining, _GROUP)):
            found = self._lookup(group)
            for key in group:
                yield key, found.get(key)

    def count(self) -> int:
        """Return the number of answers."""
        return int(self._value("SELECT count(*) FROM answers"))

    def latest(self) -> int:
        """Return the sequence number of the latest answer; 0 if there has been none.

        Numbers increase in the order of commits, and are not used again.
        """
        return int(
            self._value("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'answers'")
        )

    def mark(self) -> str:
        """Return a text that changes whenever an answer is added or removed.

        It is random: two ledgers of the same mark are copies of one, and have the same answers.
        """
        return str(self._value("SELECT mark FROM content"))

    def in_order(self) -> Iterator[Answer]:
        """Yield all answers, sorted by key.

        They are read in groups, between which other processes can commit.
        """
        start = ""
        while True:
            with ledger_errors(self._path):
                rows = self._connection.execute(
                    f"SELECT {_NAMES} FROM answers WHERE key > ? ORDER BY key LIMIT ?",  # noqa: S608
                    (start, _GROUP),
                ).fetchall()
            if not rows:
                return
            yield from map(_answer, rows)
            start = rows[-1][0]

    def _lookup(self, keys: list[str]) -> dict[str, Answer]:
        marks = ", ".join("?" * len(keys))
        with ledger_errors(self._path):
            rows = self._connection.execute(
                f"SELECT {_NAMES} FROM answers WHERE key IN ({marks})",  # noqa: S608
                keys,
            ).fetchall()
        return {row[0]: _answer(row) for row in rows}

    def _value(self, query: str) -> Any:
        with ledger_errors(self._path):
            (value,) = self._connection.execute(query).fetchone()
        return value


@contextmanager
def open_answers(path: Path, busy_seconds: float = BUSY_SECONDS) -> Iterator[Answers]:
    """Open a ledger for reading; writes nothing, but a killed writer's journal is rolled back.

    Args:
        path: of the ledger.
        busy_seconds: how long to wait for a lock of another process.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    connection = connect(path, write=False, busy_seconds=busy_seconds)
    try:
        yield Answers(connection, path)
    finally:
        connection.close()


def _answer(row: tuple[object, ...]) -> Answer:
    return Answer(**dict(zip(COLUMNS, row, strict=True)))  # type: ignore[arg-type]
