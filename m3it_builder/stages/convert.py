"""Stage II, format unification: run the converter of a task over its source."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from m3it_builder.errors import ConvertError
from m3it_builder.records import Record, Reject
from m3it_builder.sources.source import Source
from m3it_builder.stages import RejectSink
from m3it_builder.tasks.registry import Task

_DAMAGED = re.compile(
    "[\0\ud800-\udfff]"
)  # NUL and lone surrogates: some formats cannot store them

# Raised by access to a record of unexpected structure; anything else is a bug, not handled here.
_STRUCTURE_ERRORS = (LookupError, TypeError, ValueError, AttributeError)


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
            elif (damage := _damage(item, task, source)) is not None:
                reject("convert", Reject(_printable(item.id), "damaged_text", damage))
            else:
                yield item
    except _STRUCTURE_ERRORS as error:
        details = f"{type(error).__name__}: {error}"
        raise ConvertError(
            f"{task.name}/{source.split}: {source.position or 'the source'} does not have the "
            f"structure the converter expects ({details}); check the file with "
            "`m3it fetch --verify`; if it is the official one, report a bug in the converter"
        ) from error


def _damage(record: Record, task: Task, source: Source) -> str | None:
    """Return a text of the record that cannot be stored, or None.

    Raises:
        ConvertError: its id is not a non-empty string, or its meta has values not allowed
            in JSON.
    """
    if not isinstance(record.id, str) or not record.id:
        raise _converter_error(
            task, source, f"yielded the id {record.id!r}, which is not a non-empty string"
        )
    texts = [
        record.id,
        record.context,
        record.instruction,
        *(image.name for image in record.images),
    ]
    for turn in record.turns:
        texts += (turn.question, turn.answer, *turn.choices)
    texts += (region.label for region in record.regions)
    if _DAMAGED.search("\n".join(texts)):  # one search: nearly all records pass
        return _printable(next(filter(_DAMAGED.search, texts)))
    try:
        orjson.dumps(record.meta)
    except TypeError as error:
        if "surrogate" in str(error):
            return "in its meta"
        raise _converter_error(
            task, source, f"yielded a meta that is not JSON ({error})"
        ) from error
    return None


def _converter_error(task: Task, source: Source, problem: str) -> ConvertError:
    position = source.position or "the start of the source"
    return ConvertError(
        f"{task.name}/{source.split}: the converter {problem}, at {position}; "
        "report a bug in the converter"
    )


def _printable(text: str) -> str:
    return _DAMAGED.sub("\N{REPLACEMENT CHARACTER}", text)[:80]
