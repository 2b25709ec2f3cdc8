"""Values by key: in memory while they are few, on disk once they are many.

Converters must not hold a large file in a dictionary; this is what they use instead.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar, cast
from weakref import finalize

from m3it_builder.storage.json_values import dumps_loose, loads

Value = TypeVar("Value")
IN_MEMORY = 10_000  # values


class Lookup(Generic[Value]):
    """A multimap of JSON values that spills to disk; the values of a key keep insertion order.

    A tuple is returned as a list, from memory as from disk.
    """

    def __init__(self, pairs: Iterable[tuple[Any, Value]] = ()) -> None:
        self._memory: dict[str, list[Value]] = {}
        self._memory_count = 0
        self._disk: sqlite3.Connection | None = None
        for key, value in pairs:
            self.put(key, value)

    def put(self, key: Any, value: Value) -> None:
        """Append a value to those of a key."""
        plain = list(value) if isinstance(value, tuple) else value
        self._memory.setdefault(_encode(key), []).append(cast(Value, plain))
        self._memory_count += 1
        if self._memory_count > IN_MEMORY:
            self._spill()

    def get(self, key: Any) -> Value | None:
        """Return the first value of a key, or None."""
        values = self.all(key)
        return values[0] if values else None

    def __getitem__(self, key: Any) -> Value:
        """Return the first value of a key.

        Raises:
            KeyError: the key has no value.
        """
        values = self.all(key)
        if not values:
            raise KeyError(key)
        return values[0]

    def all(self, key: Any) -> list[Value]:
        """Return all values of a key."""
        encoded = _encode(key)
        # All values on disk are older than those in memory.
        return [*self._on_disk(encoded), *self._memory.get(encoded, ())]

    def take(self, key: Any) -> Value | None:
        """Remove and return the first value of a key, or None."""
        encoded = _encode(key)
        if self._disk is not None:
            row = self._disk.execute(
                "DELETE FROM entries WHERE position ="
                " (SELECT min(position) FROM entries WHERE key = ?) RETURNING value",
                (encoded,),
            ).fetchall()
            if row:
                return cast(Value, loads(row[0][0]))
        values = self._memory.get(encoded)
        if not values:
            return None
        self._memory_count -= 1
        first = values.pop(0)
        if not values:
            del self._memory[encoded]
        return first

    def groups(self) -> Iterator[tuple[Any, list[Value]]]:
        """Yield each key with all its values, keys in the order of their first value."""
        if self._disk is None:
            for encoded, values in self._memory.items():
                yield loads(encoded), values
            return
        self._spill()
        keys = self._disk.execute("SELECT key FROM entries GROUP BY key ORDER BY min(position)")
        for (encoded,) in keys:
            yield loads(encoded), self._on_disk(encoded)

    def _on_disk(self, encoded: str) -> list[Value]:
        if self._disk is None:
            return []
        rows = self._disk.execute(
            "SELECT value FROM entries WHERE key = ? ORDER BY position", (encoded,)
        )
        return [loads(value) for (value,) in rows]

    def _spill(self) -> None:
        if self._disk is None:
            # The file is unlinked while open, so that even a killed process leaves none behind.
            with tempfile.NamedTemporaryFile(prefix="m3it-lookup-", suffix=".sqlite") as file:
                self._disk = sqlite3.connect(file.name)
                # No journal, no fsync: the file does not outlive the process, so there is
                # nothing to recover, and a journal has a name that a kill would leave behind.
                # A cache of 16 MiB instead of 2, since lookups are random access.
                self._disk.executescript(
                    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;"
                    "CREATE TABLE entries (position INTEGER PRIMARY KEY, key TEXT, value BLOB);"
                    "CREATE INDEX by_key ON entries (key, position);"
                )
            finalize(self, self._disk.close)
        self._disk.executemany(
            "INSERT INTO entries (key, value) VALUES (?, ?)",
            (
                (encoded, dumps_loose(value))
                for encoded, values in self._memory.items()
                for value in values
            ),
        )
        self._memory.clear()
        self._memory_count = 0


def _encode(key: Any) -> str:
    return dumps_loose(key).decode()  # JSON keeps 7 and "7" apart
