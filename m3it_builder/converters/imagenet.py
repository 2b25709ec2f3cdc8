"""ImageNet-1k: name the object, out of a limited number of lettered classes, or freely.

Classes are identified by WordNet id. Their names are not unique ("crane" is a bird and a
machine), so no class with the same name is ever offered beside the right one. Lists come
from Kaggle's archive, images from there or from the tars of image-net.org.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.options import choice_turn, distractors, seeded

LISTS = "imagenet-1k-kaggle"


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per image; the right class is always among the options, if there are any."""
    names = {}
    for line in source.text(f"{LISTS}/LOC_synset_mapping.txt"):
        wnid, _, words = line.partition(" ")
        names[wnid] = words.split(",")[0].strip()
    pool, count = sorted(set(names.values())), int(source.option("candidates"))
    images = _train(source) if source.split == "train" else _validation(source)
    for stem, wnid, paths in images:
        if wnid not in names:
            yield Reject(stem, "no_answer", f"class {wnid} is in no list")
            continue
        gold = names[wnid]
        turn = Turn("", gold)
        if source.option("form") == "options":
            rng = seeded(source.task, stem)
            turn = choice_turn(rng, gold, distractors(rng, pool, gold, count - 1))
        yield Record(
            id=stem,
            turns=(turn,),
            images=(source.image(*paths),),
            meta={"wnid": wnid, "file": paths[0].rpartition("/")[2]},
        )


def _train(source: Source) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (name, class, possible paths); lines are ``n01440764/n01440764_10026 1``."""
    for line in source.text(f"{LISTS}/ILSVRC/ImageSets/CLS-LOC/train_cls.txt"):
        path = line.partition(" ")[0]
        wnid, _, stem = path.partition("/")
        kaggle = f"{LISTS}/ILSVRC/Data/CLS-LOC/train/{path}.JPEG"
        yield stem, wnid, (kaggle, f"imagenet-1k-train/{path}.JPEG")


def _validation(source: Source) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the same; a prediction string has ``<wnid> x1 y1 x2 y2`` for each object."""
    for row in source.csv(f"{LISTS}/LOC_val_solution.csv"):
        stem, wnid = row["ImageId"], row["PredictionString"].partition(" ")[0]
        folder = f"{LISTS}/ILSVRC/Data/CLS-LOC/val"
        sorted_by_class = f"imagenet-1k-val/{wnid}/{stem}.JPEG"
        yield (
            stem,
            wnid,
            (
                f"{folder}/{stem}.JPEG",
                f"{folder}/{wnid}/{stem}.JPEG",
                f"imagenet-1k-val/{stem}.JPEG",
                sorted_by_class,
            ),
        )
