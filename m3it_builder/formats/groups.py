"""One row of each group: one question a video, one sentence an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from m3it_builder.formats.options import seeded
from m3it_builder.records import Record, Reject


def one_of_each(
    groups: Iterable[tuple[Any, Sequence[Any]]],
    make: Callable[[Any], Record],
    key: str,
    everything: bool = False,
) -> Iterator[Record | Reject]:
    """Yield one record a group, drawn by key; the others become rejects, as does an empty group.

    Args:
        groups: (name of the group, its rows).
        make: turns a row into a record.
        key: of the draw; the task's name, say.
        everything: take every row instead.
    """
    for name, rows in groups:
        if not rows:
            yield Reject(str(name), "no_answer")
            continue
        chosen = seeded(key, name).randrange(len(rows))
        for place, row in enumerate(rows):
            record = make(row)
            if everything or place == chosen:
                yield record
            else:
                yield Reject(record.id, "not_chosen", f"another of {name} was drawn")
