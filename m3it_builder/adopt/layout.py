"""Find the files of a download: which of them hold which task, split and language.

Nothing is opened but the loading script, if it is there. Names are irregular
(``val.jsonl``, ``mocheg_train.jsonl``, ``para_train.jsonl``, ``train_v2.jsonl``), and
files that were superseded lie beside those that replaced them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from m3it_builder.adopt.file_names import FileName, read_name
from m3it_builder.adopt.published import task_of
from m3it_builder.errors import SourceError
from m3it_builder.records import SPLITS, Split

POOLS = ("instructions.json", "instruction.json", "instructions.jsonl", "instruction.jsonl")
_LABELS = re.compile(r".*(label|class|synset).*\.(txt|json)")
_NAMED = re.compile(rb"[\w.-]+(?:/[\w.-]+)+\.jsonl")
_SCRIPT_BYTES = 4 << 20
_ABOVE = 2  # folders from a task's own up to data/
_DEPTH = 2  # folders from data/ down to a file; deeper ones are another collection's


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one unit is adopted from; paths are relative to the data folder."""

    task: str  # as published: okvqa, coco-itm-rephrased, okvqa-zh
    base: str  # okvqa; the task's own name where nobody knows it
    split: Split
    lang: str | None  # of a translated set
    rows: str
    images: str | None = None  # of a translated set: the file with the images
    pool: str | None = None
    labels: str | None = None
    superseded: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Return every file that is read."""
        return tuple(filter(None, (self.rows, self.images, self.pool, self.labels)))

    @property
    def name(self) -> str:
        """Return how people call it."""
        return f"{self.task}/{self.split}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All that was found."""

    root: Path  # absolute; the folder the data folder lies in
    data: str  # its name
    parts: tuple[Part, ...]  # in the order of tasks and splits
    unread: tuple[str, ...]  # files of rows whose name says neither task nor split

    def path(self, name: str) -> Path:
        """Return where a file lies."""
        return self.root / self.data / name


def find(folder: Path) -> Layout:
    """Return what a folder holds of M3IT or M3IT-80.

    Args:
        folder: of the download, of its ``data``, or of one task in it; a folder of the
            hub's cache will do.

    Raises:
        SourceError: it holds no file of rows.
    """
    data = _data_folder(folder.absolute())
    start = folder.absolute() if folder.absolute().is_relative_to(data) else data
    names = [path.relative_to(data).as_posix() for path in _walk(start)]
    by_folder: dict[str, list[FileName]] = defaultdict(list)
    unread = []
    for name in names:
        found = read_name(name) if name.count("/") <= _DEPTH else None
        if found:
            by_folder[str(PurePosixPath(name).parent)].append(found)
        elif ".jsonl" in name and not _is_pool(name):
            unread.append(name)
    named = _named_by_script(data.parent)
    parts: dict[str, Part] = {}
    for where, files in sorted(by_folder.items()):
        for part in _parts(where, files, _Beside(frozenset(names), named)):
            if parts.setdefault(part.name, part) is not part:  # two folders of one name
                unread.append(part.rows)
    if not parts:
        raise SourceError(
            f"{folder} is no download of M3IT or M3IT-80: looked for "
            "data/<group>/<task>/{train,val,test}.jsonl and data/<task>/<task>_<split>_<lang>.jsonl"
            f"{f', and found only {unread[0]}' if unread else ', and found no .jsonl file'}"
        )
    ordered = sorted(parts.values(), key=lambda part: (part.task, SPLITS.index(part.split)))
    return Layout(root=data.parent, data=data.name, parts=tuple(ordered), unread=tuple(unread))


@dataclass(frozen=True, slots=True)
class _Beside:
    names: frozenset[str]  # of all files
    script: frozenset[str]  # files that the loading script names

    def first(self, candidates: Iterator[str]) -> str | None:
        return next((name for name in candidates if name in self.names), None)


def _data_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder; name the one that M3IT was downloaded to")
    snapshots = sorted(folder.glob("snapshots/*/data"))
    for candidate in (folder / "data", *snapshots[-1:], folder, *folder.parents[:_ABOVE]):
        if candidate.name == "data" and candidate.is_dir():
            return candidate
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(where, name) for name in sorted(files) if not name.startswith("."))


def _is_pool(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name in POOLS or path.parent.name == "instructions"


def _named_by_script(root: Path) -> frozenset[str]:
    """Return the ends of the paths that a loading script beside the data folder speaks of."""
    found: set[str] = set()
    for path in sorted(root.glob("*.py")):
        if path.stat().st_size <= _SCRIPT_BYTES:
            found.update(match.decode() for match in _NAMED.findall(path.read_bytes()))
    inside = {f"/{name}".rpartition("/data/")[2].lstrip("./") for name in found}
    return frozenset(f"/{name}" for name in inside if "/" in name)


def _parts(where: str, files: list[FileName], beside: _Beside) -> Iterator[Part]:
    """Yield the units of one folder."""
    folder = PurePosixPath(where).name or "data"
    base = task_of(folder) or _slug(folder)
    groups: dict[tuple[str, Split, str | None], list[FileName]] = defaultdict(list)
    has_languages = any(file.lang for file in files)
    for file in files:
        if has_languages and file.lang is None:
            continue  # a companion, read for its images
        groups[base + file.variant, file.split, file.lang].append(file)
    labels = sorted(
        name
        for name in beside.names
        if str(PurePosixPath(name).parent) == where and _LABELS.fullmatch(PurePosixPath(name).name)
    )
    for (task, split, lang), candidates in groups.items():
        current, *old = sorted(candidates, key=lambda file: _standing(file, candidates, beside))
        yield Part(
            task=f"{task}-{lang}" if lang else task,
            base=base,
            split=split,
            lang=lang,
            rows=current.path,
            images=_companion(files, split) if lang else None,
            pool=_pool(where, current, beside),
            labels=labels[0] if labels else None,
            superseded=tuple(file.path for file in old),
        )


def _standing(
    file: FileName, candidates: list[FileName], beside: _Beside
) -> tuple[bool, int, bool, str]:
    """Return a key by which the file that counts comes first.

    It is the one the loading script names; where it names none or several, the latest.
    """
    named = [f for f in candidates if any(f"/{f.path}".endswith(end) for end in beside.script)]
    return (len(named) != 1 or file not in named, -file.rank, file.is_packed, file.path)


def _companion(files: list[FileName], split: Split) -> str | None:
    found = [file for file in files if file.lang is None and file.split == split]
    return min(found, key=lambda file: (file.is_packed, file.path)).path if found else None


def _pool(where: str, file: FileName, beside: _Beside) -> str | None:
    if file.lang is None:
        return beside.first(f"{where}/{name}" for name in POOLS)
    codes = dict.fromkeys((file.code, file.lang))
    return beside.first(f"instructions/{code}.{e}" for code in codes for e in ("jsonl", "json"))


def _slug(folder: str) -> str:
    return re.sub(r"[^a-z0-9+]+", "-", folder.lower()).strip("-") or "unnamed"
