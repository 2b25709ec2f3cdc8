"""Parse the name of a data file: split, language, version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from m3it_builder.adopt.published import language
from m3it_builder.records import Split

COMPRESSED = (".gz", ".zip")

_SUFFIX = re.compile(r"(\.jsonl(?:\.gz|\.zip)?|\.zip)$")
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
_COUNT = re.compile(r"\d+")  # train_500.jsonl has the images of a translated set
_RANK_NEW = 1
_RANK_PARAPHRASED = 1_000  # above any version number


@dataclass(frozen=True, slots=True)
class FileName:
    """A parsed data file name."""

    path: str
    split: Split
    variant: str = ""  # "-rephrased" or ""
    rank: int = 0  # the highest of the files for one split is current
    code: str = ""  # language as spelled in the file name
    lang: str | None = None  # BCP 47

    @property
    def is_compressed(self) -> bool:
        """Whether the file must be decompressed before it is scanned."""
        return self.path.endswith(COMPRESSED)


def parse_name(path: str) -> FileName | None:
    """Return the parsed name, or None if it is not a data file.

    Args:
        path: relative to the data folder.
    """
    file = PurePosixPath(path)
    suffix = _SUFFIX.search(file.name)
    match = _SPLIT.fullmatch(file.name[: suffix.start()]) if suffix else None
    if match is None:
        return None
    head, split, tail = match["head"] or "", _SPLITS[match["split"]], match["tail"][1:]
    rank = _RANK_PARAPHRASED if "para" in re.split("[_-]", head) else 0
    if not tail or _COUNT.fullmatch(tail):
        return FileName(path, split, rank=rank)
    if _REPHRASED.fullmatch(tail):
        return FileName(path, split, "-rephrased", rank)
    if version := _VERSION.fullmatch(tail):
        return FileName(path, split, rank=rank + int(version[1]))
    if tail == "new":
        return FileName(path, split, rank=rank + _RANK_NEW)
    if head and (lang := language(tail)):
        return FileName(path, split, code=tail, lang=lang)
    return None
