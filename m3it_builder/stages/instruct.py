"""Stage I, instruction writing: join every record with one instruction of the pool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from m3it_builder.records import Instance, Record, Split
from m3it_builder.tasks.registry import Task


def instruct(
    records: Iterable[Record], task: Task, split: Split, seed: int, count: int | None = None
) -> Iterator[Instance]:
    """Yield an instance without rendered texts for every record.

    A record that has an instruction of its own keeps it.

    Args:
        records: located records.
        task: its pool, language and licenses are used.
        split: the split the records belong to.
        seed: random seed of the selection.
        count: use only the first ``count`` instructions of the pool, for ablations.
    """
    pool = task.instructions[:count]
    for record in records:
        yield Instance(
            task=task.name,
            split=split,
            lang=task.card.lang,
            instruction=record.instruction or pick(pool, f"{seed}/{task.name}/{record.id}"),
            license=record.license or task.card.license,
            image_license=record.image_license or task.card.image_license,
            record=record,
        )


def pick(pool: tuple[str, ...], key: str) -> str:
    """Return the text with the highest keyed digest (rendezvous hashing).

    The result depends on key and text alone, not on order, sharding or machine.
    Editing one of ten texts changes about a tenth of the rows, and the rows that keep
    their text in a larger pool include those of every smaller one.
    """
    return max(pool, key=lambda text: blake2b(f"{key}/{text}".encode(), digest_size=8).digest())
