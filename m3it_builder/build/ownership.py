"""Which files a build may overwrite and delete: its own, and no others.

The output folder may have other data, in a folder called ``coco`` for example.
A file of it is a unit's own if the unit's manifest names it, or the list that is kept in the
local state while a build replaces another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from m3it_builder.build.unit import Unit
from m3it_builder.dataset.layout import MANIFEST, STATE_FOLDER
from m3it_builder.errors import BuildError, UsageError, first_few
from m3it_builder.shards.formats import FORMATS
from m3it_builder.sources.catalog import Catalog
from m3it_builder.storage.atomic import write_atomic

_LIST = "shards.json"


def require_own_folder(unit: Unit) -> None:
    """Require that the folder of a task is new, empty, or of an earlier build.

    Raises:
        BuildError: it holds files that no build wrote.
    """
    folder = unit.folder
    is_own = (folder / STATE_FOLDER).is_dir() or any(folder.glob(f"meta/*/{MANIFEST}"))
    if is_own or not folder.is_dir():
        return
    names = sorted(path.name for path in folder.iterdir())
    if names:
        raise BuildError(
            f"{folder}: holds files that no build wrote ({first_few(names)}); choose another "
            "--out, or move them away"
        )


def require_roots_apart(sources: Path, out: Path, tasks: Iterable[str]) -> None:
    """Require that the output folder is not among the source files, nor the reverse.

    The folder of the sources may be in the output folder, but not where a build writes.

    Raises:
        UsageError: one is where the files of the other are.
    """
    # Unlike ``Path.resolve``, this accepts symbolic links that form a loop.
    source_root, root = Path(os.path.realpath(sources)), Path(os.path.realpath(out))
    if root.is_relative_to(source_root):
        raise UsageError(
            f"--out {out} is the folder of the source files, or in it ({sources}); choose another "
            "--out"
        )
    for name in (*tasks, STATE_FOLDER):
        if source_root.is_relative_to(root / name):
            raise UsageError(
                f"--source {sources} is in {out / name}, where the build writes; choose another "
                "--out"
            )


def require_apart(unit: Unit, catalogs: Mapping[str, Catalog]) -> None:
    """Require that a build writes nothing into the folder of a source.

    Raises:
        BuildError: the output or task folder is, or is in, one, or has one in it.
    """
    out, folder = Path(os.path.realpath(unit.out)), Path(os.path.realpath(unit.folder))
    for catalog in catalogs.values():
        source = Path(os.path.realpath(catalog.folder))
        if any(
            inner.is_relative_to(outer)
            for inner, outer in ((out, source), (folder, source), (source, folder))
        ):
            raise BuildError(
                f"{unit.folder}: overlaps with {catalog.folder}, which has source files; "
                "choose another --out"
            )


def require_free(unit: Unit, paths: Iterable[str]) -> None:
    """Require that shards can be moved into place without replacing files that no build wrote.

    Raises:
        BuildError: there is such a file.
    """
    own = own_shards(unit)
    taken = [path for path in paths if path not in own and (unit.folder / path).exists()]
    if taken:
        raise BuildError(
            f"{unit.folder}: holds files that no build wrote ({first_few(taken)}); move them "
            "away, or choose another --out"
        )


def own_shards(unit: Unit) -> set[str]:
    """Return the paths of the unit's shard files, relative to the folder of its task.

    Names are taken from the text of the manifest: one that is malformed, or of another
    version, is replaced too. A path of any other form is ignored.
    """
    own: set[str] = set()
    for path in (unit.meta / MANIFEST, unit.state / _LIST):
        try:
            text = path.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            continue
        own.update(_shard_paths(unit, text))
    return own


def save_own_shards(unit: Unit, paths: Iterable[str]) -> None:
    """Save the paths of shard files, before any of them is moved into place."""
    data = msgspec.json.encode(sorted(paths))
    write_atomic(unit.state / _LIST, data, fsync=True)


def _shard_paths(unit: Unit, text: str) -> Iterator[str]:
    for entry in FORMATS.values():
        number = re.escape(f"{0:05d}")
        pattern = re.escape(entry.path(unit.split, 0)).replace(number, r"\d{5,}")
        yield from re.findall(f'"({pattern})"', text)
