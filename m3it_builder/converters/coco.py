"""MS COCO captions in Karpathy's split, one record per caption.

``dataset_coco.json`` lists images with their sentences: usually five, for some images six
or seven, with stray spaces and line breaks in them.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import karpathy_captions


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per caption; the image is the whole input."""
    for entry, number, text in karpathy_captions(source):
        turn = Turn("", text)
        yield Record(id=str(number), turns=(turn,), images=(entry.image,), meta=entry.meta)
