"""The sources of an index row: complete files, frames of videos, cells of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from m3it_builder.media.video import RULES
from m3it_builder.records import Frames, JsonObject
from m3it_builder.verify.stored_row import json_object


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A source file of one image, or a video of all images that are its frames."""

    names: tuple[str, ...]  # as in the index
    digests: tuple[str, ...]  # of the source's bytes, one per name
    frames: Frames | None
    width: int  # of the first image, in pixels
    bytes: int  # as published
    row_id: str


def source_refs(row: Mapping[str, Any]) -> Iterator[SourceRef]:
    """Yield the sources of a row, in the order of its images."""
    images = list(row["images"] or ())
    videos = list(_sampled_videos(row["meta"] or ""))
    while images:
        group, frames = images[:1], None
        for video in videos:
            names = [f"{video['video']}#{index}" for index in video["indices"]]
            if names and [image["name"] for image in images[: len(names)]] == names:
                group, frames = images[: len(names)], Frames(len(names), video["rule"])
                videos.remove(video)
                break
        del images[: len(group)]
        yield SourceRef(
            names=tuple(str(image["name"]) for image in group),
            digests=tuple(str(image["source_digest"]) for image in group),
            frames=frames,
            width=group[0]["width"] or 0,
            bytes=sum(image["bytes"] or 0 for image in group),
            row_id=str(row["id"]),
        )


def _sampled_videos(meta: str) -> Iterator[JsonObject]:
    """Yield the entries the packer adds to meta for sampled videos.

    A source's own meta may look similar, so every value is checked.
    """
    if '"frames":' not in meta:
        return
    entries = (json_object(meta.encode()) or {}).get("frames")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or "video" not in entry:
            continue
        if entry.get("rule") in RULES and isinstance(entry.get("indices"), list):
            yield entry
