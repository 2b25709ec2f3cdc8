"""Archives as tests need them: members by name, sparse tars, members with false sizes."""

from __future__ import annotations

import io
import struct
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from m3it_builder.records import Slice
from m3it_builder.sources.archives import list_members


def locations(archive: Path) -> dict[str, Slice]:
    """Return the location of each member; links have none and are left out."""
    members = list_members(archive)
    return {member.name: member.location for member in members if member.location is not None}


def write_tar(path: Path, files: Mapping[str, bytes], mtime: int = 0) -> None:
    """Write a plain tar."""
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), mtime
            archive.addfile(entry, io.BytesIO(data))


def write_sparse_tar(path: Path, folder: Path, kind: str) -> None:
    """Archive a folder with GNU tar's --sparse; skip the test where that is missing."""
    version = subprocess.run(["tar", "--version"], capture_output=True, text=True, check=False)
    if "GNU tar" not in version.stdout:
        pytest.skip("needs GNU tar")
    form = ["--format=gnu"] if kind == "gnu" else ["--format=posix", f"--sparse-version={kind}"]
    words = ["tar", "--sparse", *form, "-cf", str(path), "-C", str(folder), "."]
    subprocess.run(words, check=True)


def with_holes(data: bytes, path: Path) -> None:
    """Write a file whose blocks of zeros are holes."""
    with path.open("wb") as file:
        for start in range(0, len(data), 4096):
            block = data[start : start + 4096]
            file.seek(start)
            if any(block) or start + 4096 >= len(data):
                file.write(block)


def pax_tar(records: Mapping[str, str], name: str = "a.bin", data: bytes = b"data") -> bytes:
    """Return a tar of one member with pax records of any content."""
    body = b"".join(_pax_record(key, value) for key, value in records.items())
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, len(body)
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    return b"".join(
        (
            header.tobuf(tarfile.USTAR_FORMAT),
            body + bytes(-len(body) % 512),
            entry.tobuf(tarfile.USTAR_FORMAT),
            data + bytes(-len(data) % 512),
            bytes(1024),
        )
    )


def _pax_record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n".encode()
    size = len(text) + 1
    while len(str(size)) + len(text) != size:
        size += 1
    return str(size).encode() + text


def set_zip_sizes(archive: Path, name: str, stored: int, length: int) -> None:
    """Overwrite the sizes of a member in the central directory of a zip."""
    data = bytearray(archive.read_bytes())
    position = data.rfind(b"PK\x01\x02")
    while position >= 0:
        size = int.from_bytes(data[position + 28 : position + 30], "little")
        if data[position + 46 : position + 46 + size] == name.encode():
            struct.pack_into("<LL", data, position + 20, stored, length)
            archive.write_bytes(data)
            return
        position = data.rfind(b"PK\x01\x02", 0, position)
    raise AssertionError(f"no member {name}")
