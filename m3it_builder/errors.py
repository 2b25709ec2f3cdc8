"""The exceptions of this package, for failures that users can fix.

M3ITError
├── UsageError       a value on the command line is wrong: exit status 2
│   └── TaskNotFound       no built-in or installed task has this name
├── CardError        a card, instruction pool or pipeline file is invalid
│   └── PipelineError      a pipeline file is invalid, or does not exist: exit status 2
├── SourceError      a source file is missing, corrupt, or not the one on the card
│   ├── MissingSourcesError  sources of a unit have no file at all
│   └── SourceChangedError  it changed while a build was reading it
├── ConvertError     a source record does not have the structure the converter expects
│   └── ConverterError     the converter itself is wrong, whatever the source contains
├── PluginError      an installed task failed to load
├── BuildError       a build cannot start, continue or be read
│   ├── RejectShareError   too many examples of a unit were rejected
│   └── EmptyUnitError     no row of a unit is left
├── LedgerError      a ledger, or an export of one, cannot be read or written
├── AuditError       a query over a build is invalid
└── ContractError    a task violates the contract of ``m3it_builder.testing``

The command line prints the message, one line that can be understood without the source code,
and exits with ``exit_code``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class M3ITError(Exception):
    """Base class of all foreseen failures; the message ends with a remedy."""

    exit_code = 1
    cause: str | None = None  # equal for failures of several units that have the same cause

    def __init__(self, problem: str = "", remedy: str = "") -> None:
        super().__init__(f"{problem}; {remedy}" if remedy else problem)
        self.problem = problem  # the message; without its remedy, if that is given separately


class UsageError(M3ITError):
    """A value on the command line is wrong, whatever is on the disk."""

    exit_code = 2


class TaskNotFound(UsageError):  # noqa: N818 - reads better where it is raised
    """No built-in or installed task has this name."""


class CardError(M3ITError):
    """A card, instruction pool or pipeline file is invalid."""


class PipelineError(CardError):
    """A pipeline file is invalid, or does not exist."""

    exit_code = 2


class SourceError(M3ITError):
    """A source file is missing, corrupt, or not the one on the card."""


class SourceChangedError(SourceError):
    """A source file changed while a build was reading it."""


class MissingSourcesError(SourceError):
    """Sources of a unit, or of several units of one task, have no file at all."""

    def __init__(self, task: str, splits: Sequence[str], missing: Mapping[str, str]) -> None:
        self.task = task
        self.splits = tuple(splits)
        self.missing = missing  # description of the files, by folder
        folders = "; ".join(f"{folder}/ ({files})" for folder, files in missing.items())
        unit = f"{task}/{self.splits[0]}" if len(splits) == 1 else f"{task} ({', '.join(splits)})"
        super().__init__(
            f"{unit}: source files are missing: {folders}. Get them with "
            f"`m3it fetch --task {task}`, give their folder with --source, or try the task "
            f"without a download: `m3it build --task {task} --sample`"
        )
        self.problem = f"{unit}: source files are missing: {folders}"

    def __reduce__(self) -> Any:
        """Keep the fields when the error comes from another process."""
        return type(self), (self.task, self.splits, self.missing)

    def with_others(self, others: Sequence[MissingSourcesError]) -> MissingSourcesError:
        """Return one error for several units of the same task."""
        splits = (split for error in (self, *others) for split in error.splits)
        missing = {
            name: files for error in (self, *others) for name, files in error.missing.items()
        }
        return MissingSourcesError(self.task, tuple(splits), missing)


class ConvertError(M3ITError):
    """A source record does not have the structure the converter expects."""


class ConverterError(ConvertError):
    """The converter itself is wrong, whatever the source contains."""


class PluginError(M3ITError):
    """An installed task failed to load."""


class BuildError(M3ITError):
    """A build cannot start, continue or be read."""


class BaseError(BuildError):
    """The unit whose images or rows a sibling has is not there, or is another one now."""


class RejectShareError(BuildError):
    """Too many examples of a unit were rejected."""

    exit_code = 3


class EmptyUnitError(BuildError):
    """No row of a unit is left."""

    def __init__(self, message: str, reasons: Mapping[str, int]) -> None:
        super().__init__(message)
        self.reasons = reasons  # counts of rejects

    def __reduce__(self) -> Any:
        """Keep the counts when the error comes from another process."""
        return type(self), (str(self), self.reasons)


class LedgerError(M3ITError):
    """A ledger, or an export of one, cannot be read or written."""


class AuditError(M3ITError):
    """A query over a build is invalid."""


class ContractError(M3ITError):
    """A task violates the contract of ``m3it_builder.testing``."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A unit that failed while others continued."""

    unit: str  # task/split
    error: M3ITError


@contextmanager
def collect_failure(unit: str, failures: list[Failure]) -> Iterator[None]:
    """Append a foreseen error of one unit to a list, so that the caller can continue.

    Any other error is a bug: it is raised, with a note that names the unit.
    """
    try:
        yield
    except Exception as error:
        foreseen_error = foreseen(error)
        if foreseen_error is None:
            error.add_note(f"while working on {unit}")
            raise
        failures.append(Failure(unit, foreseen_error))


_CORRUPT = "the file system is corrupt; check the disk"
_NO_ANSWER = "the network file system does not answer; repeat the command, it resumes"
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and repeat the command, it resumes",
    errno.EDQUOT: "the disk quota is used up; free some space and repeat the command, it resumes",
    errno.EFBIG: "the file is larger than `ulimit -f` or the file system allows; raise the limit",
    errno.EACCES: "permission denied; check the owner and the mode of the folder",
    errno.EPERM: "the operation is not permitted; check the owner and the mode of the folder",
    errno.EROFS: "the file system is read-only; choose another --out or --source",
    errno.ENOTDIR: "a file exists where a folder is needed; move it, or choose another --out",
    errno.EEXIST: "a file exists where a folder is needed; move it, or choose another --out",
    errno.EISDIR: "a folder exists where a file is needed; move it, or choose another --out",
    errno.ELOOP: "symbolic links form a loop; correct them, or choose another path",
    errno.ENAMETOOLONG: "the path, or a name in it, is too long; choose a shorter one",
    errno.EILSEQ: "the file system does not accept this name; choose another --out",
    errno.ENXIO: "not a file that can be read or written; choose another path",
    errno.ENODEV: "not a file that can be read or written; choose another path",
    errno.EBUSY: "the file or device is in use; repeat the command, it resumes",
    errno.ENOLCK: "the file system has no file locks; choose another --out",
    errno.EMFILE: "too many open files; lower --workers or raise `ulimit -n`",
    errno.ENFILE: "too many open files on this machine; close other programs",
    errno.ENOMEM: "out of memory; repeat the command with fewer --workers, it resumes",
    errno.EBADMSG: _CORRUPT,
    getattr(errno, "EUCLEAN", errno.EBADMSG): _CORRUPT,  # Linux only
    errno.EIO: "the disk reports a read or write error",
    errno.ESTALE: "the network file system dropped the file; repeat the command, it resumes",
    errno.ENOTCONN: _NO_ANSWER,
    errno.ETIMEDOUT: _NO_ANSWER,
    errno.EHOSTDOWN: _NO_ANSWER,
}
_NOT_UTF8 = "not UTF-8; if it is a path, rename the folder, or make a symbolic link to it"
_DUCKDB_ERRORS = ("IOException", "TransactionException", "OutOfMemoryException", "FatalException")


def foreseen(error: BaseException) -> M3ITError | None:
    """Return a failure of the environment as an error with a remedy, or None for a bug."""
    if isinstance(error, M3ITError):
        return error
    if isinstance(error, MemoryError):
        return BuildError(_ADVICE[errno.ENOMEM])
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return BuildError(f"{error.object!r} is {_NOT_UTF8}")
    return _foreseen_library(error) or _foreseen_os(error) or _foreseen_folder(error)


def _foreseen_library(error: BaseException) -> M3ITError | None:
    """Return an error of SQLite or DuckDB with a remedy; both report the system's in a text."""
    kind, text = type(error), str(error).partition("\n")[0]
    if kind.__module__ == "sqlite3":
        if "disk is full" in text:
            return BuildError(_ADVICE[errno.ENOSPC])
        if "readonly" in text or "unable to open" in text:
            return BuildError(f"{text}; {_ADVICE[errno.EACCES]}")
        if "disk I/O error" in text:
            return BuildError("disk I/O error; check the disk, its free space and `ulimit -f`")
    elif kind.__module__ in ("duckdb", "_duckdb") and kind.__name__ in _DUCKDB_ERRORS:
        if "Out of Memory" in text:
            return BuildError(_ADVICE[errno.ENOMEM])
        number = _number_in(text)
        return BuildError(f"{text}; {_ADVICE[number]}") if number else None
    return None


def _foreseen_os(error: BaseException) -> M3ITError | None:
    """Return an error of the operating system with a remedy."""
    if not isinstance(error, OSError):
        return None
    number = error.errno or _number_in(str(error))  # pyarrow has the number in the text only
    if number == errno.ENOENT:
        return _foreseen_missing(error.filename)
    if number not in _ADVICE:
        return None
    where = f"{error.filename}: " if error.filename else ""
    foreseen_error = BuildError(f"{where}{_ADVICE[number]}")
    foreseen_error.cause = _ADVICE[number]
    return foreseen_error


def _number_in(text: str) -> int | None:
    """Return the error number whose description a text contains."""
    return next((number for number in _ADVICE if os.strerror(number) in text), None)


def _foreseen_missing(name: object) -> M3ITError | None:
    """Return an error if a whole folder is missing; a single missing file is a bug."""
    if not isinstance(name, str) or not os.path.isabs(name):  # noqa: PTH117 - any text
        return None  # of the current folder, if that is missing
    folder = os.path.realpath(os.path.dirname(name))  # noqa: PTH120
    if folder == "/proc" or folder.startswith("/proc/"):
        return BuildError(f"{name}: this file system stores no files; choose another path")
    if not os.path.isdir(folder):  # noqa: PTH112
        return BuildError(f"{folder}: the folder has disappeared; repeat the command")
    return None


def _foreseen_folder(error: BaseException) -> M3ITError | None:
    """Return an error if the current folder explains any other error."""
    advice = "change to another folder and repeat the command"
    try:
        os.getcwd().encode()  # noqa: PTH109 - a Path hides the characters
    except FileNotFoundError:
        return BuildError(f"the current folder has been deleted; {advice}")
    except UnicodeEncodeError:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        return BuildError(f"the name of the current folder is not UTF-8 ({reason}); {advice}")
    return None


def first_few(names: Sequence[str], limit: int = 3) -> str:
    """Return the first names of a list and the number of the others, for a message."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def install_hint(extra: str) -> str:
    """Return how to install an extra of this package: from an index, and in a clone."""
    return f"run `pip install 'm3it-builder[{extra}]'`, or in a clone `pip install '.[{extra}]'`"
