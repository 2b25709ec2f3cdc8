"""ChineseFoodNet: name the dish, out of a limited number of lettered classes.

A line of a list is ``<path> <label>``; the path is relative to the folder of the split. The labels
of test are in a list of their own, ``test_truth_list.txt``. Some copies have the
validation images in the folder of train.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.chinese_foods import food_classes
from m3it_builder.formats.options import choice_turn, distractors, seeded

RELEASE = "chinesefoodnet-images/release_data"
LISTS = {"train": "train_list", "validation": "val_list", "test": "test_truth_list"}
FOLDERS = {"train": ("train",), "validation": ("val", "train"), "test": ("test",)}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per image; the right class is always among the options."""
    classes, count = food_classes(), int(source.option("candidates"))
    pool = [name for name, _ in classes]
    for number, line in enumerate(source.text(_list(source)), 1):
        path, _, label = line.strip().rpartition(" ")
        if not line.strip():
            continue
        if not path or not label.isdecimal():
            yield Reject(f"line {number}", "unreadable_line", line[:80])
            continue
        name = path.strip().removesuffix(".jpg")
        if int(label) >= len(classes):
            yield Reject(name, "no_answer", f"class {label} is in no list")
            continue
        gold, english = classes[int(label)]
        rng = seeded(source.task, source.split, name)  # splits may have the same names
        images = (f"{RELEASE}/{folder}/{name}.jpg" for folder in FOLDERS[source.split])
        yield Record(
            id=name,
            turns=(choice_turn(rng, gold, distractors(rng, pool, gold, count - 1)),),
            images=(source.image(*images),),
            meta={"label": int(label), "english": english},
        )


def _list(source: Source) -> str:
    """Return the name of the list of a split: a loose file, or beside the images."""
    loose = f"chinesefoodnet-lists/{LISTS[source.split]}.txt"
    return loose if source.find(loose) else f"{RELEASE}/{LISTS[source.split]}.txt"
