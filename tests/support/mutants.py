"""Converters for tests of the contract: a correct one, and others with one error each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from msgspec.structs import replace

from m3it_builder import Record, Region, Reject, Source, Turn
from m3it_builder.converters import okvqa

Item = Record | Reject


def correct(source: Source) -> Iterator[Item]:
    yield from okvqa.convert(source)


def first_answer(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        yield _answered(item, lambda answers: answers[0])


def last_of_most_frequent(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        yield _answered(item, lambda a: max(reversed(dict.fromkeys(a)), key=a.count).strip())


def local_path_in_meta(source: Source) -> Iterator[Item]:
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


_CALLS = count()


def different_order_each_time(source: Source) -> Iterator[Item]:
    items = list(okvqa.convert(source))
    start = next(_CALLS) % len(items)
    yield from items[start:] + items[:start]


def two_images(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        yield replace(item, images=item.images * 2) if isinstance(item, Record) else item


def choices_without_answer(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        if isinstance(item, Record):
            (turn,) = item.turns
            item = replace(item, turns=(Turn(turn.question, turn.answer, ("x", "y"), 0),))
        yield item


def missing_gold(source: Source) -> Iterator[Item]:
    for item in okvqa.convert(source):
        if isinstance(item, Record):
            (turn,) = item.turns
            item = replace(item, turns=(Turn(turn.question, turn.answer, ("x", turn.answer)),))
        yield item


def missing_box(source: Source) -> Iterator[Item]:
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
