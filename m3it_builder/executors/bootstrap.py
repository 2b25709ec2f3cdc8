"""The first file that a child process runs; see ``child``.

It runs as a script, by its path, before any module of the package or of a user is imported: so
it imports from the standard library alone. A child started by ``python -m`` would import from the
current folder first, where a download may contain a ``signal.py``.
"""

import json
import os
import signal
import sys
import threading
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # by the parent, until they are handled
_PACKAGE = Path(__file__).parents[1]


def main() -> None:
    """Follow the parent process, then run the ``main`` function of the requested module."""
    request = json.loads(sys.argv[1])
    follow_parent(request["parent"], request["lifeline"], request["is_killed_by_kernel"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
    reserve_stderr()
    import_package(_PACKAGE)
    # At the end: what the standard library or an installed package provides stays first.
    sys.path += [entry for entry in request["path"] if entry and entry not in sys.path]
    import_module(request["module"]).main()


def follow_parent(parent: int, lifeline: int, is_killed_by_kernel: bool) -> None:
    """End this process when its parent ends, however that happens.

    A thread waits for the end of the parent's pipe; this works on every platform, but not while
    the process is stopped. On Linux the kernel kills the process, stopped or not.

    Args:
        parent: its process id.
        lifeline: read end of a pipe of which the parent alone holds the write end.
        is_killed_by_kernel: ask the Linux kernel for SIGKILL at the parent's death.
    """
    threading.Thread(target=_exit_at_end, args=(lifeline,), daemon=True).start()
    if is_killed_by_kernel:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)


def reserve_stderr() -> None:
    """Open the null device as stderr if it is closed: a file opened later would get its number."""
    if sys.stderr is None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)


def import_package(folder: Path) -> None:
    """Import a package from its folder.

    Another version of it may be installed, or none. The folder's parent stays off ``sys.path``:
    modules in it could hide those of the standard library.
    """
    spec = PathFinder.find_spec(folder.name, [str(folder.parent)])
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    package = module_from_spec(spec)
    sys.modules[folder.name] = package
    spec.loader.exec_module(package)


def _exit_at_end(lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written
    os._exit(1)


if __name__ == "__main__":
    main()
