"""MS COCO captions in Karpathy's split, one record a caption.

``dataset_coco.json`` lists images with their sentences: five as a rule, of some
images six or seven, with stray blanks and line breaks in them.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import karpathy_captions


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a caption; the image is the whole input."""
    for entry, number, text in karpathy_captions(source):
        turn = Turn("", text)
        yield Record(id=str(number), turns=(turn,), images=(entry.image,), meta=entry.meta)
