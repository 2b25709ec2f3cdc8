"""What a row of an index wants of the sources: whole files, frames of videos, cells of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from m3it_builder.media.video import RULES
from m3it_builder.records import Frames
from m3it_builder.verify.stored_row import json_object


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file, or all frames that a row takes of one video."""

    names: tuple[str, ...]  # as in the index
    digests: tuple[str, ...]  # of the source's bytes, one a name
    frames: Frames | None
    width: int  # of the first image, in pixels
    bytes: int  # as published
    row_id: str


def wanted_of(row: Mapping[str, Any]) -> Iterator[Wanted]:
    """Yield what a row wants, in the order of its images."""
    images = list(row["images"] or ())
    notes = list(_notes(row["meta"] or ""))
    while images:
        taken, frames = images[:1], None
        for note in notes:
            names = [f"{note['video']}#{index}" for index in note["indices"]]
            if names and [image["name"] for image in images[: len(names)]] == names:
                taken, frames = images[: len(names)], Frames(len(names), note["rule"])
                notes.remove(note)
                break
        del images[: len(taken)]
        yield Wanted(
            names=tuple(str(image["name"]) for image in taken),
            digests=tuple(str(image["source_digest"]) for image in taken),
            frames=frames,
            width=taken[0]["width"] or 0,
            bytes=sum(image["bytes"] or 0 for image in taken),
            row_id=str(row["id"]),
        )


def _notes(meta: str) -> Iterator[dict[str, Any]]:
    """Yield the notes the packer made on videos; the source's own meta may look similar."""
    if '"frames":' not in meta:
        return
    notes = (json_object(meta.encode()) or {}).get("frames")
    for note in notes if isinstance(notes, list) else ():
        if not isinstance(note, dict) or "video" not in note:
            continue
        if note.get("rule") in RULES and isinstance(note.get("indices"), list):
            yield note
