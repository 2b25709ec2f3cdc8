"""The exceptions of this package, for failures that users can fix.

M3ITError
├── CardError        a card, instruction pool or pipeline file is invalid
├── TaskNotFound     no built-in or installed task has this name
├── SourceError      a source file is missing, corrupt, or not the one on the card
├── ConvertError     a source record does not have the structure the converter expects
├── PluginError      an installed task failed to load
├── BuildError       a build cannot start, continue or be read
│   └── RejectShareError   too many examples of a unit were rejected
├── AuditError       a query over a build is invalid
└── ContractError    a task violates the contract of ``m3it_builder.testing``

The command line prints the message, one line that can be understood without the source code,
and exits with ``exit_code``.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class M3ITError(Exception):
    """Base class of all foreseen failures; the message ends with a remedy."""

    exit_code = 1


class CardError(M3ITError):
    """A card, instruction pool or pipeline file is invalid."""


class TaskNotFound(M3ITError):  # noqa: N818 - reads better where it is raised
    """No built-in or installed task has this name."""


class SourceError(M3ITError):
    """A source file is missing, corrupt, or not the one on the card."""


class ConvertError(M3ITError):
    """A source record does not have the structure the converter expects."""


class PluginError(M3ITError):
    """An installed task failed to load."""


class BuildError(M3ITError):
    """A build cannot start, continue or be read."""


class RejectShareError(BuildError):
    """Too many examples of a unit were rejected."""

    exit_code = 3


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


_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and repeat the command, it resumes",
    errno.EDQUOT: "the disk quota is used up; free some space and repeat the command, it resumes",
    errno.EACCES: "permission denied; check the owner and the mode of the folder",
    errno.EPERM: "the operation is not permitted; check the owner and the mode of the folder",
    errno.EROFS: "the file system is read-only; choose another --out or --source",
    errno.ENOTDIR: "a file exists where a folder is needed; move it, or choose another --out",
    errno.EEXIST: "a file exists where a folder is needed; move it, or choose another --out",
    errno.EISDIR: "a folder exists where a file is needed; move it, or choose another --out",
    errno.EMFILE: "too many open files; lower --workers or raise `ulimit -n`",
    errno.EIO: "the disk reports a read or write error",
    errno.ESTALE: "the network file system dropped the file; repeat the command, it resumes",
}


def foreseen(error: BaseException) -> M3ITError | None:
    """Return a failure of the environment as an error with a remedy, or None for a bug."""
    if isinstance(error, M3ITError):
        return error
    if type(error).__module__ == "sqlite3":
        return _foreseen_sqlite(str(error))
    if isinstance(error, OSError):
        return _foreseen_os(error)
    if isinstance(error, MemoryError):
        return BuildError("out of memory; repeat the command with fewer --workers, it resumes")
    return None


def _foreseen_sqlite(text: str) -> M3ITError | None:
    if "disk is full" in text:
        return BuildError(_ADVICE[errno.ENOSPC])
    if "readonly" in text or "unable to open" in text:
        return BuildError(f"{text}; {_ADVICE[errno.EACCES]}")
    return None


def _foreseen_os(error: OSError) -> M3ITError | None:
    number = error.errno
    if number is None and "No space left on device" in str(error):
        number = errno.ENOSPC  # pyarrow puts the number into the message only
    if number not in _ADVICE:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return BuildError(f"{where}{_ADVICE[number]}")
