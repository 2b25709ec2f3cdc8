"""One row as read from a shard of any format, and helpers of the shard readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pybase64

from m3it_builder.records import JsonObject
from m3it_builder.storage.json_values import loads_strict

READ_ERRORS = (pa.ArrowException, OSError, ValueError, EOFError, OverflowError, RecursionError)

ImageEncoding = Literal["bytes", "base64", "shared"]

Reporter = Callable[[str, str], None]  # (check, detail): a finding after which reading goes on


class ReadError(Exception):
    """A file that cannot be read further, and the check it fails; internal to ``verify``."""

    def __init__(self, check: str, detail: str) -> None:
        super().__init__(f"{check}: {detail}")
        self.check = check
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """One row as stored in a shard."""

    texts: Mapping[str, Any] | None  # all columns but the images; None if unreadable
    images: tuple[bytes | None, ...]  # None for null or invalid base64
    image_ids: Any = None  # digests, where another build has the images
    key: str | None = None  # of its tar members
    mimes: Sequence[Any] | None = None  # stated beside the images
    paths: Sequence[Any] | None = None  # of images in a table
    byte_range: tuple[int, int] | None = None  # offset and length in the file


def is_shared_row(texts: Mapping[str, Any], encoding: ImageEncoding, report: Reporter) -> bool:
    """Return True if the images of a row are stored elsewhere; report missing digests."""
    if encoding == "shared" and "image_ids" not in texts:
        report("shard_schema", f"{texts.get('id')} has no image_ids")
    return encoding == "shared"


def first_line(error: BaseException) -> str:
    """Return the first line of an error message, or the type of an error without message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def json_object(data: bytes) -> JsonObject | None:
    """Parse a JSON object; None if the bytes are anything else."""
    try:
        value = loads_strict(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def decode_base64_images(texts: Any) -> tuple[bytes | None, ...]:
    """Decode a list of base64 texts; None replaces what is not valid base64."""
    return tuple(map(_decode_base64, texts)) if isinstance(texts, list) else (None,)


def _decode_base64(text: Any) -> bytes | None:
    try:
        return pybase64.b64decode(text, validate=True)
    except (ValueError, TypeError):  # binascii.Error is a ValueError
        return None
