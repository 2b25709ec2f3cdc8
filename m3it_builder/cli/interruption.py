"""SIGINT, SIGTERM and SIGHUP end a command in the same orderly way.

Python handles a signal in the main thread, between two of its instructions: never during a long
call of a native library, a DuckDB query for example. So a thread also watches for signals.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

MESSAGE = "m3it: interrupted; repeat the command to resume"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NATIVE_SECONDS = 10.0  # for the end of a call, such as the sync of a large shard
# For removing files and ending workers. DuckDB sometimes never returns from an interrupted query.
_ORDERLY_SECONDS = 10.0

_received: int | None = None


class Interrupted(BaseException):
    """A signal asks for the end of the command; files in progress are removed on the way out."""


def handle_signals() -> None:
    """Raise ``Interrupted`` at the first signal, and exit at once at a second one.

    Signals that are ignored stay ignored: ``nohup`` ignores SIGHUP, and a shell without job
    control ignores SIGINT in background commands.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    sys.unraisablehook = _raise_again
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def interrupted_status() -> int | None:
    """Return the exit status after a signal (128 + its number), or None if there was none."""
    return None if _received is None else 128 + _received


def show_cursor() -> None:
    """Show the cursor of a terminal again, which progress bars hide."""
    if os.isatty(2):
        os.write(2, b"\x1b[?25h")


def _interrupt(number: int, _: FrameType | None) -> None:
    global _received
    if _received is None:
        _received = number
        raise Interrupted


def _raise_again(ignored: sys.UnraisableHookArgs) -> None:
    """Raise ``Interrupted`` once more if it was raised in a finalizer, where Python drops it."""
    if not isinstance(ignored.exc_value, Interrupted):
        sys.__unraisablehook__(ignored)
        return
    import ctypes

    main = ctypes.c_ulong(threading.main_thread().ident or 0)
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    # Later: here it would be raised in this hook, and dropped again.
    timer = threading.Timer(0.05, raise_in, (main, ctypes.py_object(Interrupted)))
    timer.daemon = True
    timer.start()


def _watch(reader: int) -> None:
    """Exit at a second signal, or if the main thread does not end the command in time.

    Args:
        reader: descriptor on which the number of each signal arrives as a byte.
    """
    first = os.read(reader, 1)[0]
    second, _, _ = select.select([reader], [], [], _NATIVE_SECONDS)
    if not second and _received is not None:
        select.select([reader], [], [], _ORDERLY_SECONDS)
    _exit(first)


def _exit(number: int) -> NoReturn:
    """Exit at once; workers end with this process, and the next build removes what is left."""
    show_cursor()
    os.write(2, f"{MESSAGE}\n".encode())
    os._exit(128 + number)
