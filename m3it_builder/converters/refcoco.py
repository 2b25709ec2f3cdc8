"""RefCOCO: short expressions for objects in photographs, positions allowed.

The cleaned ``sent`` is the text: it is lower-case and has "with" for "w/", where ``raw`` is
what players typed in a hurry.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.refcoco import expressions


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per expression, from region to words or from words to region."""
    return expressions(source, "refcoco", "sent")
