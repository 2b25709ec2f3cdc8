"""Stage II, format unification: run a task's converter over its source."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from m3it_builder.errors import ConvertError
from m3it_builder.records import Record, Reject
from m3it_builder.sources.source import Source
from m3it_builder.stages import RejectSink
from m3it_builder.tasks.registry import Task

_DAMAGED = re.compile("[\0\ud800-\udfff]")  # NUL and lone surrogates: no format stores them

# What reading a record of another shape raises; anything else is a bug and keeps its trace.
_MISREAD = (LookupError, TypeError, ValueError, AttributeError)


def convert(task: Task, source: Source, reject: RejectSink) -> Iterator[Record]:
    """Yield the records of one split; rejects go to their sink.

    Raises:
        ConvertError: a record has not the form the converter expects; the
            message names file and record.
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
    except _MISREAD as error:
        what = f"{type(error).__name__}: {error}"
        raise ConvertError(
            f"{task.name}/{source.split}: {source.position or 'the source'} has not the form the "
            f"converter expects ({what}); check the file with `m3it fetch --verify`, or if it is "
            "the official one, report a fault of the converter"
        ) from error


def _damage(record: Record, task: Task, source: Source) -> str | None:
    """Return a text of the record that cannot be stored, or None.

    Raises:
        ConvertError: its id is no text, or its meta holds more than JSON values.
    """
    if not isinstance(record.id, str) or not record.id:
        raise ConvertError(_at(task, source, f"yields the id {record.id!r}, which is no text"))
    texts = [
        record.id,
        record.context,
        record.instruction,
        *(image.name for image in record.images),
    ]
    for turn in record.turns:
        texts += (turn.question, turn.answer, *turn.choices)
    texts += (region.label for region in record.regions)
    for text in texts:
        if _DAMAGED.search(text):
            return _printable(text)
    try:
        orjson.dumps(record.meta)
    except TypeError as error:
        if "surrogate" in str(error):
            return "in its meta"
        raise ConvertError(_at(task, source, f"yields a meta that is no JSON ({error})")) from error
    return None


def _at(task: Task, source: Source, what: str) -> str:
    return f"{task.name}/{source.split}: the converter, at {source.position}, {what}"


def _printable(text: str) -> str:
    return _DAMAGED.sub("\N{REPLACEMENT CHARACTER}", text)[:80]
