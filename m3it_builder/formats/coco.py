"""Names of COCO pictures."""

from collections.abc import Iterator
from typing import Any

from m3it_builder.records import Image
from m3it_builder.source import Source

_SOURCES = {
    "train2014": "coco-2014-train-images",
    "val2014": "coco-2014-val-images",
}

KARPATHY_PARTS = {"train": ("train", "restval"), "validation": ("val",), "test": ("test",)}


def karpathy_pictures(source: Source) -> Iterator[dict[str, Any]]:
    """Yield the pictures of a split of Karpathy's ``dataset_coco.json``.

    Its fourth part, restval, belongs to train, as later work and the published
    counts have it.
    """
    for picture in source.items("karpathy-splits/dataset_coco.json", "images"):
        if picture["split"] in KARPATHY_PARTS[source.split]:
            yield picture


def image_2014(
    source: Source, year: str, number: int, size: tuple[int, int] | None = None
) -> Image:
    """Return a picture of the 2014 release by its folder, ``train2014`` or ``val2014``, and id."""
    return named_image(source, year, f"COCO_{year}_{number:012d}.jpg", size)


def named_image(
    source: Source, folder: str, file_name: str, size: tuple[int, int] | None = None
) -> Image:
    """Return a picture of the 2014 release by its folder and file name."""
    return source.image(f"{_SOURCES[folder]}/{folder}/{file_name}", size=size)
