"""Stage II, format unification: run the converter of a task over its source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from m3it_builder.errors import ConverterError, ConvertError
from m3it_builder.records import Record, Reject
from m3it_builder.sources.source import Source
from m3it_builder.stages import RejectSink
from m3it_builder.storage.json_values import NotFiniteError, TooDeepError, dumps, loads_strict
from m3it_builder.tasks.registry import Task

# NUL and lone surrogates: some formats cannot store them.
_DAMAGED = re.compile("[\0\ud800-\udfff]")
# Raised by access to a record of unexpected structure; anything else is a bug, not handled here.
_STRUCTURE_ERRORS = (LookupError, TypeError, ValueError, AttributeError)

_SCALARS = (str, int, float)  # bool is an int
_MAX_DEPTH = 200  # ``dumps`` refuses what is nested more deeply


def convert(task: Task, source: Source, reject: RejectSink) -> Iterator[Record]:
    """Yield the records of one split.

    Raises:
        ConvertError: a source record does not have the structure the converter expects;
            the message names file and record.
    """
    withheld = task.card.splits[source.split].answers == "withheld"
    try:
        for item in task.convert(source):
            if isinstance(item, Reject):
                reject("convert", item)
            elif withheld:
                reject("convert", Reject(item.id, "answer_withheld"))
            elif (unstorable := _unstorable(item, task, source)) is not None:
                reject("convert", unstorable)
            else:
                yield item
    except _STRUCTURE_ERRORS as error:
        details = f"{type(error).__name__}: {error}"
        raise ConvertError(
            f"{task.name}/{source.split}: {source.position or 'the source'} does not have the "
            f"structure the converter expects ({details})",
            "check the file with `m3it fetch --verify`; if it is the official one, report a bug "
            "in the converter",
        ) from error


def _unstorable(record: Record, task: Task, source: Source) -> Reject | None:
    """Return the reject of a record with an id, text or meta that cannot be stored.

    Raises:
        ConverterError: its id is not a string, or its meta has types that JSON does not know.
    """
    if not isinstance(record.id, str):
        raise _converter_error(task, source, f"yielded the id {record.id!r}, which is not a string")
    if not record.id:
        return Reject("", "empty_id", source.position)
    texts = _texts(record)
    if _DAMAGED.search("\n".join(texts)):  # one search: nearly all records pass
        damaged = _printable(next(filter(_DAMAGED.search, texts)))
        return Reject(_printable(record.id), "damaged_text", damaged)
    try:
        problem = _problem_of(record.meta)
    except UnicodeEncodeError:
        return Reject(record.id, "damaged_text", "in its meta")
    except NotFiniteError:
        return Reject(record.id, "number_not_finite", "in its meta")
    except TooDeepError:
        return Reject(record.id, "nested_too_deeply", "its meta")
    if problem:
        raise _converter_error(task, source, f"yielded record {record.id!r} with meta{problem}")
    return None


def _problem_of(meta: object) -> str:
    """Describe what of a value is not JSON; "" if all of it is."""
    try:
        encoded = dumps(meta)
    except TypeError as error:
        return _not_json(meta) or f", which is not JSON ({error})"
    # A comparison in C clears nearly all records; that of a tuple with a list fails, too.
    return "" if loads_strict(encoded) == meta else _not_json(meta)


def _not_json(value: object, depth: int = 0) -> str:
    """Describe the first key or value that is not JSON, after its keys; "" if there is none.

    The encoder accepts more: a set would become a list, in an order that differs between runs.
    """
    if value is None or isinstance(value, _SCALARS) or depth > _MAX_DEPTH:
        return ""
    children: Iterable[tuple[object, object]]
    if isinstance(value, dict):
        children = value.items()
        if not_text := [key for key in value if not isinstance(key, str)]:
            return f", whose key {not_text[0]!r} is not JSON (not a string)"
    elif isinstance(value, (list, tuple)):
        children = enumerate(value)
    else:
        return f", which is not JSON (a value of type {type(value).__name__})"
    for key, child in children:
        if not isinstance(child, _SCALARS) and (problem := _not_json(child, depth + 1)):
            return f"[{key!r}]{problem}"
    return ""


def _texts(record: Record) -> list[str]:
    texts = [
        record.id,
        record.context,
        record.instruction,
        *(image.name for image in record.images),
    ]
    for turn in record.turns:
        texts += (turn.question, turn.answer, *turn.choices)
    texts += (region.label for region in record.regions)
    return texts


def _converter_error(task: Task, source: Source, problem: str) -> ConverterError:
    position = source.position or "the start of the source"
    return ConverterError(
        f"{task.name}/{source.split}: the converter {problem}, at {position}",
        "correct the converter, or report it to its author",
    )


def _printable(text: str) -> str:
    return _DAMAGED.sub("\N{REPLACEMENT CHARACTER}", text)[:80]
