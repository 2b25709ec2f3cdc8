"""COCO images by name, and Karpathy's list of images with captions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from m3it_builder.records import Image, JsonObject, Split
from m3it_builder.sources.source import Source

_SOURCES = {
    "train2014": "coco-2014-train-images",
    "val2014": "coco-2014-val-images",
    "train2017": "coco-2017-train-images",
    "val2017": "coco-2017-val-images",
    "test2017": "coco-2017-test-images",
}

KARPATHY_SPLITS = {"train": ("train", "restval"), "validation": ("val",), "test": ("test",)}
_RESTVAL: Mapping[str, Split] = {"restval": "train"}


@dataclass(frozen=True, slots=True)
class Captioned:
    """One image of Karpathy's file."""

    number: int  # COCO's id
    image: Image
    captions: tuple[tuple[int, str], ...]  # id and text, whitespace normalized; a text may be empty
    meta: JsonObject


def karpathy_images(source: Source) -> Iterator[Captioned]:
    """Yield the images of a split of Karpathy's ``dataset_coco.json``.

    Its fourth split, restval, is part of train, as in later work and the published
    counts.
    """
    for image in source.items("karpathy-splits/dataset_coco.json", "images"):
        if not source.in_split(image["split"], _RESTVAL):
            continue
        yield Captioned(
            number=image["cocoid"],
            image=named_image(source, image["filepath"], image["filename"]),
            captions=tuple(
                (sentence["sentid"], " ".join(sentence["raw"].split()))
                for sentence in image["sentences"]
            ),
            meta={
                "image_id": image["cocoid"],
                "file_name": image["filename"],
                "karpathy_split": image["split"],
            },
        )


def karpathy_captions(source: Source) -> Iterator[tuple[Captioned, int, str]]:
    """Yield each caption of those images as (image, id, text)."""
    for image in karpathy_images(source):
        for number, text in image.captions:
            yield image, number, text


def image_2014(
    source: Source, year: str, number: int, size: tuple[int, int] | None = None
) -> Image:
    """Return an image of the 2014 release by its folder, ``train2014`` or ``val2014``, and id."""
    return named_image(source, year, f"COCO_{year}_{number:012d}.jpg", size)


def image_2017(
    source: Source, folder: str, number: int, size: tuple[int, int] | None = None
) -> Image:
    """Return an image of the 2017 release by its folder, ``train2017`` or ``val2017``, and id.

    Files of the 2017 release are named by the id alone. Both releases have the same ids, in
    other folders.
    """
    return named_image(source, folder, f"{number:012d}.jpg", size)


def named_image(
    source: Source, folder: str, file_name: str, size: tuple[int, int] | None = None
) -> Image:
    """Return an image of either release by its folder and file name."""
    return source.image(f"{_SOURCES[folder]}/{folder}/{file_name}", size=size)
