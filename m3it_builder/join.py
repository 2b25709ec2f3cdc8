"""Join two streams of rows by a key without holding either in memory."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

import orjson

Row = Mapping[str, Any]
_IN_MEMORY = 10_000  # rows


def join(
    left: Iterable[Row], right: Iterable[Row], key: str
) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield every left row with its right row, in left order, then the right rows left over.

    Both streams are walked in lockstep. Where they disagree, right rows are
    put aside, in memory first and then in a temporary database, so memory
    stays flat whatever the order. A row without partner is paired with None.
    """
    right = iter(right)
    with _Aside() as aside:
        for row in left:
            yield row, _partner(row[key], right, aside, key)
        for rest in aside.rows():
            yield None, rest
        for rest in right:
            yield None, rest


def _partner(wanted: Any, right: Iterator[Row], aside: _Aside, key: str) -> Row | None:
    if (found := aside.take(wanted)) is not None:
        return found
    for row in right:
        if row[key] == wanted:
            return row
        aside.put(row[key], row)
    return None


class _Aside:
    """Rows by key, taken out once; the first of several under one key wins."""

    def __init__(self) -> None:
        self._near: dict[Any, Row] = {}
        self._far: sqlite3.Connection | None = None
        self._file = tempfile.NamedTemporaryFile(prefix="m3it-join-", suffix=".sqlite")

    def __enter__(self) -> _Aside:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._far is not None:
            self._far.close()
        self._file.close()

    def put(self, key: Any, row: Row) -> None:
        if key in self._near:
            return
        self._near[key] = row
        if len(self._near) > _IN_MEMORY:
            self._spill()

    def take(self, key: Any) -> Row | None:
        if (row := self._near.pop(key, None)) is not None or self._far is None:
            return row
        found = self._far.execute(
            "DELETE FROM aside WHERE key = ? RETURNING row", (_name(key),)
        ).fetchall()
        return orjson.loads(found[0][0]) if found else None

    def rows(self) -> Iterator[Row]:
        if self._far is not None:
            for (row,) in self._far.execute("SELECT row FROM aside ORDER BY place"):
                yield orjson.loads(row)
        yield from self._near.values()

    def _spill(self) -> None:
        if self._far is None:
            self._far = sqlite3.connect(self._file.name)
            self._far.executescript(
                "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                "CREATE TABLE aside (place INTEGER PRIMARY KEY, key TEXT UNIQUE, row BLOB);"
            )
        self._far.executemany(
            "INSERT OR IGNORE INTO aside (key, row) VALUES (?, ?)",
            ((_name(key), orjson.dumps(row)) for key, row in self._near.items()),
        )
        self._near.clear()


def _name(key: Any) -> str:
    return orjson.dumps(key).decode()  # 7 and "7" are different keys
