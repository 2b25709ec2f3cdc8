"""Read the name of a file of rows: split, language, version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from m3it_builder.adopt.published import language
from m3it_builder.records import Split

PACKED = (".gz", ".zip")

_ENDING = re.compile(r"(\.jsonl(?:\.gz|\.zip)?|\.zip)$")
_SPLIT = re.compile(r"(?:(?P<head>.+?)[_-])??(?P<split>train|validation|valid|val|dev|test)"
                    r"(?P<tail>(?:[_-].+)?)")  # fmt: skip
_SPLITS: dict[str, Split] = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_VERSION = re.compile(r"v(\d+)")
_REPHRASED = re.compile(r"\d{4}-\d\d-\d\d|rephrased")
_COUNT = re.compile(r"\d+")  # train_500.jsonl, the images of a translated set
_NEW = 1
_PARAPHRASED = 1_000  # above any version: the texts were made anew


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file of rows is called, and what that means."""

    path: str
    split: Split
    variant: str = ""  # "-rephrased", or nothing
    rank: int = 0  # of files for one split, the highest counts
    code: str = ""  # of the language, as the file has it
    lang: str | None = None  # BCP 47

    @property
    def is_packed(self) -> bool:
        """Whether it must be unpacked before it is read."""
        return self.path.endswith(PACKED)


def read_name(path: str) -> FileName | None:
    """Return what the name of a file means, or None if it is no file of rows.

    Args:
        path: relative to the data folder.
    """
    file = PurePosixPath(path)
    ending = _ENDING.search(file.name)
    match = _SPLIT.fullmatch(file.name[: ending.start()]) if ending else None
    if match is None:
        return None
    head, split, tail = match["head"] or "", _SPLITS[match["split"]], match["tail"][1:]
    rank = _PARAPHRASED if "para" in re.split("[_-]", head) else 0
    if not tail or _COUNT.fullmatch(tail):
        return FileName(path, split, rank=rank)
    if _REPHRASED.fullmatch(tail):
        return FileName(path, split, "-rephrased", rank)
    if version := _VERSION.fullmatch(tail):
        return FileName(path, split, rank=rank + int(version[1]))
    if tail == "new":
        return FileName(path, split, rank=rank + _NEW)
    if head and (lang := language(tail)):
        return FileName(path, split, code=tail, lang=lang)
    return None
