"""Stage III, quality check: what one instance alone can show to be wrong.

These are the checks on text, made before any image is opened. Images are
checked by the packer, with their bytes in hand; whatever needs two instances
is an audit in SQL over the finished build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from m3it_builder.cards.cards import TaskCard
from m3it_builder.errors import CardError
from m3it_builder.records import Instance, Reject
from m3it_builder.stages import RejectSink

Check = Callable[[Instance, TaskCard], str | None]  # a detail where it fails, else None


def check(
    instances: Iterable[Instance], card: TaskCard, names: Iterable[str], reject: RejectSink
) -> Iterator[Instance]:
    """Pass on the instances that every named check accepts.

    Raises:
        CardError: no check has one of the names.
    """
    checks = [(name, _named(name)) for name in names]
    for instance in instances:
        for reason, judge in checks:
            if (detail := judge(instance, card)) is not None:
                reject("check", Reject(instance.record.id, reason, detail))
                break
        else:
            yield instance


def empty_output(instance: Instance, _: TaskCard) -> str | None:
    """The target text is blank."""
    return None if instance.outputs.strip() else ""


def empty_input(instance: Instance, _: TaskCard) -> str | None:
    """There is neither an image nor an input to answer from."""
    return None if instance.record.images or instance.inputs.strip() else ""


def image_count(instance: Instance, card: TaskCard) -> str | None:
    """The card promises another number of images; loaders would lose the surplus."""
    count = sum(image.count for image in instance.record.images)
    fits = card.images.min <= count <= card.images.max
    return None if fits else f"{count}, not {card.images.min} to {card.images.max}"


def gold_not_in_choices(instance: Instance, _: TaskCard) -> str | None:
    """The right answer is not the choice it is said to be."""
    for turn in instance.record.turns:
        if turn.gold is None:
            continue
        if not 0 <= turn.gold < len(turn.choices) or turn.choices[turn.gold] != turn.answer:
            return f"choice {turn.gold} of {len(turn.choices)}"
    return None


def choices_repeat(instance: Instance, _: TaskCard) -> str | None:
    """Two options of one question read the same."""
    for turn in instance.record.turns:
        if len(set(turn.choices)) != len(turn.choices):
            return f"{len(turn.choices)} choices, {len(set(turn.choices))} distinct"
    return None


def empty_choice(instance: Instance, _: TaskCard) -> str | None:
    """An option of a question is blank."""
    for turn in instance.record.turns:
        for place, choice in enumerate(turn.choices):
            if not choice.strip():
                return f"choice {place} of {len(turn.choices)}"
    return None


def box_outside(instance: Instance, _: TaskCard) -> str | None:
    """A box is empty, upside down, or lies wholly outside its image."""
    record = instance.record
    for region in record.regions:
        x0, y0, x1, y1 = region.box
        width, height = record.images[region.image].size or (float("inf"), float("inf"))
        if not (x0 < x1 and y0 < y1 and x0 < width and y0 < height and x1 > 0 and y1 > 0):
            return f"{region.box} in {width}x{height}"
    return None


CHECKS: Mapping[str, Check] = {
    judge.__name__: judge
    for judge in (
        empty_output,
        empty_input,
        image_count,
        gold_not_in_choices,
        choices_repeat,
        empty_choice,
        box_outside,
    )
}


def _named(name: str) -> Check:
    if name not in CHECKS:
        raise CardError(f"no check is called {name!r}; there are {', '.join(CHECKS)}")
    return CHECKS[name]
