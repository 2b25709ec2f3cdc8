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


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per image; the right class is always among the options."""
    classes, count = food_classes(), int(source.option("candidates"))
    pool, folder = [name for name, _ in classes], _folder(source)
    for number, line in enumerate(source.text(_list(source)), 1):
        path, _, label = line.strip().rpartition(" ")
        if not line.strip():
            continue
        if not path or not label.isdecimal():
            yield Reject(f"line {number}", "unreadable_line", line[:80])
            continue
        file = path.strip()
        name = file.removesuffix(".jpg")
        if int(label) >= len(classes):
            yield Reject(name, "no_answer", f"class {label} is in no list")
            continue
        gold, english = classes[int(label)]
        rng = seeded(source.task, source.split, name)  # splits may have the same names
        yield Record(
            id=name,
            turns=(choice_turn(rng, gold, distractors(rng, pool, gold, count - 1)),),
            images=(source.image(f"{RELEASE}/{folder}/{file}"),),
            meta={"label": int(label), "english": english},
        )


def _folder(source: Source) -> str:
    """Return the folder of the images of a split.

    Decided once: a missing image of ``val`` must not become the one of that name in ``train``.
    """
    has_own = source.split != "validation" or source.glob(f"{RELEASE}/val/*/*.jpg")
    return source.file_split if has_own else "train"


def _list(source: Source) -> str:
    """Return the name of the list of a split: a loose file, or beside the images."""
    loose = f"chinesefoodnet-lists/{LISTS[source.split]}.txt"
    return loose if source.find(loose) else f"{RELEASE}/{LISTS[source.split]}.txt"
