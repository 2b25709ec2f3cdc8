"""Streaming join: pair two streams of rows by a key, without holding either in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from m3it_builder.sources.lookup import Lookup

Row = Mapping[str, Any]


def join(
    left: Iterable[Row], right: Iterable[Row], key: str
) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield each left row with its right row, in left order, then the unmatched right rows.

    A full outer join, one to one: where a key repeats, the n-th left row gets the n-th
    right row. The missing side of an unmatched row is None. Both streams advance in
    lockstep; right rows that arrive before their left row wait in a ``Lookup``, which
    spills to disk, so memory stays flat in any order.

    Args:
        left: rows that decide the order.
        right: rows to pair with them.
        key: column of both; its values are JSON values.
    """
    right = iter(right)
    waiting: Lookup[Row] = Lookup()
    for row in left:
        yield row, _partner(row[key], right, waiting, key)
    for _, rows in waiting.groups():
        for unmatched in rows:
            yield None, unmatched
    for unmatched in right:
        yield None, unmatched


def _partner(wanted: Any, right: Iterator[Row], waiting: Lookup[Row], key: str) -> Row | None:
    if (partner := waiting.take(wanted)) is not None:
        return partner
    for row in right:
        if row[key] == wanted:
            return row
        waiting.put(row[key], row)
    return None
