"""Names of COCO pictures."""

from m3it_builder.records import Image
from m3it_builder.source import Source

_SOURCES = {
    "train2014": "coco-2014-train-images",
    "val2014": "coco-2014-val-images",
}


def image_2014(source: Source, year: str, number: int) -> Image:
    """Return a picture of the 2014 release by its folder, ``train2014`` or ``val2014``, and id."""
    return named_image(source, year, f"COCO_{year}_{number:012d}.jpg")


def named_image(source: Source, folder: str, file_name: str) -> Image:
    """Return a picture of the 2014 release by its folder and file name."""
    return source.image(f"{_SOURCES[folder]}/{folder}/{file_name}")
