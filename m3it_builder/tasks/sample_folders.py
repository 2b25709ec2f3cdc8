"""Which files ``m3it sample`` may replace: those that it wrote itself, and no others.

The folder of the sources may have official files, which can take days to download. The list
``.m3it-sample.json``, beside the folders of the sources, has the files that are ours. It is not in
them, so that they have the official layout exactly.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from m3it_builder.errors import BuildError, first_few
from m3it_builder.storage.atomic import write_atomic

_LIST = ".m3it-sample.json"
_REMEDY = "choose another --out"


class Run(msgspec.Struct, frozen=True):
    """What determines the files of a sample."""

    tasks: tuple[str, ...]  # names of cards, sorted
    rows: int  # per split, at least
    seed: int
    version: str  # of this package

    def has_parameters_of(self, other: Run) -> bool:
        """Return True if both write the same files for a task."""
        return (self.rows, self.seed, self.version) == (other.rows, other.seed, other.version)


class _Sample(msgspec.Struct, frozen=True):
    """The sample in the folder of one source."""

    run: Run
    files: dict[str, int]  # size in bytes, by path relative to the folder


def require_free(out: Path, source: str, run: Run) -> None:
    """Require that a run may write the folder of a source: it is missing, empty, or ours.

    Raises:
        BuildError: it has other files or symbolic links, or the sample of other tasks, which
            this run would make incomplete.
    """
    folder = out / source
    _require_folder(folder)
    found = files_in(folder)
    if not found:
        return
    sample = _read_list(out).get(source)
    own = sample.files if sample else {}
    other = sorted(name for name, size in found.items() if own.get(name) != size)
    if sample is None or other:
        raise BuildError(
            f"{folder}: holds files that `m3it sample` did not write ({first_few(other)}); "
            f"{_REMEDY}"
        )
    before = sample.run
    if not (set(before.tasks) <= set(run.tasks) or run.has_parameters_of(before)):
        raise BuildError(
            f"{folder}: has the sample of {first_few(before.tasks)} too (--n {before.rows} "
            f"--seed {before.seed}, version {before.version}), which may not be mixed with "
            f"another; {_REMEDY}, or name these tasks with --task too"
        )


def move_in(staged: Path, out: Path, run: Run) -> None:
    """Move the new folder of a source into place, which ``require_free`` allows.

    It replaces the folder that is there, or adds to it if that is the sample of other tasks too.
    The list is written first: after an interruption, all files are still known to be ours.
    """
    source = staged.name
    target = out / source
    samples = _read_list(out)
    before = samples.get(source) if files_in(target) else None
    files = files_in(staged)
    if before is None or set(before.run.tasks) <= set(run.tasks):
        if target.is_dir():
            shutil.rmtree(target)
        _write_list(out, {**samples, source: _Sample(run, files)})
        staged.replace(target)
        return
    tasks = tuple(sorted({*before.run.tasks, *run.tasks}))
    both = _Sample(msgspec.structs.replace(run, tasks=tasks), {**before.files, **files})
    _write_list(out, {**samples, source: both})
    move_files(staged, target, files)


def move_files(staged: Path, target: Path, names: Iterable[str]) -> None:
    """Move some files of one folder to another, with their paths relative to it."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).replace(target / name)


def _require_folder(folder: Path) -> None:
    if folder.is_symlink():
        raise BuildError(f"{folder}: is a symbolic link, which is not followed; {_REMEDY}")
    if folder.exists() and not folder.is_dir():
        raise BuildError(f"{folder}: is not a folder; {_REMEDY}")


def files_in(folder: Path) -> dict[str, int]:
    """Return the size of each file in a folder; symbolic links have size -1, as they are not ours.

    Links are not followed.
    """
    found = {}
    for parent, folders, names in os.walk(folder):
        paths = [Path(parent, name) for name in (*names, *folders)]
        for path in paths:
            if path.is_symlink():
                found[path.relative_to(folder).as_posix()] = -1
            elif not path.is_dir():
                found[path.relative_to(folder).as_posix()] = path.stat().st_size
    return dict(sorted(found.items()))


def _read_list(out: Path) -> dict[str, _Sample]:
    """Return the samples in a folder, by source; none if the list is missing or malformed."""
    try:
        return msgspec.json.decode((out / _LIST).read_bytes(), type=dict[str, _Sample])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _write_list(out: Path, samples: dict[str, _Sample]) -> None:
    write_atomic(out / _LIST, msgspec.json.encode(samples, order="sorted"))
