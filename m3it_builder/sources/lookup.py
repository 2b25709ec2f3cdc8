"""Rows by key, in memory while they are few and on disk when they are many.

Converters must not hold a large file in a dictionary; with this they need not.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar, cast
from weakref import finalize

import orjson

Value = TypeVar("Value")
IN_MEMORY = 10_000  # values


class Lookup(Generic[Value]):
    """Several values a key, in the order they were put; keys and values are JSON values.

    A tuple comes back as a list, whether it was kept in memory or on disk.
    """

    def __init__(self, pairs: Iterable[tuple[Any, Value]] = ()) -> None:
        self._near: dict[str, list[Value]] = {}
        self._near_count = 0
        self._far: sqlite3.Connection | None = None
        for key, value in pairs:
            self.put(key, value)

    def put(self, key: Any, value: Value) -> None:
        """Add a value under a key."""
        plain = list(value) if isinstance(value, tuple) else value
        self._near.setdefault(_name(key), []).append(cast(Value, plain))
        self._near_count += 1
        if self._near_count > IN_MEMORY:
            self._spill()

    def get(self, key: Any) -> Value | None:
        """Return the first value under a key, or None."""
        values = self.all(key)
        return values[0] if values else None

    def __getitem__(self, key: Any) -> Value:
        """Return the first value under a key, or raise ``KeyError``."""
        values = self.all(key)
        if not values:
            raise KeyError(key)
        return values[0]

    def all(self, key: Any) -> list[Value]:
        """Return every value under a key."""
        name = _name(key)
        return [*self._far_values(name), *self._near.get(name, ())]

    def take(self, key: Any) -> Value | None:
        """Return the first value under a key and forget it."""
        name = _name(key)
        if self._far is not None:
            row = self._far.execute(
                "DELETE FROM entries WHERE place ="
                " (SELECT min(place) FROM entries WHERE key = ?) RETURNING value",
                (name,),
            ).fetchall()
            if row:
                return orjson.loads(row[0][0])  # type: ignore[no-any-return]
        values = self._near.get(name)
        if not values:
            return None
        self._near_count -= 1
        first = values.pop(0)
        if not values:
            del self._near[name]
        return first

    def groups(self) -> Iterator[tuple[Any, list[Value]]]:
        """Yield each key with all its values, keys in the order they were first put."""
        if self._far is None:
            for name, values in self._near.items():
                yield orjson.loads(name), values
            return
        self._spill()
        names = self._far.execute("SELECT key FROM entries GROUP BY key ORDER BY min(place)")
        for (name,) in names:
            yield orjson.loads(name), self._far_values(name)

    def _far_values(self, name: str) -> list[Value]:
        if self._far is None:
            return []
        rows = self._far.execute("SELECT value FROM entries WHERE key = ? ORDER BY place", (name,))
        return [orjson.loads(value) for (value,) in rows]

    def _spill(self) -> None:
        if self._far is None:
            # The file has no name once it is open, so nothing is left behind, even by a kill.
            with tempfile.NamedTemporaryFile(prefix="m3it-lookup-", suffix=".sqlite") as file:
                self._far = sqlite3.connect(file.name)
                self._far.executescript(
                    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;"
                    "CREATE TABLE entries (place INTEGER PRIMARY KEY, key TEXT, value BLOB);"
                    "CREATE INDEX by_key ON entries (key, place);"
                )
            finalize(self, self._far.close)
        self._far.executemany(
            "INSERT INTO entries (key, value) VALUES (?, ?)",
            (
                (name, orjson.dumps(value))
                for name, values in self._near.items()
                for value in values
            ),
        )
        self._near.clear()
        self._near_count = 0


def _name(key: Any) -> str:
    return orjson.dumps(key).decode()  # 7 and "7" are different keys
