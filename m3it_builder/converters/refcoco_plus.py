"""RefCOCO+: as RefCOCO, but its players were not allowed to mention positions."""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.refcoco import expressions


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per expression; ``sent`` is the text, as in RefCOCO."""
    return expressions(source, "refcoco+", "sent")
