"""Images downloaded by img2dataset, found by the address they were downloaded from.

It numbers what it downloads, in tar files or in a folder per shard, so a name says nothing about
the image; the address is in a JSON file of the same number.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import cast

from m3it_builder.errors import SourceError
from m3it_builder.media.codecs import SUFFIXES, with_other_suffixes
from m3it_builder.records import File, Image, JsonObject, Location, Reject, Slice
from m3it_builder.sources.archives import list_members
from m3it_builder.sources.decoding import parse_json
from m3it_builder.sources.lookup import Lookup
from m3it_builder.sources.members import read_slice
from m3it_builder.sources.source import Source


def names_by_url(source: Source, source_id: str) -> Lookup[str]:
    """Return the name of each downloaded image by its address; empty without such output."""
    return source.lookup(
        (source.json(name)["url"], name.removesuffix("json") + "jpg")
        for name in source.glob(f"{source_id}/*.json")
        if name.rpartition("/")[2].removesuffix(".json").isdigit()  # others are of whole shards
    )


def is_present(source: Source, image: Image) -> bool:
    """Return True if an image is there, under one of its names or with another suffix."""
    names = (image.name, *image.other_names)
    stored = chain(names, *map(with_other_suffixes, names))
    return any(map(source.find, stored))


@dataclass(frozen=True, slots=True)
class Download:
    """One downloaded image."""

    key: str  # its number, unique over all shards
    fields: JsonObject  # caption, url, sizes, and the columns that were kept of the list
    image: Image


def downloads(source: Source, source_id: str) -> Iterator[Download | Reject]:
    """Yield every download of a source, shard by shard, in the order of the keys.

    For lists of any length: memory stays flat, and there is no index of the tars, of which there
    may be thousands. A shard is ``00000.tar``, or the folder ``00000`` beside ``00000_stats.json``
    or ``00000.parquet``. An image without JSON file is rejected as ``metadata_missing``, and
    without an image ``image_missing`` follows from the name. Yield rejects as they are.

    Raises:
        SourceError: a tar is truncated or corrupt, or there is no shard.
    """
    tars = source.glob(f"{source_id}/*.tar")
    shards = {name.rpartition(".")[0] for name in source.glob(f"{source_id}/*.parquet")}
    shards |= {
        name.removesuffix("_stats.json") for name in source.glob(f"{source_id}/*_stats.json")
    }
    folders = sorted(shards - {name.removesuffix(".tar") for name in tars})
    for name in tars:
        yield from _shard(source, source_id, _members(source, name))
    for folder in folders:
        names = source.glob(f"{folder}/*")
        yield from _shard(source, source_id, ((name, None) for name in names))
    if not tars and not folders:
        raise SourceError(
            f"{source_id} has no output of img2dataset: a tar, or a folder and its statistics, "
            "per shard",
            "download the images as its source card describes",
        )


def _members(source: Source, tar: str) -> Iterator[tuple[str, Location | None]]:
    location = source.find(tar)
    if not isinstance(location, File):
        return
    source.names_read.add(tar)  # so that a build notices when it is replaced
    for member in list_members(Path(location.path)):
        if member.location is not None:
            yield f"{tar.partition('/')[0]}/{member.name}", member.location


def _shard(
    source: Source, source_id: str, files: Iterable[tuple[str, Location | None]]
) -> Iterator[Download | Reject]:
    """Group the files of a shard by key; the members of a tar are in no order."""
    groups: dict[str, dict[str, tuple[str, Location | None]]] = {}
    for name, location in files:
        key, _, suffix = name.rpartition("/")[2].partition(".")
        groups.setdefault(key, {})[suffix] = (name, location)
    for key in sorted(groups):
        group = groups[key]
        if "json" not in group:
            yield Reject(key, "metadata_missing", next(iter(group.values()))[0])
            continue
        fields = _json(source, *group["json"])
        name, location = next(
            (group[suffix] for suffix in SUFFIXES if suffix in group),
            (f"{source_id}/{key}.jpg", None),
        )
        yield Download(key, fields, Image(name, location=location))


def _json(source: Source, name: str, location: Location | None) -> JsonObject:
    if not isinstance(location, Slice):
        return cast(JsonObject, source.json(name))
    source.position = name
    return cast(JsonObject, parse_json(read_slice(location), name))
