"""One row of each group: one question per video, one sentence per image."""

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
    """Yield one record per group, sampled by key and name; other rows and empty groups are rejects.

    The sample depends on nothing else, so it stays the same when files are reordered.

    Args:
        groups: (name of the group, its rows).
        make: converts a row to a record.
        key: seed of the selection, the task's name for instance.
        everything: yield every row instead.
    """
    for name, rows in groups:
        if not rows:
            yield Reject(str(name), "no_answer")
            continue
        chosen = seeded(key, name).randrange(len(rows))
        for index, row in enumerate(rows):
            record = make(row)
            if everything or index == chosen:
                yield record
            else:
                yield Reject(record.id, "not_chosen", f"another of {name} was drawn")
