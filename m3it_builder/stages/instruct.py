"""Stage I, instruction writing: the pool is data; here it meets the records.

It stands first for people, who write the pool, and second for records, which
meet it after conversion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from m3it_builder.records import Instance, Record, Split
from m3it_builder.stages.render import render
from m3it_builder.tasks.registry import Task


def instruct(
    records: Iterable[Record], task: Task, split: Split, seed: int, count: int | None = None
) -> Iterator[Instance]:
    """Join every record with one instruction and render its texts.

    A record that brings an instruction keeps it.

    Args:
        records: located records.
        task: whose pool, language and style are used.
        split: the split the records belong to.
        seed: of the draw.
        count: use only the first so many instructions of the pool, for ablations.
    """
    pool = task.instructions[:count]
    style = task.card.render.style()
    for record in records:
        inputs, outputs = render(record, task.card.lang, style)
        yield Instance(
            task=task.name,
            split=split,
            lang=task.card.lang,
            instruction=record.instruction or pick(pool, f"{seed}/{task.name}/{record.id}"),
            inputs=inputs,
            outputs=outputs,
            record=record,
        )


def pick(pool: tuple[str, ...], key: str) -> str:
    """Return the text that scores highest with the key.

    The draw depends on nothing but key and text, so order, sharding and machine
    do not matter; editing one of ten texts changes about a tenth of the rows, and
    the rows of a smaller pool that keep their text in a larger one nest.
    """
    return max(pool, key=lambda text: blake2b(f"{key}/{text}".encode(), digest_size=8).digest())
