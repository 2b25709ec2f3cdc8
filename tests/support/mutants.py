"""Converters with one fault each, for the contract to catch; the first one has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from msgspec.structs import replace

from m3it_builder import Record, Region, Reject, Source, Turn
from m3it_builder.converters import okvqa

Item = Record | Reject


def right(source: Source) -> Iterator[Item]:
    yield from okvqa.convert(source)


def first_answer(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        yield _answered(item, lambda answers: answers[0])


def last_among_equals(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        yield _answered(item, lambda a: max(reversed(dict.fromkeys(a)), key=a.count).strip())


def path_in_the_row(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        if isinstance(item, Record):
            item = replace(item, meta={**item.meta, "root": str(source.find(item.images[0].name))})
        yield item


def running_number_as_id(source: Source) -> Iterator[Item]:
    for number, item in enumerate(okvqa.convert(source)):
        yield replace(item, id=str(number))


def dropped_row(source: Source) -> Iterator[Item]:
    for number, item in enumerate(okvqa.convert(source)):
        if number != 1:
            yield item


def dropped_reject(source: Source) -> Iterator[Item]:
    yield from (item for item in okvqa.convert(source) if isinstance(item, Record))


_SHUFFLE = count()


def other_order_each_time(source: Source) -> Iterator[Item]:
    items = list(okvqa.convert(source))
    turn = next(_SHUFFLE) % len(items)
    yield from items[turn:] + items[:turn]


def two_images(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        yield replace(item, images=item.images * 2) if isinstance(item, Record) else item


def options_without_answer(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        if isinstance(item, Record):
            (turn,) = item.turns
            item = replace(item, turns=(Turn(turn.question, turn.answer, ("x", "y"), 0),))
        yield item


def gold_not_told(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        if isinstance(item, Record):
            (turn,) = item.turns
            item = replace(item, turns=(Turn(turn.question, turn.answer, ("x", turn.answer)),))
        yield item


def box_that_is_not_there(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        if isinstance(item, Record):
            region = Region((0, 0, 9, 9))
            turns = (Turn("What is {box:3}?", "a box"),)
            item = replace(item, regions=(region,), turns=turns)
        yield item


def _answered(item: Item, choose: Callable[[list[str]], str]) -> Item:
    if isinstance(item, Reject):
        return item
    answer = choose(list(item.meta["answers"]))
    return replace(item, turns=(Turn(item.turns[0].question, answer),))
