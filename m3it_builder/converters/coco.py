"""MS COCO captions in Karpathy's split, one record a caption.

``dataset_coco.json`` lists pictures with their sentences: five as a rule, of some
pictures six or seven, with stray blanks and line breaks in them.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import karpathy_pictures, named_image


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a caption; the picture is the whole input."""
    for picture in karpathy_pictures(source):
        image = named_image(source, picture["filepath"], picture["filename"])
        for sentence in picture["sentences"]:
            yield Record(
                id=str(sentence["sentid"]),
                turns=(Turn("", " ".join(sentence["raw"].split())),),
                images=(image,),
                meta={
                    "image_id": picture["cocoid"],
                    "file_name": picture["filename"],
                    "karpathy_split": picture["split"],
                },
            )
