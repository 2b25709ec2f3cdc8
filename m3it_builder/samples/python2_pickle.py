"""Pickles in the form of Python 2: strings are byte strings (protocol 2)."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from typing import Any


def dumps(value: Any) -> bytes:
    """Return the pickle of lists, dicts, strings, integers and floats.

    Strings are encoded as UTF-8; bytes stand for a string in another encoding.
    """
    return pickle.PROTO + b"\x02" + b"".join(_opcodes(value)) + pickle.STOP


def _opcodes(value: Any) -> Iterator[bytes]:
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        if len(data) < 256:
            yield pickle.SHORT_BINSTRING + bytes([len(data)]) + data
        else:
            yield pickle.BINSTRING + struct.pack("<i", len(data)) + data
    elif isinstance(value, int):
        yield pickle.BININT + struct.pack("<i", value)
    elif isinstance(value, float):
        yield pickle.BINFLOAT + struct.pack(">d", value)
    elif isinstance(value, list):
        yield pickle.EMPTY_LIST + pickle.MARK
        for item in value:
            yield from _opcodes(item)
        yield pickle.APPENDS
    else:
        yield pickle.EMPTY_DICT + pickle.MARK
        for key, item in value.items():
            yield from _opcodes(key)
            yield from _opcodes(item)
        yield pickle.SETITEMS
