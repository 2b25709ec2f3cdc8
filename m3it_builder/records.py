"""The values of the pipeline, all immutable.

A converter fills in *structure* (turns, choices, regions); ``stages.render`` produces the
strings. An image is a flat, picklable reference until the packer reads it.

They are msgspec structs rather than dataclasses, because every row is encoded into the spool
and decoded from it (see ``docs/decisions/0014-records-are-structs.md``). Use
``msgspec.structs.replace`` to copy one with changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

JsonObject = dict[str, Any]  # as read from, or written to, JSON

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Number = int | float  # as in the source: integers stay integers
Box = tuple[Number, Number, Number, Number]  # x0, y0, x1, y1 in pixels of the annotated image


# The last four are those of members that cannot be read in place; see ``sources.members``.
StorageMethod = Literal[
    "tar", "stored", "deflated", "base64", "encrypted", "unsupported", "sparse", "invalid"
]


class FileIdentity(Struct, frozen=True, array_like=True):
    """Identifies one state of a file on this machine."""

    device: int
    inode: int
    size: int  # bytes
    mtime_ns: int
    ctime_ns: int  # cannot be set back, unlike mtime

    @classmethod
    def of(cls, stat: os.stat_result) -> FileIdentity:
        """Return the identity of a file, given its ``stat`` or ``fstat``."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class File(Struct, frozen=True, array_like=True, tag=True):
    """A loose file."""

    path: str  # absolute
    length: int  # bytes
    mtime_ns: int
    ctime_ns: int  # of a replaced file it differs, even if the mtime was set back

    @classmethod
    def of(cls, path: str, stat: os.stat_result) -> File:
        """Return the location of a file, given its ``stat``."""
        return cls(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class Slice(Struct, frozen=True, array_like=True, tag=True):
    """A member of a zip or plain tar, or base64 text in a file, read in place."""

    path: str  # absolute path of the archive
    offset: int  # of the data in a tar or a text file, of the local header in a zip
    length: int  # bytes, decompressed
    stored_length: int  # bytes in the archive
    method: StorageMethod
    crc: int | None  # CRC-32 of the decompressed bytes; tar has none
    header_crc: int | None = None  # CRC-32 of the 512 bytes before the data of a tar member


Location = File | Slice


class Frames(Struct, frozen=True, array_like=True, tag=True):
    """Frames of a video, selected by a rule of ``media.video.choose``."""

    count: int
    rule: Literal["ends", "inner", "middles", "times"] = "ends"


class Pixels(Struct, frozen=True, array_like=True, tag=True):
    """One image of a NumPy array, (N, height, width, 3) of uint8."""

    index: int
    order: Literal["RGB", "BGR"] = "RGB"
    scale: int = 1  # enlargement factor, by repeating pixels


ImageSelection = Frames | Pixels


class Image(Struct, frozen=True, array_like=True):
    """One image, or one video, by name; the locate stage fills in ``location``."""

    name: str  # "<source_id>/<path in the official archive>", never absolute
    size: tuple[int, int] | None = None  # width, height that boxes refer to
    location: Location | None = None
    selection: ImageSelection | None = None  # None: the whole file is one image
    other_names: tuple[str, ...] = ()  # alternatives, tried in this order

    @property
    def count(self) -> int:
        """Return the number of images it becomes in a row."""
        return self.selection.count if isinstance(self.selection, Frames) else 1


class Region(Struct, frozen=True, array_like=True):
    """A box on one image of the record; texts refer to it as ``{box:N}``."""

    box: Box
    color: str = "red"
    label: str = ""  # what the box contains, for example "person"
    image: int = 0  # position of its image in the record


class Turn(Struct, frozen=True, array_like=True):
    """One question and its answer; either may be empty if the task has none."""

    question: str
    answer: str
    choices: tuple[str, ...] = ()
    gold: int | None = None  # index of the correct choice; ``choices[gold] == answer``
    said: str = ""  # the answer as published, if a sentence replaces that of the source


class Record(Struct, frozen=True, array_like=True, kw_only=True):
    """One source example in unified form, usually without instruction."""

    id: str  # id in the source, unique within one (task, split)
    turns: tuple[Turn, ...]  # the last turn's answer is the target
    images: tuple[Image, ...] = ()
    regions: tuple[Region, ...] = ()
    context: str = ""  # text given before the turns: a hint, a caption, a passage
    meta: Mapping[str, Any] = {}  # JSON values only
    license: str | None = None  # if it differs from that of the card
    image_license: str | None = None
    instruction: str = ""  # if the source has one; it is kept
    lang: str | None = None  # BCP 47, of the target, if it differs from that of the card


class Instance(Struct, frozen=True, kw_only=True):
    """A record with an instruction and rendered texts: one row of a build."""

    task: str
    split: Split
    lang: str  # BCP 47
    instruction: str
    inputs: str = ""  # stays "" if the image is the only input
    outputs: str = ""
    license: str  # of the annotations
    image_license: str
    record: Record


class Reject(Struct, frozen=True):
    """A source example that did not become an instance, and the reason."""

    id: str
    reason: str  # a snake_case slug, for grouping
    detail: str = ""


class Style(Struct, frozen=True):
    """Format of a task's answers and regions in ``inputs`` and ``outputs``."""

    answer: Literal["text", "letter", "both"] = "text"  # "dog", "(B)" or "(B) dog"
    regions: Literal["drawn", "text"] = "drawn"  # "the red box", or pixel coordinates
