"""A restricted unpickler: plain values only, nothing is imported or called.

RefCOCO's references are a Python 2 pickle. A pickle runs code through the classes and
functions it names; lists, dicts, tuples, strings and numbers need none, so none is allowed.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any, NoReturn

from m3it_builder.errors import SourceError

# Malformed data raises any of these; the documentation promises only the first.
_MALFORMED = (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError,
              AttributeError, OverflowError, RecursionError, MemoryError, struct.error)  # fmt: skip
_MAX_DEPTH = 100  # RefCOCO's references have four levels


def load_restricted(data: bytes, name: str) -> Any:
    """Unpickle plain values; byte strings of Python 2 become text.

    Args:
        data: the pickle.
        name: of the file, for the error message.

    Raises:
        SourceError: the pickle refers to a class, a function or an external object, or is
            truncated or corrupt.
    """
    try:
        return _decode(_PlainUnpickler(io.BytesIO(data), encoding="bytes").load())
    except _Forbidden as error:
        raise SourceError(
            f"{name}: the pickle refers to {error}, which is not allowed in an annotation file; "
            "it was not loaded. Download it again from its official address"
        ) from None
    except _MALFORMED as error:
        raise SourceError(
            f"{name}: the pickle is truncated or corrupt ({error}); download it again"
        ) from error


class _Forbidden(Exception):  # noqa: N818 - private to this module
    pass


# The unpickler in Python, which takes twice as long as the one in C: that one allocates whatever
# a few bytes claim, for a string or for the index of a memo, before it looks at the rest.
class _PlainUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Forbidden(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _Forbidden(f"the external object {pid!r}")

    def load_bytearray8(self) -> NoReturn:
        """Refuse byte arrays, which are allocated before they are read, unlike other values."""
        raise pickle.UnpicklingError("it contains a byte array")

    dispatch = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: load_bytearray8,  # type: ignore[dict-item]
    }


def _decode(value: Any) -> Any:
    """Decode byte strings in nested values: as UTF-8, or as Latin-1 if they are not UTF-8."""
    return _Decoder().decode(value)


class _Decoder:
    """Decodes every object once: few bytes of a pickle can refer to one object a billion times."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}  # results by id; None while an object is being decoded

    def decode(self, value: Any, depth: int = 0) -> Any:
        if isinstance(value, bytes):
            return _text(value)
        if not isinstance(value, list | tuple | dict | set | frozenset):
            return value
        if depth > _MAX_DEPTH:
            raise ValueError(f"more than {_MAX_DEPTH} levels")
        if id(value) in self._done:
            done = self._done[id(value)]
            if done is None:
                raise ValueError("a value contains itself")
            return done
        self._done[id(value)] = None
        self._done[id(value)] = result = self._decode_items(value, depth + 1)
        return result

    def _decode_items(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            items = value.items()
            return {self.decode(key, depth): self.decode(item, depth) for key, item in items}
        return type(value)(self.decode(item, depth) for item in value)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
