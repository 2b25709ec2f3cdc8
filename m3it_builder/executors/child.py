"""Start child processes that end with this process and import nothing from the current folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Read and write end of a pipe. This process holds the only write end, and holds it until it ends:
# children see the end of the pipe then.
_lifeline: tuple[int, int] | None = None


def start_child(module: str, stderr: int | None = None) -> subprocess.Popen[bytes]:
    """Start a Python process that runs ``main()`` of a module, with pipes to stdin and stdout.

    The child is killed when this process ends, even by SIGKILL, and even while it is stopped
    (on Linux, if the main thread starts it). It ignores SIGINT and SIGHUP, which a terminal sends
    to all processes: this process decides when the child ends.

    Args:
        module: dotted name of a module of this package.
        stderr: as for ``subprocess.Popen``; by default that of this process.
    """
    lifeline = _read_end()
    request = {
        "module": module,
        "parent": os.getpid(),
        "lifeline": lifeline,
        "is_killed_by_kernel": _is_followed_by_kernel(),
        "path": sys.path,
    }
    # -P, and the variable for processes that the child starts: no module is imported from the
    # current folder, which may be a download with a file named like a module.
    words = [sys.executable, *_interpreter_flags(), "-P", str(_BOOTSTRAP), json.dumps(request)]
    # Signals stay pending until the child has decided how to handle them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    try:
        return subprocess.Popen(  # noqa: S603 - no input of a user
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            pass_fds=(lifeline,),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _read_end() -> int:
    """Return the read end of the lifeline."""
    global _lifeline
    if _lifeline is None:
        _lifeline = os.pipe()
    return _lifeline[0]


def _drop_lifeline() -> None:
    """Close the pipe in a forked process: its copy would keep the children of the other alive."""
    global _lifeline
    if _lifeline is not None:
        for end in _lifeline:
            os.close(end)
    _lifeline = None


def _is_followed_by_kernel() -> bool:
    """Return True if the kernel can kill the child at the death of this process.

    Linux sends the signal when the *thread* that started the child ends; only the main thread
    lives as long as the process.
    """
    return sys.platform == "linux" and threading.get_native_id() == os.getpid()


def _interpreter_flags() -> list[str]:
    """Return the options of this interpreter (-O, -W, -X ...), as ``multiprocessing`` does."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return flags


os.register_at_fork(after_in_child=_drop_lifeline)
