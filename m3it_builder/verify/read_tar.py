"""Rows of a WebDataset shard, read by the rules of POSIX ustar, member after member.

Headers are parsed by Python's ``tarfile``, not by what wrote them.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from m3it_builder.verify.stored_row import Broken, Found, ImageEncoding, Note, decoded, json_object

_BLOCK = 512
_ZERO = bytes(_BLOCK)
_PLAIN = (tarfile.REGTYPE, 0o644, 0, 0, 0, "", "")


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int  # of its header
    end: int  # behind its padding
    data: bytes


@dataclass(slots=True)
class _Row:
    key: str
    start: int
    text: bytes
    images: list[bytes] = field(default_factory=list)
    end: int = 0


def read_tar(path: Path, encoding: ImageEncoding, note: Note) -> Iterator[Found]:
    """Yield the rows of a tar.

    Raises:
        Broken: a header, the order of members, or the end is wrong.
    """
    row: _Row | None = None
    for member in _members(path, note):
        key, _, ending = member.name.partition(".")
        if ending == "json":
            if row is not None:
                yield _found(row, encoding, note)
            row = _Row(key, member.start, member.data)
        elif row is None or member.name != f"{row.key}.{len(row.images)}.jpg":
            wanted = f"{row.key}.{len(row.images)}.jpg or a KEY.json" if row else "a KEY.json"
            raise Broken("tar_members", f"{member.name} at byte {member.start}, not {wanted}")
        else:
            row.images.append(member.data)
        row.end = member.end
    if row is not None:
        yield _found(row, encoding, note)


def _found(row: _Row, encoding: ImageEncoding, note: Note) -> Found:
    place = (row.start, row.end - row.start)
    texts = json_object(row.text)
    if texts is None:
        note("shard_unreadable", f"{row.key}.json at byte {row.start} is no JSON object")
        return Found(texts=None, images=tuple(row.images), key=row.key, place=place)
    images: tuple[bytes | None, ...] = tuple(row.images)
    mimes = texts.pop("mimes", None)
    if encoding == "base64":
        if row.images or mimes is not None or "image_base64_str" not in texts:
            note("shard_schema", f"{row.key} should have its images as base64, and only so")
        if "image_base64_str" in texts:
            images = decoded(texts.pop("image_base64_str"))
        mimes = None
    elif not isinstance(mimes, list):
        note("shard_schema", f"{row.key}.json has no list of mimes")
        mimes = None
    return Found(texts=texts, images=images, key=row.key, mimes=mimes, place=place)


def _members(path: Path, note: Note) -> Iterator[_Member]:
    size = path.stat().st_size
    with path.open("rb", buffering=1 << 20) as file:
        at = 0
        while (block := file.read(_BLOCK)) != _ZERO:
            if len(block) < _BLOCK:
                raise Broken("tar_end", f"ends at byte {at + len(block)} without its end blocks")
            header = _header(block, at, note)
            end = at + _BLOCK + -(-header.size // _BLOCK) * _BLOCK
            if header.size < 0 or end > size:
                raise Broken("tar_end", f"{header.name} at byte {at} is cut short")
            yield _Member(header.name, at, end, _body(file, header, end - at - _BLOCK, note))
            at = end
        if file.read(_BLOCK + 1) != _ZERO:
            raise Broken("tar_end", f"not two empty blocks and no more, from byte {at}")


def _header(block: bytes, at: int, note: Note) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise Broken("tar_header", f"at byte {at}: {error}") from error
    facts = (info.type, info.mode, info.mtime, info.uid, info.gid, info.uname, info.gname)
    if facts != _PLAIN or block[257:265] != b"ustar\x0000" or block[329:].strip(b"\0"):
        note("tar_header", f"{info.name} at byte {at} has a time, an owner, or another kind")
    return info


def _body(file: BinaryIO, header: tarfile.TarInfo, length: int, note: Note) -> bytes:
    data = file.read(length)
    if data[header.size :].strip(b"\0"):
        note("tar_header", f"{header.name} is not padded with zeros")
    return data[: header.size]
