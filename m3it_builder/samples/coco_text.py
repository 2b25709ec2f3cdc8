"""COCO-Text v1's layout: synthetic images with one legible word and one blurred."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import coco_number, write_bytes, write_json
from m3it_builder.samples.words import WORDS, write_word
from m3it_builder.samples.world import World, encode, paint

_FIRST = 700_000
_FILE_SPLITS = ("train", "val", "test")


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split with two words each; test images have no annotations."""
    imgs: JsonObject = {}
    anns: JsonObject = {}
    for number, file_split in enumerate(_FILE_SPLITS):
        for index in range(_FIRST + number * count, _FIRST + (number + 1) * count):
            image, words = draw_image(world, sources, file_split, index)
            imgs[str(image["id"])] = image
            if file_split != "test":
                anns |= {str(word["id"]): word for word in words}
    write_annotations(sources, imgs, anns)


def draw_image(
    world: World, sources: Path, file_split: str, index: int
) -> tuple[JsonObject, list[JsonObject]]:
    """Write an image with two words; return its entry and those of the words."""
    number = coco_number("train2014", index)
    canvas = paint(world.scene(number))
    name = f"COCO_train2014_{number:012d}.jpg"
    words = []
    first_is_legible = world.rng(f"coco-text/{number}").random() < 0.5
    for n, legible in enumerate((first_is_legible, not first_is_legible)):
        word = WORDS[(number + n) % len(WORDS)]
        corner = (canvas.width // 12, canvas.height * (1 + 5 * n) // 9)
        x0, y0, x1, y1 = write_word(canvas, word, corner, legible)
        entry: JsonObject = {
            "image_id": number,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "polygon": [x0, y0, x1, y0, x1, y1, x0, y1],
            "language": "english",
            "class": "machine printed",
            "legibility": "legible" if legible else "illegible",
            "id": number * 10 + n,
        }
        words.append(entry | {"utf8_string": word} if legible else entry)
    folder = sources / "coco-2014-train-images" / "train2014"
    write_bytes(folder / name, encode(canvas))
    image = {
        "id": number,
        "set": file_split,
        "width": canvas.width,
        "height": canvas.height,
        "file_name": name,
    }
    return image, words


def write_annotations(sources: Path, imgs: JsonObject, anns: JsonObject) -> None:
    """Write the official file."""
    to_anns: dict[str, list[int]] = {}
    for entry in anns.values():
        to_anns.setdefault(str(entry["image_id"]), []).append(entry["id"])
    value = {"cats": {}, "anns": anns, "imgs": imgs, "imgToAnns": to_anns, "info": {}}
    write_json(sources / "coco-text-v1" / "COCO_Text.json", value)
