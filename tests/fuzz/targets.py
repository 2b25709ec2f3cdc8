"""What is fuzzed: readers of files that strangers wrote, with the errors that they may raise.

Anything else, a hang, or much memory, is a defect. Targets also compare with a second reader
of the format, where there is one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from m3it_builder.adopt import json_spans
from m3it_builder.cards.cards import TaskCard
from m3it_builder.cards.strict_yaml import read_card
from m3it_builder.dataset.manifest import read_manifest
from m3it_builder.errors import BuildError, CardError, SourceError
from m3it_builder.media.npy import read_pixels
from m3it_builder.media.probe import BadImage, has_more_scans, probe
from m3it_builder.records import File, Pixels, Slice, StorageMethod
from m3it_builder.sources.base64_span import decode_span
from m3it_builder.sources.json_stream import JsonStream
from m3it_builder.sources.member_stream import open_slice
from m3it_builder.sources.members import TAR_BLOCK, read_slice
from m3it_builder.sources.restricted_pickle import load_restricted
from m3it_builder.sources.tar_directory import tar_members
from m3it_builder.sources.zip_directory import zip_members
from m3it_builder.storage import json_values
from tests.fuzz import seeds

MAX_MEMBERS = 50  # that are read of one archive
METHODS: tuple[StorageMethod, ...] = ("stored", "deflated", "tar", "sparse")
MAX_BYTES = 1 << 20  # of one member that is read

_numbers = itertools.count()
_temporary = tempfile.TemporaryDirectory(
    prefix="m3it-fuzz-", dir=os.environ.get("M3IT_FUZZ_FOLDER"), ignore_cleanup_errors=True
)
_folder = Path(_temporary.name)


@dataclass(frozen=True)
class Target:
    """A reader, the errors it may raise, and valid inputs to start from."""

    read: Callable[[bytes], None]
    allowed: tuple[type[Exception], ...]
    seeds: Callable[[], Iterable[bytes]]


def run(target: Target, data: bytes) -> None:
    """Read one input; what is not an allowed error is raised."""
    with contextlib.suppress(*target.allowed):
        target.read(data)


def _stored(data: bytes, name: str) -> Path:
    path = _folder / name
    path.write_bytes(data)
    return path


def _image_header(data: bytes) -> None:
    probe(data)
    has_more_scans(data)


def _zip(data: bytes) -> None:
    for member in itertools.islice(zip_members(_stored(data, "a.zip")), MAX_MEMBERS):
        _read_member(member.location)


def _tar(data: bytes) -> None:
    for member in itertools.islice(tar_members(_stored(data, "a.tar")), MAX_MEMBERS):
        _read_member(member.location)


def _read_member(location: Slice | None) -> None:
    if location is None:
        return
    assert min(location.length, location.stored_length, location.offset) >= 0
    if location.length <= MAX_BYTES:
        with contextlib.suppress(SourceError):  # this member alone is damaged
            read_slice(location)


def _member_stream(data: bytes) -> None:
    """Read a member whose directory entry is the first 24 bytes."""
    numbers = [int.from_bytes(data[start : start + 4]) for start in range(0, 24, 4)]
    offset, length, stored_length, crc, method, header_crc = numbers
    path = _stored(data[24:], "member")
    kind = METHODS[method % len(METHODS)]
    offset += TAR_BLOCK if kind == "tar" else 0
    location = Slice(str(path), offset, length, stored_length, kind, crc, header_crc)
    with open_slice(location) as file:
        while file.read(1 << 16):
            pass


def _pickle(data: bytes) -> None:
    load_restricted(data, "refs.p")


def _json_spans(data: bytes) -> None:
    line = data.replace(b"\n", b" ")
    value = json_spans.resolve_spans(line, json_spans.parse(line))
    assert _text(value) == _text(json.loads(line))


def _json_stream(data: bytes) -> None:
    try:
        expected = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        JsonStream(BytesIO(data)).check()
        return
    assert _text(JsonStream(BytesIO(data)).first("")) == _text(expected)


def _json_values(data: bytes) -> None:
    value = json_values.loads(data)
    try:
        written = json_values.dumps(value)
    except (ValueError, UnicodeEncodeError):
        return
    assert _text(json_values.loads(written)) == _text(value)


def _text(value: object) -> str:
    return repr(value)


def _yaml(data: bytes) -> None:
    # A name of its own: cards are cached by name, size and time.
    path = _stored(data, f"{next(_numbers)}.yaml")
    try:
        read_card(path, TaskCard)
    finally:
        path.unlink()


def _manifest(data: bytes) -> None:
    _stored(data, "manifest.json")
    read_manifest(_folder)


def _npy(data: bytes) -> None:
    path = _stored(data, "a.npy")
    read_pixels(File.of(str(path), path.stat()), Pixels(0))


def _base64(data: bytes) -> None:
    decode_span(data)


TARGETS: Mapping[str, Target] = {
    "image-header": Target(_image_header, (BadImage,), seeds.images),
    "zip": Target(_zip, (SourceError,), seeds.zips),
    "tar": Target(_tar, (SourceError,), seeds.tars),
    "member-stream": Target(_member_stream, (SourceError,), seeds.members),
    "pickle": Target(_pickle, (SourceError,), seeds.pickles),
    "json-spans": Target(_json_spans, (ValueError,), seeds.json_texts),
    "json-stream": Target(_json_stream, (ValueError,), seeds.json_texts),
    "json-values": Target(_json_values, (ValueError,), seeds.json_texts),
    "yaml": Target(_yaml, (CardError,), seeds.cards),
    "manifest": Target(_manifest, (BuildError,), seeds.manifests),
    "npy": Target(_npy, (SourceError, BadImage), seeds.arrays),
    "base64": Target(_base64, (ValueError,), seeds.base64_texts),
}
