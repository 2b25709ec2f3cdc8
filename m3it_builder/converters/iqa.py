"""Image quality: one of five grades for the mean opinion score of an image.

Databases have scales of their own, and in some a high score is a bad one: those are
differences to the undistorted image (DMOS). So a score is placed between the worst and the
best one of its database before it is graded.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.errors import CardError

GRADES = ("excellent", "good", "fair", "poor", "bad")
OFFICIAL = "koniq10k"  # the others are lists of IQA-Dataset
UP, DOWN = (min, max), (max, min)  # the worst and the best of the scores
DATABASES: Mapping[str, tuple[Callable[..., float], Callable[..., float]]] = MappingProxyType(
    {OFFICIAL: UP, "SPAQ": UP, "LIVE_Challenge": UP, "UHD-IQA": UP,
     "KADID-10k": UP, "TID2013": UP, "PIPAL": UP, "Toyama": UP,
     "LIVE": DOWN, "CSIQ": DOWN, "A57": DOWN}
)  # fmt: skip
SPLITS = ("train",) * 5 + ("validation", "test")
OFFICIAL_SPLITS = ("training", "validation", "test")


class Scored(NamedTuple):
    """One image of a database."""

    path: str  # in the archive of the images
    score: str  # a number, in some lists with a blank after it
    split: str
    meta: dict[str, Any]


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per scored image of the chosen databases.

    Raises:
        CardError: the option names another database.
    """
    for name in str(source.option("databases")).split(","):
        if name not in DATABASES:
            raise CardError(f"option databases has {name!r}; it takes {', '.join(DATABASES)}")
        worst, best = (
            choose((float(image.score) for image in _images(source, name) if image.score.strip()),
                   default=0.0)
            for choose in DATABASES[name]
        )  # fmt: skip
        for image in _images(source, name):
            if not source.in_split(image.split, {"training": "train"}):
                continue
            if not image.score.strip() or best == worst:
                yield Reject(image.path, "no_answer", f"score {image.score!r}")
                continue
            quality = abs(float(image.score) - worst) / abs(best - worst)
            grade = 4 - min(int(quality * 5), 4)
            yield Record(
                id=image.path,
                turns=(Turn("", GRADES[grade], GRADES, grade),),
                images=(source.image(f"iqa-dataset-images/{image.path}"),),
                meta={"database": name, "score": float(image.score), "quality": round(quality, 4)}
                | image.meta,
            )


def _images(source: Source, name: str) -> Iterator[Scored]:
    if name == OFFICIAL:
        for row in source.csv("koniq-10k-sets/koniq10k_distributions_sets.csv"):
            path = f"KonIQ-10k/1024x768/{row['image_name']}"
            yield Scored(path, row["MOS"], row["set"], {"deviation": float(row["SD"])})
        return
    contents: dict[str, int] = {}  # every reference, or photograph, and its position in the list
    for row in source.csv(f"iqa-dataset-scores/{name}.txt"):
        path, reference = row["dis_img_path"], row.get("ref_img_path", "")
        position = contents.setdefault(reference or path, len(contents))
        folder = path.split("/")[1]  # of UHD-IQA, a split
        split = folder if folder in OFFICIAL_SPLITS else SPLITS[position % len(SPLITS)]
        meta = {"distortion": row["dis_type"], "reference": reference}
        yield Scored(path, row["score"], split, meta)
