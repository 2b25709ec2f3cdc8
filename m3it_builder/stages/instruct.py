"""Stage I, instruction writing: join every record with one instruction of the pool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from m3it_builder.records import Instance, Record, Split
from m3it_builder.tasks.registry import Task


def instruct(
    records: Iterable[Record], task: Task, split: Split, seed: int, count: int | None = None
) -> Iterator[Instance]:
    """Yield an instance for each record, with its texts not yet rendered.

    An instruction that comes from the source is kept.

    Args:
        records: chosen records.
        task: provides instruction pool, language and default licenses.
        split: split of the records.
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

    The result depends on key and texts only, not on order, sharding or machine. Replacing
    one of ten texts changes a fifth of the rows: those that had the old text, and those
    that select the new one. Extending the pool changes only rows that select an added text.
    """
    return max(pool, key=lambda text: blake2b(f"{key}/{text}".encode(), digest_size=8).digest())
