"""Stage I, instruction writing: join every record with one instruction of the pool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from xxhash import xxh3_64_intdigest

from m3it_builder.cards.instructions import Instruction, Need
from m3it_builder.errors import CardError
from m3it_builder.records import Instance, Record, Split, Style
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
        count: use only the first ``count`` instructions that fit a record, for ablations.

    Raises:
        CardError: the pool has no instruction that fits a record.
    """
    style = task.card.render.style()
    pools: dict[frozenset[Need], tuple[str, ...]] = {}  # by the features of a record
    are_for_all = not any(one.needs for one in task.instructions)
    for record in records:
        instruction = record.instruction
        if not instruction:
            features = frozenset[Need]() if are_for_all else features_of(record, style)
            if features not in pools:
                pools[features] = _fitting(task, features)[:count]
            pool = pools[features]
            instruction = pick(pool, f"{seed}/{task.name}/{record.id}") if pool else ""
        yield Instance(
            task=task.name,
            split=split,
            lang=record.lang or task.card.lang,
            instruction=instruction,
            license=record.license or task.card.license,
            image_license=record.image_license or task.card.image_license,
            record=record,
        )


def features_of(record: Record, style: Style) -> frozenset[Need]:
    """Return everything a record has that an instruction may need."""
    last = record.turns[-1]
    images = sum(image.count for image in record.images)
    has_letter = last.gold is not None and style.answer != "text"
    features: dict[Need, bool] = {
        "image": images > 0,
        "several_images": images > 1,
        "question": bool(last.question),
        "context": bool(record.context),
        "dialog": len(record.turns) > 1,
        "options": bool(last.choices),
        "box": bool(record.regions),
        "letter": has_letter,
        "option_text": bool(last.choices) and not (has_letter and style.answer == "letter"),
    }
    return frozenset(name for name, has in features.items() if has)


def fitting(pool: Sequence[Instruction], features: frozenset[Need]) -> tuple[str, ...]:
    """Return the texts of the instructions that fit a record with these features."""
    return tuple(one.text for one in pool if one.needs <= features)


def _fitting(task: Task, features: frozenset[Need]) -> tuple[str, ...]:
    texts = fitting(task.instructions, features)
    if texts or not task.instructions:  # adopted rows without texts have no pool
        return texts
    found = ", ".join(sorted(features)) or "nothing"
    raise CardError(
        f"{task.name}: no instruction fits a row that has {found}; add one that needs nothing else"
    )


def pick(pool: tuple[str, ...], key: str) -> str:
    """Return the text with the highest digest seeded by the key (rendezvous hashing).

    The result depends on key and texts only, not on order, sharding or machine. Replacing
    one of ten texts changes a fifth of the rows: those that had the old text, and those
    that select the new one. Extending the pool changes only rows that select an added text.
    """
    seed = xxh3_64_intdigest(key.encode(errors="surrogatepass"))
    return max(pool, key=lambda text: xxh3_64_intdigest(text.encode(), seed))
