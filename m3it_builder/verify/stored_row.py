"""What a reader of shards yields, whatever the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import pyarrow as pa
import pybase64

UNREADABLE = (pa.ArrowException, OSError, ValueError, EOFError, OverflowError, RecursionError)

ImageEncoding = Literal["bytes", "base64"]

Note = Callable[[str, str], None]  # check, detail: a fault after which reading goes on


class Broken(Exception):  # noqa: N818 - it carries a check and never leaves the package
    """A file that cannot be read any further."""

    def __init__(self, check: str, detail: str) -> None:
        super().__init__(f"{check}: {detail}")
        self.check = check
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One row as it lies in a shard."""

    texts: Mapping[str, Any] | None  # all columns but the images; None where unreadable
    images: tuple[bytes | None, ...]  # None where it is null, or a text is no base64
    key: str | None = None  # of a tar
    mimes: Sequence[Any] | None = None  # as stated beside the images
    paths: Sequence[Any] | None = None  # of images in a table
    place: tuple[int, int] | None = None  # offset and length in the file


def said(error: BaseException) -> str:
    """Return the first line of an error, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def json_object(data: bytes) -> dict[str, Any] | None:
    """Return a JSON object, None where the bytes are none."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def decoded(texts: Any) -> tuple[bytes | None, ...]:
    """Return images of a list of base64 texts."""
    return tuple(map(_decoded, texts)) if isinstance(texts, list) else (None,)


def _decoded(text: Any) -> bytes | None:
    try:
        return pybase64.b64decode(text, validate=True)
    except (ValueError, TypeError):  # binascii.Error is one
        return None
