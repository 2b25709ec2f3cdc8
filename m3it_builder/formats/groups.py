"""One row of each group: one question a video, one sentence a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from m3it_builder.formats.options import seeded
from m3it_builder.records import Reject


def one_of_each(
    groups: Iterable[tuple[Any, Sequence[Any]]],
    id_of: Callable[[Any], str],
    key: str,
    everything: bool = False,
) -> Iterator[Any | Reject]:
    """Yield one row a group, drawn by key; the others become rejects, as does an empty group.

    Args:
        groups: (name of the group, its rows).
        id_of: gives the id of a row.
        key: of the draw; the task's name, say.
        everything: take every row instead.
    """
    for name, rows in groups:
        if not rows:
            yield Reject(str(name), "no_answer")
            continue
        chosen = seeded(key, name).randrange(len(rows))
        for place, row in enumerate(rows):
            if everything or place == chosen:
                yield row
            else:
                yield Reject(id_of(row), "not_chosen", f"another of {name} was drawn")
