"""ImageNet's layout in Kaggle's archive: images of one shape; classes are color and shape."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import COLORS, SHAPES, Scene, Thing, World, encode, paint

CLASSES = [f"{color} {shape}" for color in COLORS for shape in SHAPES]


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` training images and ``count`` validation images."""
    folder = sources / "imagenet-1k-kaggle"
    data = folder / "ILSVRC" / "Data" / "CLS-LOC"
    write_bytes(folder / "LOC_synset_mapping.txt", mapping())
    train, rows = [], []
    for number in range(count):
        wnid = wnid_of(number % len(CLASSES))
        path = f"{wnid}/{wnid}_{number}"
        write_bytes(data / "train" / f"{path}.JPEG", image(world, number))
        train.append(f"{path} {number + 1}\n")
        stem, other = f"ILSVRC2012_val_{number + 1:08d}", 1_000_000 + number
        write_bytes(data / "val" / f"{stem}.JPEG", image(world, other))
        rows.append(f"{stem},{wnid_of(other % len(CLASSES))} 1 2 30 40 \n")
    write_bytes(folder / "ILSVRC/ImageSets/CLS-LOC/train_cls.txt", "".join(train).encode())
    header = "ImageId,PredictionString\n"
    write_bytes(folder / "LOC_val_solution.csv", (header + "".join(rows)).encode())


def image(world: World, number: int) -> bytes:
    """Return an image of one shape; the number selects its class."""
    color, shape = CLASSES[number % len(CLASSES)].split()
    world.drawn()
    rng = world.rng(f"imagenet/{number}")
    side = min(world.width, world.height) * rng.uniform(0.4, 0.8)
    x, y = rng.uniform(0, world.width - side), rng.uniform(0, world.height - side)
    thing = Thing(shape, color, (x, y, x + side, y + side), 1, 0)
    gray = rng.randrange(200, 250)
    scene = Scene(number, world.width, world.height, (gray, gray, gray), (thing,))
    return encode(paint(scene))


def wnid_of(number: int) -> str:
    """Return the WordNet id of a synthetic class, higher than any official one."""
    return f"n9{number:07d}"


def mapping() -> bytes:
    """Return the list of classes: an id, a space, names separated by commas."""
    lines = [f"{wnid_of(n)} {name}, {name} drawing" for n, name in enumerate(CLASSES)]
    return "".join(f"{line}\n" for line in lines).encode()
