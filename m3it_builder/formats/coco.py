"""COCO pictures by name, and Karpathy's list of them with their captions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from m3it_builder.records import Image
from m3it_builder.sources.source import Source

_SOURCES = {
    "train2014": "coco-2014-train-images",
    "val2014": "coco-2014-val-images",
}

KARPATHY_PARTS = {"train": ("train", "restval"), "validation": ("val",), "test": ("test",)}


@dataclass(frozen=True, slots=True)
class Captioned:
    """One picture of Karpathy's file."""

    number: int  # COCO's id
    image: Image
    captions: tuple[tuple[int, str], ...]  # id and text, its blanks tidied; a text may be empty
    meta: dict[str, Any]


def karpathy_pictures(source: Source) -> Iterator[Captioned]:
    """Yield the pictures of a split of Karpathy's ``dataset_coco.json``.

    Its fourth part, restval, belongs to train, as later work and the published
    counts have it.
    """
    for picture in source.items("karpathy-splits/dataset_coco.json", "images"):
        if picture["split"] not in KARPATHY_PARTS[source.split]:
            continue
        yield Captioned(
            number=picture["cocoid"],
            image=named_image(source, picture["filepath"], picture["filename"]),
            captions=tuple(
                (sentence["sentid"], " ".join(sentence["raw"].split()))
                for sentence in picture["sentences"]
            ),
            meta={
                "image_id": picture["cocoid"],
                "file_name": picture["filename"],
                "karpathy_split": picture["split"],
            },
        )


def karpathy_captions(source: Source) -> Iterator[tuple[Captioned, int, str]]:
    """Yield each caption of those pictures as (picture, id, text)."""
    for picture in karpathy_pictures(source):
        for number, text in picture.captions:
            yield picture, number, text


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
