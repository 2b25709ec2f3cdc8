"""NLVR2, statements about pairs of photographs, and its predecessor NLVR (2017) as a variant.

Both are JSON Lines in files named ``.json``. Labels are "True" and "False" in NLVR2,
"true" and "false" in NLVR.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.records import JsonObject

FILE_SPLITS = {"train": "train", "validation": "dev", "test": "test"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per statement; the target is ``true`` or ``false``."""
    file_split = FILE_SPLITS[source.split]
    if source.option("form") == "photographs":
        for row in source.jsonl(f"nlvr2-annotations/{file_split}.json"):
            yield _record(source, row, [_photograph(row, file_split, side) for side in (0, 1)])
    else:
        for row in source.jsonl(f"nlvr-annotations/{file_split}/{file_split}.json"):
            yield _record(source, row, [_drawing(row, file_split)])


def _record(source: Source, row: JsonObject, names: list[str]) -> Record | Reject:
    if row["label"].lower() not in ("true", "false"):
        return Reject(row["identifier"], "no_answer", f"label {row['label']!r}")
    kept = ("directory", "synset", "query", "left_url", "right_url", "evals", "validation")
    return Record(
        id=row["identifier"],
        turns=(Turn(row["sentence"].strip(), row["label"].lower()),),
        images=tuple(source.image(name) for name in names),
        meta={key: row[key] for key in kept if key in row},
    )


def _photograph(row: JsonObject, file_split: str, side: int) -> str:
    pair = row["identifier"].rpartition("-")[0]  # the last number counts the statements of a pair
    folder = f"train/{row['directory']}" if file_split == "train" else file_split
    return f"nlvr2-images/images/{folder}/{pair}-img{side}.png"


def _drawing(row: JsonObject, file_split: str) -> str:
    # Six images show one scene with its boxes in different orders; the first represents them.
    number, folder = row["identifier"], row["directory"]
    return f"nlvr-images/nlvr/{file_split}/images/{folder}/{file_split}-{number}-0.png"
