"""Whether a file is complete, judged by its own structure.

A server that closes the connection without having stated a length leaves no other evidence:
most formats have an end of their own, or state their size in a header.
"""

from __future__ import annotations

import ast
import bz2
import gzip
import lzma
import math
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import IO, Literal, cast

from m3it_builder.errors import SourceError
from m3it_builder.sources.json_stream import JsonStream, TruncatedJsonError
from m3it_builder.sources.tar_directory import tar_members
from m3it_builder.sources.zip_directory import bytes_before, zip_members

Verdict = Literal["complete", "truncated", "unknown"]

_BLOCK = 1 << 20  # bytes
_MAX_RATIO = 1_100  # of decompressed to compressed bytes; deflate reaches 1,032
_MAX_HEADER_BYTES = 1 << 16  # of a NumPy array
_ZIP_END = struct.Struct("<4s4H2LH")  # end of central directory record; the comment follows
_MAX_ZIP_COMMENT = 65_535  # bytes
_TAR_BLOCK = 512  # bytes


def completeness(path: Path, name: str) -> Verdict:
    """Return whether a file ends where its format says that it must; unknown if bytes follow.

    Reads archives by their directories, compressed files and JSON to the end.

    Args:
        path: of the file; its own suffix does not matter.
        name: whose suffix gives the format.
    """
    check = _FORMATS.get(PurePath(name).suffix.lower())
    return check(path) if check else "unknown"


def _zip(path: Path) -> Verdict:
    try:
        for _ in zip_members(path):
            pass
        # The end record of a zip inside of a truncated one: there seem to be bytes before it.
        prefixed = bytes_before(path) > 0
    except SourceError:
        return "truncated"
    with path.open("rb") as file:
        if prefixed and file.read(4) == b"PK\x03\x04":
            return "truncated"
        tail = _tail(file, _ZIP_END.size + _MAX_ZIP_COMMENT)
    ends = (match.start() for match in re.finditer(b"PK\x05\x06", tail))
    ends = (end for end in ends if end + _ZIP_END.size <= len(tail))
    lengths = (end + _ZIP_END.size + _ZIP_END.unpack_from(tail, end)[-1] for end in ends)
    return "complete" if len(tail) in lengths else "unknown"  # bytes after the archive


def _tar(path: Path) -> Verdict:
    try:
        for _ in tar_members(path):
            pass
    except SourceError:
        return "truncated"
    with path.open("rb") as file:
        ends_with_zeros = not any(_tail(file, _TAR_BLOCK))
    return "complete" if ends_with_zeros and not path.stat().st_size % _TAR_BLOCK else "unknown"


def _decompressed(opener: Callable[[Path], IO[bytes]]) -> Callable[[Path], Verdict]:
    def check(path: Path) -> Verdict:
        remaining = path.stat().st_size * _MAX_RATIO
        try:
            with opener(path) as file:
                while remaining >= 0 and (data := file.read(_BLOCK)):
                    remaining -= len(data)
        except (EOFError, OSError, zlib.error, lzma.LZMAError):
            return "truncated"
        return "complete" if remaining >= 0 else "unknown"

    return check


def _json(path: Path) -> Verdict:
    """Judge a JSON file with one value; of JSON lines, every line may be the last one."""
    try:
        with path.open("rb") as file:
            JsonStream(file).check()
    except TruncatedJsonError:
        return "truncated"
    except ValueError:
        return "unknown"
    return "complete"


def _npy(path: Path) -> Verdict:
    with path.open("rb") as file:
        head = file.read(_MAX_HEADER_BYTES)
    try:
        is_version_1 = head[6] <= 1
        (size,) = struct.unpack_from("<H" if is_version_1 else "<I", head, 8)
        start = 10 if is_version_1 else 12
        fields = ast.literal_eval(head[start : start + size].decode("latin1").strip())
        match = re.fullmatch(r"[<>|=]?[biufcSVmM](\d+)(\[.*\])?", fields["descr"])
        expected = start + size + math.prod(fields["shape"]) * int(match[1]) if match else None
    except (ValueError, SyntaxError, KeyError, IndexError, TypeError, struct.error, RecursionError):
        return "unknown"  # structured, Unicode or object arrays
    if expected is None:
        return "unknown"
    return _compared(path, expected)


def _seven_zip(path: Path) -> Verdict:
    with path.open("rb") as file:
        head = file.read(32)
    if len(head) < 32:
        return "truncated"
    offset, size = struct.unpack_from("<QQ", head, 12)  # of the header at the end
    return _compared(path, 32 + offset + size)


def _ends_with(mark: bytes, otherwise: Verdict) -> Callable[[Path], Verdict]:
    def check(path: Path) -> Verdict:
        with path.open("rb") as file:
            return "complete" if _tail(file, len(mark)) == mark else otherwise

    return check


def _compared(path: Path, expected: int) -> Verdict:
    size = path.stat().st_size
    if size < expected:
        return "truncated"
    return "complete" if size == expected else "unknown"


def _tail(file: IO[bytes], size: int) -> bytes:
    file.seek(max(0, file.seek(0, os.SEEK_END) - size))
    return file.read(size)


_GZIP = _decompressed(lambda path: cast(IO[bytes], gzip.open(path)))
_BZIP2 = _decompressed(lambda path: bz2.open(path))
_XZ = _decompressed(lambda path: lzma.open(path))
_FORMATS: dict[str, Callable[[Path], Verdict]] = {
    ".zip": _zip,
    ".npz": _zip,
    ".tar": _tar,
    ".gz": _GZIP,
    ".tgz": _GZIP,
    ".bz2": _BZIP2,
    ".tbz2": _BZIP2,
    ".xz": _XZ,
    ".txz": _XZ,
    ".7z": _seven_zip,
    ".json": _json,
    ".npy": _npy,
    ".png": _ends_with(b"\0\0\0\0IEND\xaeB`\x82", "unknown"),
    ".parquet": _ends_with(b"PAR1", "truncated"),
}
