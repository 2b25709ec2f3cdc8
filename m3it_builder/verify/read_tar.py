"""Rows of a WebDataset shard, read as POSIX ustar, member by member.

Headers are parsed by Python's ``tarfile``, independently of the code that writes them.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from m3it_builder.verify.stored_row import (
    ImageEncoding,
    ReadError,
    Reporter,
    StoredRow,
    decode_base64_images,
    is_shared_row,
    json_object,
)

_BLOCK = 512
_ZERO_BLOCK = bytes(_BLOCK)
_PLAIN = (tarfile.REGTYPE, 0o644, 0, 0, 0, "", "")


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int  # of its header
    end: int  # of its padding
    data: bytes


@dataclass(slots=True)
class _RowMembers:
    key: str
    start: int
    json: bytes
    images: list[bytes] = field(default_factory=list)
    end: int = 0


def read_tar(path: Path, encoding: ImageEncoding, report: Reporter) -> Iterator[StoredRow]:
    """Yield the rows of a tar.

    Raises:
        ReadError: a header, the order of members, or the end is wrong.
    """
    row: _RowMembers | None = None
    for member in _members(path, report):
        key, _, extension = member.name.partition(".")
        if extension == "json":
            if row is not None:
                yield _stored_row(row, encoding, report)
            row = _RowMembers(key, member.start, member.data)
        elif row is None or member.name != f"{row.key}.{len(row.images)}.jpg":
            expected = f"{row.key}.{len(row.images)}.jpg or a KEY.json" if row else "a KEY.json"
            raise ReadError("tar_members", f"{member.name} at byte {member.start}, not {expected}")
        else:
            row.images.append(member.data)
        row.end = member.end
    if row is not None:
        yield _stored_row(row, encoding, report)


def _stored_row(row: _RowMembers, encoding: ImageEncoding, report: Reporter) -> StoredRow:
    byte_range = (row.start, row.end - row.start)
    images: tuple[bytes | None, ...] = tuple(row.images)
    texts = json_object(row.json)
    if texts is None:
        report("shard_unreadable", f"{row.key}.json at byte {row.start} is not a JSON object")
        return StoredRow(texts=None, images=images, key=row.key, byte_range=byte_range)
    mimes = texts.pop("mimes", None)
    if is_shared_row(texts, encoding, report):
        ids = texts.pop("image_ids", None)
        return StoredRow(
            texts=texts, images=images, image_ids=ids, key=row.key, byte_range=byte_range
        )
    if encoding == "base64":
        if row.images or mimes is not None or "image_base64_str" not in texts:
            report("shard_schema", f"{row.key} must have its images as base64 only")
        if "image_base64_str" in texts:
            images = decode_base64_images(texts.pop("image_base64_str"))
        mimes = None
    elif not isinstance(mimes, list):
        report("shard_schema", f"{row.key}.json has no list of mimes")
        mimes = None
    return StoredRow(texts=texts, images=images, key=row.key, mimes=mimes, byte_range=byte_range)


def _members(path: Path, report: Reporter) -> Iterator[_Member]:
    size = path.stat().st_size
    with path.open("rb", buffering=1 << 20) as file:
        start = 0
        while (block := file.read(_BLOCK)) != _ZERO_BLOCK:
            if len(block) < _BLOCK:
                raise ReadError("tar_end", f"no end blocks at byte {start + len(block)}")
            header = _header(block, start, report)
            end = start + _BLOCK + -(-header.size // _BLOCK) * _BLOCK
            if header.size < 0 or end > size:
                raise ReadError("tar_end", f"{header.name} at byte {start} is truncated")
            data = _data(file, header, end - start - _BLOCK, report)
            yield _Member(header.name, start, end, data)
            start = end
        if file.read(_BLOCK + 1) != _ZERO_BLOCK:
            raise ReadError("tar_end", f"expected exactly two zero blocks from byte {start}")


def _header(block: bytes, offset: int, report: Reporter) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise ReadError("tar_header", f"at byte {offset}: {error}") from error
    fields = (info.type, info.mode, info.mtime, info.uid, info.gid, info.uname, info.gname)
    if fields != _PLAIN or block[257:265] != b"ustar\x0000" or block[329:].strip(b"\0"):
        report("tar_header", f"{info.name} at byte {offset} has a time, an owner, or another type")
    return info


def _data(file: BinaryIO, header: tarfile.TarInfo, length: int, report: Reporter) -> bytes:
    data = file.read(length)
    if data[header.size :].strip(b"\0"):
        report("tar_header", f"{header.name} is not padded with zeros")
    return data[: header.size]
