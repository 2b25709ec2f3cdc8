"""TextCaps' layout: synthetic images with a word on them, and five captions that quote it."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.words import WORDS, write_word
from m3it_builder.samples.world import Thing, World, describe_position, encode, paint

_FIRST = {"train": 41_000_000, "val": 42_000_000, "test": 43_000_000}
FOLDERS = {
    "train": Path("openimages-textvqa-trainval-images") / "train_images",
    "val": Path("openimages-textvqa-trainval-images") / "train_images",
    "test": Path("openimages-textvqa-test-images") / "test_images",
}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split with five captions each; those of test have none."""
    for file_split, first in _FIRST.items():
        items: list[JsonObject] = []
        for number in range(first, first + count):
            items += image_items(world, sources, file_split, number)
        write_items(sources, file_split, items)


def image_items(world: World, sources: Path, file_split: str, number: int) -> list[JsonObject]:
    """Write an image with a word; return one item per caption, of a test image a single one."""
    scene = world.scene(number)
    canvas = paint(scene)
    word = world.rng(f"textcap/{number}").choice(WORDS)
    write_word(canvas, word, (canvas.width // 8, canvas.height * 2 // 5), legible=True)
    image_id = f"{number:016x}"
    write_bytes(sources / FOLDERS[file_split] / f"{image_id}.jpg", encode(canvas))
    item: JsonObject = {
        "image_id": image_id,
        "image_classes": ["Poster", "Signage"],
        "flickr_original_url": f"https://example.org/{image_id}_o.jpg",
        "flickr_300k_url": f"https://example.org/{image_id}_z.jpg",
        "image_width": canvas.width,
        "image_height": canvas.height,
        "set_name": file_split,
        "image_name": image_id,
        "image_path": f"{'test' if file_split == 'test' else 'train'}/{image_id}.jpg",
    }
    if file_split == "test":
        return [item]
    thing = scene.things[0]
    captions = [
        f'A white sign says "{word}".',
        f"The word {word} is written in black letters on a drawing.",
        f"A drawing labeled {word} has {_article(thing)} {describe_position(thing)}.",
        f"{word} can be read on a white label in front of a plain background.",
        f'Someone has put the word "{word}" on a drawing with {_article(thing)}.',
    ]
    captioned = item | {
        "reference_strs": captions,
        "reference_tokens": [t.split() for t in captions],
    }
    return [
        captioned
        | {
            "caption_id": number * 5 + n,
            "caption_str": caption,
            "caption_tokens": ["<s>", *caption.split(), "</s>"],
        }
        for n, caption in enumerate(captions)
    ]


def write_items(sources: Path, file_split: str, items: list[JsonObject]) -> None:
    """Write the official file of one split."""
    value = {
        "dataset_type": file_split,
        "dataset_name": "textcaps",
        "dataset_version": 0.1,
        "data": items,
    }
    write_json(sources / "textcaps-annotations" / f"TextCaps_0.1_{file_split}.json", value)


def _article(thing: Thing) -> str:
    return f"{'an' if thing.name[0] in 'aeiou' else 'a'} {thing.name}"
