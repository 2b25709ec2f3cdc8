"""MSR-VTT's annotation files: captions and the origin of clips, in either of two schemas."""

from collections.abc import Iterable, Iterator

from m3it_builder.records import JsonObject
from m3it_builder.sources.source import Source

_DETAILS = ("category", "url", "start time", "end time")  # these keys have a blank


def captions(source: Source, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (clip, caption) of all files.

    The keys of a file decide how it is read: the official schema has ``sentences``, that of COCO,
    in which ``MSR_VTT.json`` is, has ``annotations``. Control characters become spaces, and
    whitespace is normalized; a caption may be empty.
    """
    for name in names:
        keys = (key for key in source.keys(name) if key in ("sentences", "annotations"))
        schema = next(keys, "sentences")
        clip = "video_id" if schema == "sentences" else "image_id"
        for row in source.items(name, schema):
            text = "".join(char if char.isprintable() else " " for char in row["caption"])
            yield row[clip], " ".join(text.split())


def details(source: Source, names: Iterable[str]) -> Iterator[tuple[str, JsonObject]]:
    """Yield (clip, category and origin) of all files; the schema of COCO has no such facts."""
    for name in names:
        if "videos" in source.keys(name):
            for row in source.items(name, "videos"):
                yield row["video_id"], {key: row[key] for key in _DETAILS if key in row}
