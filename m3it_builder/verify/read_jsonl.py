"""Rows of a JSONL shard, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from m3it_builder.verify.stored_row import Broken, Found, Note, decoded, json_object

_LONGEST = 1 << 30  # bytes; no line is longer, and a file without line ends is not read whole


def read_jsonl(path: Path, note: Note) -> Iterator[Found]:
    """Yield the rows of a JSON Lines file.

    Raises:
        Broken: the last line does not end.
    """
    at = 0
    with path.open("rb", buffering=1 << 20) as file:
        while line := file.readline(_LONGEST):
            if not line.endswith(b"\n"):
                raise Broken("shard_unreadable", f"the line at byte {at} does not end")
            texts = json_object(line)
            images: tuple[bytes | None, ...] = ()
            if texts is None:
                note("shard_unreadable", f"the line at byte {at} is no JSON object")
            else:
                images = decoded(texts.pop("image_base64_str", None))
            yield Found(texts=texts, images=images, place=(at, len(line)))
            at += len(line)
