"""Flickr8k-CN: Chinese captions of Flickr photographs.

A line is ``<file>#<kind>#<n> <sentence>``, split at the first space; the five sentences
of a photo are not adjacent. Splits are lists of names without extension, and 91 captioned
photos are in none of them. One name is malformed in the machine-translated files: it has
``.1`` after ``.jpg``.
"""

import re
from collections.abc import Iterator
from functools import partial

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.groups import one_of_each

LINE = re.compile(r"(?P<stem>[^#\s]+)\.jpg(?:\.\d+)?#(?P<kind>\w+)#(?P<n>\d+) (?P<text>.*)")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per photo, or per sentence."""
    folder, kind = "flickr8k-cn-annotations", str(source.option("sentences"))
    ending = "captions" if kind == "zhmtest" else "caption"
    photos = source.lookup(())
    for number, line in enumerate(source.text(f"{folder}/flickr8k{kind}.{ending}.txt"), 1):
        if match := LINE.fullmatch(line):
            photos.put(match["stem"], match.groupdict())
        elif line.strip():
            yield Reject(f"line {number}", "unreadable_line", line[:80])
    stems = source.text(f"{folder}/flickr8k{source.file_split}.txt")
    groups = ((stem, photos.all(stem)) for stem in stems)
    every = source.option("captions") == "all"
    yield from one_of_each(groups, partial(_record, source), source.task, everything=every)


def _record(source: Source, row: dict[str, str]) -> Record:
    return Record(
        id=f"{row['stem']}#{row['n']}",
        turns=(Turn("", row["text"].strip()),),
        images=(source.image(f"flickr8k-images/Flicker8k_Dataset/{row['stem']}.jpg"),),
        meta={"image": f"{row['stem']}.jpg", "sentence": int(row["n"]), "kind": row["kind"]},
    )
