"""Pictures as they were read: bytes, digest and header, each found once while they are at hand.

Many rows may share a picture; within a window of rows it is read, hashed and
probed once, right after reading, while its bytes are in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from m3it_builder.media.probe import BadPicture, Probe, probe


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """One picture of the source."""

    data: bytes
    digest: str  # BLAKE3
    header: Probe | BadPicture  # what the header says, or why the picture cannot be used


@dataclass(frozen=True, slots=True)
class Taken:
    """The pictures that one reference of a row stands for, and what the row's meta says of them."""

    pictures: tuple[ReadPicture, ...]
    note: dict[str, Any]


def take(pictures: Iterable[bytes], note: dict[str, Any]) -> Taken:
    """Return pictures with their digests and headers."""
    return Taken(tuple(map(inspect, pictures)), note)


def inspect(data: bytes) -> ReadPicture:
    """Hash and probe one picture; one of odd structure is good if it decodes all the same."""
    header: Probe | BadPicture
    try:
        header = probe(data)
    except BadPicture as bad:
        header = bad
        if bad.reason in ("image_damaged", "image_truncated"):
            from m3it_builder.media.images import measured

            header = measured(data) or bad
    return ReadPicture(data, blake3(data).hexdigest(), header)
