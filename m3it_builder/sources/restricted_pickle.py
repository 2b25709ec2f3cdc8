"""Pickles of plain values, read without running anything.

RefCOCO's references come as a Python 2 pickle. Unpickling calls what the file
names, so here it may name nothing at all: lists, dicts, tuples, texts and
numbers need no names.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn

from m3it_builder.errors import SourceError


def load_restricted(data: bytes, name: str) -> Any:
    """Return the value; byte strings of Python 2 become text.

    Args:
        data: the pickle.
        name: of the file, for the message.

    Raises:
        SourceError: the pickle asks for any class or function, or is damaged.
    """
    try:
        return _texts(_Plain(io.BytesIO(data), encoding="bytes").load())
    except _Forbidden as error:
        raise SourceError(
            f"{name}: the pickle asks for {error}, which an annotation file has no business "
            "with; it was not loaded. Download it again from its official address"
        ) from None
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError) as error:
        raise SourceError(f"{name}: not a whole pickle ({error}); download it again") from error


class _Forbidden(Exception):  # noqa: N818 - stays in this module
    pass


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Forbidden(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _Forbidden(f"the external object {pid!r}")


def _texts(value: Any) -> Any:
    """Turn byte strings into text: UTF-8 as a rule, Latin-1 where they are not."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.decode("latin-1")
    if isinstance(value, list):
        return [_texts(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_texts(item) for item in value)
    if isinstance(value, dict):
        return {_texts(key): _texts(item) for key, item in value.items()}
    return value
