"""A restricted unpickler: plain values only, nothing is imported or called.

RefCOCO's references are a Python 2 pickle. A pickle runs code through the classes and
functions it names; lists, dicts, tuples, strings and numbers need none, so none is allowed.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn

from m3it_builder.errors import SourceError

# Malformed data raises any of these; the documentation promises only the first.
_MALFORMED = (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError)


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


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Forbidden(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _Forbidden(f"the external object {pid!r}")


def _decode(value: Any) -> Any:
    """Decode byte strings in nested values: as UTF-8, or as Latin-1 if they are not UTF-8."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.decode("latin-1")
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_decode(item) for item in value)
    if isinstance(value, dict):
        return {_decode(key): _decode(item) for key, item in value.items()}
    return value
