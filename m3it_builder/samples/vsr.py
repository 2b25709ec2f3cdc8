"""VSR's layout: captions about the relation of two shapes, true as often as false."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import (
    coco_file_name,
    coco_number,
    write_coco,
    write_jsonl,
    write_scene,
)
from m3it_builder.samples.world import Thing, World

_FIRST = {"train": 400_000, "dev": 500_000, "test": 600_000}
_ZEROSHOT = 50_000  # from the first image of a random split to that of a zero-shot one
_RELATIONS = {
    "column": ("at the left side of", "at the right side of"),
    "row": ("above", "below"),
}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` captions per split of each of the two divisions."""
    for division, step in (("random", 0), ("zeroshot", _ZEROSHOT)):
        for part, first in _FIRST.items():
            rows: list[JsonObject] = []
            index = first + step
            while len(rows) < count:
                index += 1
                rows += caption(world, sources, part, division, index)
            write_jsonl(sources / "vsr-annotations" / division / f"{part}.jsonl", rows)


def caption(world: World, sources: Path, part: str, division: str, index: int) -> list[JsonObject]:
    """Write an image and return a row about it; nothing if it has no two distinct shapes."""
    folder = "val2017" if part == "dev" else "train2017"
    number = coco_number(folder, index)
    scene, rng = world.scene(number), world.rng(f"vsr/{number}")
    if len(scene.unique) < 2:
        return []
    one, other = rng.sample(scene.unique, 2)
    axis = rng.choice([axis for axis in _RELATIONS if getattr(one, axis) != getattr(other, axis)])
    label = rng.randrange(2)
    relation = _RELATIONS[axis][(getattr(one, axis) > getattr(other, axis)) ^ (not label)]
    name = coco_file_name(folder, number)
    if part == "dev":
        write_coco(sources, world, folder, [index])
    else:
        write_scene(sources / "vsr-images" / "trainval2017" / name, world, number)
    votes = ["[1, 2, 3]", "[]"]
    row: JsonObject = {
        "image": name,
        "image_link": f"http://images.cocodataset.org/{folder}/{name}",
        "caption": f"The {one.name} is {relation} the {other.name}.",
        "label": label,
        "relation": relation,
        "annotator_id": rng.randrange(1, 30),
        "vote_true_validator_id": votes[1 - label],
        "vote_false_validator_id": votes[label],
    }
    return [row | _details(division, one, other)]


def _details(division: str, one: Thing, other: Thing) -> JsonObject:
    if division == "random":
        return {"reference_frame": None}
    return {"subj": one.shape, "obj": other.shape}
