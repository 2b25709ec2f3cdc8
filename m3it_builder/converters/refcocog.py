"""RefCOCOg: longer expressions, written without time pressure.

The typed ``raw`` is the text: ``sent`` is tokenized ("man ' s kitchen", "t - shirt"), and
that cannot be undone without errors.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.refcoco import expressions


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per expression, as it was typed."""
    return expressions(source, "refcocog", "raw")
