"""MS COCO captions in Karpathy's split, one record a caption.

``dataset_coco.json`` lists pictures with their sentences. Its fourth part,
restval, is what later work adds to train; the published counts do so too.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import named_image

PARTS = {"train": ("train", "restval"), "validation": ("val",), "test": ("test",)}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a caption; the picture is the whole input."""
    parts = PARTS[source.split]
    for picture in source.items("karpathy-splits/dataset_coco.json", "images"):
        if picture["split"] not in parts:
            continue
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
