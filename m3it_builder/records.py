"""The values that flow through the pipeline. All of them are immutable.

A converter fills *structure* (turns, choices, regions); ``render`` makes the
strings. An image is a flat, picklable reference until the packer reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels of the annotation's frame


@dataclass(frozen=True, slots=True)
class File:
    """A loose file."""

    path: str  # absolute
    length: int  # bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A member of a zip or of a plain tar, or base64 text in a file, read where it lies."""

    path: str  # absolute path of the archive
    offset: int  # of the data in a tar or a text, of the local header in a zip
    length: int  # bytes once unpacked
    packed: int  # bytes in the archive
    method: Literal["tar", "stored", "deflated", "base64", "unusable"]
    crc: int | None  # CRC-32 of the unpacked bytes; tar keeps none


Location = File | Slice


@dataclass(frozen=True, slots=True)
class Frames:
    """What is taken of a video: so many frames, spread by a rule of ``media.video``."""

    count: int
    rule: Literal["ends", "inner", "middles", "times"] = "ends"


@dataclass(frozen=True, slots=True)
class Pixels:
    """What is taken of a NumPy array of images, (N, height, width, 3) of uint8."""

    index: int
    order: Literal["RGB", "BGR"] = "RGB"
    scale: int = 1  # enlarged so many times, by repeating pixels


ImageSelection = Frames | Pixels


@dataclass(frozen=True, slots=True)
class Image:
    """One image, or one video, by name; ``place`` is filled in by the locate stage."""

    name: str  # "<source_id>/<path inside the official archive>", never absolute
    size: tuple[int, int] | None = None  # width, height the annotation was made on
    location: Location | None = None
    selection: ImageSelection | None = None  # None: the whole file is the image
    others: tuple[str, ...] = ()  # further names it may have, tried in this order

    @property
    def count(self) -> int:
        """Return how many images it becomes in a row."""
        return self.selection.count if isinstance(self.selection, Frames) else 1


@dataclass(frozen=True, slots=True)
class Region:
    """A box on one image of the record; texts refer to it as ``{box:N}``."""

    box: Box
    color: str = "red"
    label: str = ""  # what is in the box, "person" for instance
    image: int = 0  # index of the image it lies on


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer; either may be empty where the task has none."""

    question: str
    answer: str
    choices: tuple[str, ...] = ()
    gold: int | None = None  # index of the right choice; ``choices[gold] == answer``


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One source example in unified form. As a rule it has no instruction yet."""

    id: str  # the source's own id, unique within one (task, split)
    turns: tuple[Turn, ...]  # the last turn's answer is the target
    images: tuple[Image, ...] = ()
    regions: tuple[Region, ...] = ()
    context: str = ""  # text given before the turns: a hint, a caption, a passage
    meta: Mapping[str, Any] = field(default_factory=dict)  # JSON values only
    license: str | None = None  # where it differs from the card's
    image_license: str | None = None
    instruction: str = ""  # where the source already has one, it is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A record joined with an instruction and rendered: one published row."""

    task: str
    split: Split
    lang: str  # BCP 47
    instruction: str
    inputs: str  # "" where the image is the whole input
    outputs: str
    record: Record


@dataclass(frozen=True, slots=True)
class Reject:
    """A source example that did not become an instance, and the reason."""

    id: str
    reason: str  # a snake_case slug that SQL can group by
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Style:
    """How a task's answers and regions appear in ``inputs`` and ``outputs``."""

    answer: Literal["text", "letter", "both"] = "text"  # "dog", "(B)" or "(B) dog"
    regions: Literal["drawn", "text"] = "drawn"  # "the red box", or pixel coordinates


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row on its way to a shard."""

    instruction: str
    inputs: str
    outputs: str
    lang: str
    license: str
    image_license: str
    record: Record
