"""NLVR2, statements about pairs of photographs, and its ancestor NLVR of 2017 as a variant.

Both come as JSON Lines in files that end in ``.json``. NLVR2 writes its labels
"True" and "False", NLVR "true" and "false".
"""

from collections.abc import Iterator
from typing import Any

from m3it_builder import Record, Reject, Source, Turn

PARTS = {"train": "train", "validation": "dev", "test": "test"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a statement; the target is ``true`` or ``false``."""
    part = PARTS[source.split]
    if source.option("form") == "photographs":
        for row in source.jsonl(f"nlvr2-annotations/{part}.json"):
            yield _record(source, row, [_photograph(row, part, side) for side in (0, 1)])
    else:
        for row in source.jsonl(f"nlvr-annotations/{part}/{part}.json"):
            yield _record(source, row, [_drawing(row, part)])


def _record(source: Source, row: dict[str, Any], names: list[str]) -> Record | Reject:
    if row["label"].lower() not in ("true", "false"):
        return Reject(row["identifier"], "no_answer", f"label {row['label']!r}")
    kept = ("directory", "synset", "query", "left_url", "right_url", "evals", "validation")
    return Record(
        id=row["identifier"],
        turns=(Turn(row["sentence"].strip(), row["label"].lower()),),
        images=tuple(source.image(name) for name in names),
        meta={key: row[key] for key in kept if key in row},
    )


def _photograph(row: dict[str, Any], part: str, side: int) -> str:
    pair = row["identifier"].rpartition("-")[0]  # the last number counts statements, not images
    folder = f"train/{row['directory']}" if part == "train" else part
    return f"nlvr2-images/images/{folder}/{pair}-img{side}.png"


def _drawing(row: dict[str, Any], part: str) -> str:
    # Six drawings show one scene with its boxes in another order; the first stands for all.
    number, folder = row["identifier"], row["directory"]
    return f"nlvr-images/nlvr/{part}/images/{folder}/{part}-{number}-0.png"
