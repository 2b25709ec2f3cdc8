"""Stage II, format unification: run a task's converter over its source."""

from __future__ import annotations

from collections.abc import Iterator

from m3it_builder.errors import ConvertError
from m3it_builder.records import Record, Reject
from m3it_builder.source import Source
from m3it_builder.stages import RejectSink
from m3it_builder.tasks import Task

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
            else:
                yield item
    except _MISREAD as error:
        what = f"{type(error).__name__}: {error}"
        raise ConvertError(
            f"{task.name}/{source.split}: {source.position or 'the source'} has not the form the "
            f"converter expects ({what}); check the file with `m3it fetch --verify`, or if it is "
            "the official one, report a fault of the converter"
        ) from error
