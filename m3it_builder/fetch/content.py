"""What the first bytes of a file say about its content: is it what its name promises?

A server that cannot supply a file often sends something else with status 200: a page that
asks for a login, an error in JSON, a pointer of Git LFS.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from pathlib import PurePath

HEAD_BYTES = 4096  # that the functions below need to judge

_WEB_PAGE = "a web page came instead of the file: a quota, a login, or a moved address"
_MARKUP = (".html", ".htm", ".xhtml", ".xml", ".svg", ".md")  # files that may start with a tag
# Tags that pages and error documents start with; text files can start with any other word in
# angle brackets.
_PAGE_START = re.compile(
    r"<(!doctype|html|head|body|title|meta|script|link|style|h1|center|error\b|\?xml|\?php|!--)",
    re.IGNORECASE,
)
_ERROR_KEYS = {"error", "errors", "message", "detail", "error_description"}
_MORE_ERROR_KEYS = {"status", "code", "documentation_url", "request_id", "requestid", "title"}
_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_BLOCK = 512  # bytes of a tar header


def substitute_problem(name: str, head: bytes) -> str | None:
    """Return what came instead of a file: a web page, an error, a pointer; None if nothing did.

    Args:
        name: of the file.
        head: its first ``HEAD_BYTES``, or all of it.
    """
    text = _text(head)
    if PurePath(name).suffix.lower() not in _MARKUP and _PAGE_START.match(text):
        return _WEB_PAGE
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a Git LFS pointer came instead of the file"
    if _is_error_document(head):
        return f"an error message came instead of the file ({text[:80]!r})"
    return None


def format_problem(name: str, head: bytes) -> str | None:
    """Return that the first bytes are not those of the format that the suffix promises, or None.

    Args:
        name: of the file.
        head: its first ``HEAD_BYTES``, or all of it.
    """
    suffix = PurePath(name).suffix.lower()
    test = _FORMATS.get(suffix)
    return None if test is None or test(head) else f"the content is not that of a {suffix} file"


def _text(head: bytes) -> str:
    """Return the first bytes as text, without byte order mark and leading white space."""
    bom = next((bom for bom in _BOMS if head.startswith(bom)), b"")
    return head[len(bom) :].decode(_BOMS.get(bom, "utf-8"), "replace").lstrip("\ufeff\0 \t\r\n\f\v")


def _is_error_document(head: bytes) -> bool:
    """Return True for a short JSON object that has nothing but an error in it."""
    if len(head) >= HEAD_BYTES or not head.lstrip().startswith(b"{"):
        return False
    try:
        value = json.loads(head)
    except (ValueError, RecursionError):
        return False
    keys = {key.lower() for key in value}
    return bool(keys & _ERROR_KEYS) and keys <= _ERROR_KEYS | _MORE_ERROR_KEYS


def _starts_with(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


def _is_json(head: bytes) -> bool:
    return _text(head).startswith(("{", "["))


def _is_tar(head: bytes) -> bool:
    """Return True for a member header with the right checksum; old tars have no magic."""
    block = head[:_BLOCK]
    try:
        stated = int(block[148:156].strip(b"\0 ") or b"x", 8)
    except ValueError:
        return False
    counted = block[:148] + b" " * 8 + block[156:]
    signed = sum(byte - 256 if byte > 127 else byte for byte in counted)  # by some old tools
    return len(block) == _BLOCK and stated in (sum(counted), signed)


_ZIP = _starts_with(b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK")
_GZIP = _starts_with(b"\x1f\x8b")
_BZIP2 = _starts_with(b"BZh")
_XZ = _starts_with(b"\xfd7zXZ\0")
_JPEG = _starts_with(b"\xff\xd8\xff")
_HDF5 = _starts_with(b"\x89HDF\r\n\x1a\n")
_FORMATS: dict[str, Callable[[bytes], bool]] = {
    ".zip": _ZIP,
    ".npz": _ZIP,
    ".gz": _GZIP,
    ".tgz": _GZIP,
    ".bz2": _BZIP2,
    ".tbz2": _BZIP2,
    ".xz": _XZ,
    ".txz": _XZ,
    ".tar": _is_tar,
    ".7z": _starts_with(b"7z\xbc\xaf\x27\x1c"),
    ".rar": _starts_with(b"Rar!\x1a\x07"),
    ".npy": _starts_with(b"\x93NUMPY"),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": _starts_with(b"\x89PNG\r\n\x1a\n"),
    ".parquet": _starts_with(b"PAR1"),
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".json": _is_json,
    ".jsonl": _is_json,
}
