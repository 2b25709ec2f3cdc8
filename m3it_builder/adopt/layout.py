"""Find the units of a download: which file holds which task, split and language.

Only the loading script is opened, if there is one. File names are irregular
(``val.jsonl``, ``mocheg_train.jsonl``, ``para_train.jsonl``, ``train_v2.jsonl``), and
superseded files are in the same folder as their replacements.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from m3it_builder.adopt.file_names import FileName, parse_name
from m3it_builder.adopt.published import task_of
from m3it_builder.errors import SourceError
from m3it_builder.records import SPLITS, Split

POOLS = ("instructions.json", "instruction.json", "instructions.jsonl", "instruction.jsonl")
_LABELS = re.compile(r".*(label|class|synset).*\.(txt|json)")
_SCRIPT_PATH = re.compile(rb"[\w.-]+(?:/[\w.-]+)+\.jsonl")
_MAX_SCRIPT_BYTES = 4 << 20
BASE_SUFFIX = "-m3it-80"  # of the names of sets with the images of translated ones
_MAX_PARENTS = 2  # folders from a task's folder up to data/
_MAX_DEPTH = 2  # folders from data/ down to a file; deeper files belong to other collections


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedUnit:
    """The files that one unit is adopted from; paths are relative to the data folder."""

    task: str  # as published: okvqa, coco-itm-rephrased, okvqa-zh
    base: str  # published task: okvqa, coco-itm; the folder's name where it is unknown
    split: Split
    lang: str | None  # of a translated set
    row_file: str
    image_file: str | None = None  # of a translated set: the file that contains the images
    pool_file: str | None = None
    label_file: str | None = None
    superseded: tuple[str, ...] = ()
    base_task: str | None = None  # of a translated set: the one with its images
    is_base: bool = False  # a file with the images of translated sets

    @property
    def is_m3it_80(self) -> bool:
        """Return True for a unit of M3IT-80."""
        return self.lang is not None or self.is_base

    @property
    def files(self) -> tuple[str, ...]:
        """Return all files that are read."""
        return tuple(
            filter(None, (self.row_file, self.image_file, self.pool_file, self.label_file))
        )

    @property
    def name(self) -> str:
        """Return the display name."""
        return f"{self.task}/{self.split}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The contents of a download."""

    root: Path  # absolute; parent of the data folder
    data: str  # name of the data folder
    units: tuple[PublishedUnit, ...]  # sorted by task and split
    unread: tuple[str, ...]  # data files whose task or split is unknown or ambiguous

    def path(self, name: str) -> Path:
        """Return the path of a file, given relative to the data folder."""
        return self.root / self.data / name


def find_layout(folder: Path) -> Layout:
    """Return the layout of a download of M3IT or M3IT-80.

    Args:
        folder: of the download, its ``data``, one task in it, or a Hugging Face Hub cache.

    Raises:
        SourceError: it contains no data file.
    """
    data = _data_folder(folder.absolute())
    start = folder.absolute() if folder.absolute().is_relative_to(data) else data
    names = [path.relative_to(data).as_posix() for path in _walk(start)]
    by_folder: dict[str, list[FileName]] = defaultdict(list)
    unread = []
    for name in names:
        parsed = parse_name(name) if name.count("/") <= _MAX_DEPTH else None
        if parsed:
            by_folder[str(PurePosixPath(name).parent)].append(parsed)
        elif ".jsonl" in name and not _is_pool(name):
            unread.append(name)
    listing = _Listing(frozenset(names), _script_paths(data.parent))
    units: dict[str, PublishedUnit] = {}
    for parent, files in sorted(by_folder.items()):
        for unit in _folder_units(parent, files, listing):
            if units.setdefault(unit.name, unit) is not unit:  # two folders of the same task
                unread.append(unit.row_file)
    if not units:
        raise _not_a_download(folder, unread)
    ordered = sorted(units.values(), key=lambda unit: (unit.task, SPLITS.index(unit.split)))
    return Layout(root=data.parent, data=data.name, units=tuple(ordered), unread=tuple(unread))


@dataclass(frozen=True, slots=True)
class _Listing:
    names: frozenset[str]  # of all files
    script: frozenset[str]  # path suffixes that the loading script mentions

    def first(self, candidates: Iterator[str]) -> str | None:
        return next((name for name in candidates if name in self.names), None)


def _not_a_download(folder: Path, unread: list[str]) -> SourceError:
    return SourceError(
        f"{folder}: not a download of M3IT or M3IT-80: expected "
        "data/<group>/<task>/{train,val,test}.jsonl or data/<task>/<task>_<split>_<lang>.jsonl, "
        f"found {f'only {unread[0]}' if unread else 'no .jsonl file'}; "
        "pass the folder that M3IT was downloaded to"
    )


def _data_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise SourceError(f"{folder}: not a folder; pass the folder that M3IT was downloaded to")
    snapshots = sorted(folder.glob("snapshots/*/data"))
    for candidate in (folder / "data", *snapshots[-1:], folder, *folder.parents[:_MAX_PARENTS]):
        if candidate.name == "data" and candidate.is_dir():
            return candidate
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _is_pool(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name in POOLS or path.parent.name == "instructions"


def _script_paths(root: Path) -> frozenset[str]:
    """Return the data file paths, as suffixes, that a loading script in ``root`` mentions."""
    paths: set[str] = set()
    for script in sorted(root.glob("*.py")):
        if script.is_file() and script.stat().st_size <= _MAX_SCRIPT_BYTES:
            paths.update(match.decode() for match in _SCRIPT_PATH.findall(script.read_bytes()))
    inside = {f"/{path}".rpartition("/data/")[2].lstrip("./") for path in paths}
    return frozenset(f"/{path}" for path in inside if "/" in path)


def _folder_units(parent: str, files: list[FileName], listing: _Listing) -> Iterator[PublishedUnit]:
    """Yield the units of one folder."""
    folder = PurePosixPath(parent).name or "data"
    base = task_of(folder) or _slug(folder)
    groups: dict[tuple[str, Split, str | None], list[FileName]] = defaultdict(list)
    is_translated = any(file.lang for file in files)
    for file in files:
        if is_translated and file.lang is None:
            continue  # read only for the images of the translated sets
        groups[base + file.variant, file.split, file.lang].append(file)
    labels = sorted(
        path.as_posix()
        for path in map(PurePosixPath, listing.names)
        if str(path.parent) == parent and _LABELS.fullmatch(path.name)
    )
    for split in {split for _, split, lang in groups if lang}:
        if image_file := _image_file(files, split):
            yield _base_unit(parent, base, split, listing, image_file)
    for (task, split, lang), candidates in groups.items():
        image_file = _image_file(files, split) if lang else None
        current, *old = sorted(candidates, key=lambda file: _precedence(file, candidates, listing))
        yield PublishedUnit(
            task=f"{task}-{lang}" if lang else task,
            base=base,
            split=split,
            lang=lang,
            row_file=current.path,
            image_file=image_file,
            base_task=base + BASE_SUFFIX if image_file else None,
            pool_file=_pool_file(parent, current, listing),
            label_file=labels[0] if labels else None,
            superseded=tuple(file.path for file in old),
        )


def _base_unit(parent: str, base: str, split: Split, listing: _Listing, file: str) -> PublishedUnit:
    """Return the unit of a file with the images of translated sets."""
    names = (f"{parent}/{name}" for name in POOLS)
    english = (f"instructions/en.{suffix}" for suffix in ("jsonl", "json"))
    return PublishedUnit(
        task=base + BASE_SUFFIX,
        base=base,
        split=split,
        lang=None,
        row_file=file,
        pool_file=listing.first(chain(names, english)),
        is_base=True,
    )


def _precedence(
    file: FileName, candidates: list[FileName], listing: _Listing
) -> tuple[bool, int, bool, str]:
    """Return a sort key that puts the current file first.

    The current file is the only one that the loading script names; where it names none
    or several, the latest version.
    """
    named = [f for f in candidates if any(f"/{f.path}".endswith(end) for end in listing.script)]
    return (len(named) != 1 or file not in named, -file.rank, file.is_compressed, file.path)


def _image_file(files: list[FileName], split: Split) -> str | None:
    untranslated = [file for file in files if file.lang is None and file.split == split]
    best = min(untranslated, key=lambda file: (file.is_compressed, file.path), default=None)
    return best.path if best else None


def _pool_file(parent: str, file: FileName, listing: _Listing) -> str | None:
    if file.lang is None:
        return listing.first(f"{parent}/{name}" for name in POOLS)
    codes = dict.fromkeys((file.code, file.lang))
    return listing.first(f"instructions/{code}.{e}" for code in codes for e in ("jsonl", "json"))


def _slug(folder: str) -> str:
    return re.sub(r"[^a-z0-9+]+", "-", folder.lower()).strip("-") or "unnamed"
