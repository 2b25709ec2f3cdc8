"""Join two streams of rows by a key without holding either in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from m3it_builder.sources.lookup import Lookup

Row = Mapping[str, Any]


def join(
    left: Iterable[Row], right: Iterable[Row], key: str
) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield every left row with its right row, in left order, then the right rows left over.

    Both streams are walked in lockstep. Where they disagree, right rows are
    put aside, in memory first and then on disk, so memory stays flat whatever
    the order. A row without partner is paired with None.
    """
    right = iter(right)
    aside: Lookup[Row] = Lookup()
    for row in left:
        yield row, _partner(row[key], right, aside, key)
    for _, rows in aside.groups():
        for rest in rows:
            yield None, rest
    for rest in right:
        yield None, rest


def _partner(wanted: Any, right: Iterator[Row], aside: Lookup[Row], key: str) -> Row | None:
    if (found := aside.take(wanted)) is not None:
        return found
    for row in right:
        if row[key] == wanted:
            return row
        aside.put(row[key], row)
    return None
