"""The manifest of a unit: written last, so a unit that has one is complete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.errors import BuildError
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.records import SPLITS, Split, Style
from m3it_builder.shards.formats import FORMATS, FormatName, ImageEncoding
from m3it_builder.storage.atomic import sync_folder, write_atomic

FORMAT_VERSION = 2

_MAX_INTEGER = 2**63 - 1  # of DuckDB's BIGINT, which the views of audits have
Count = Annotated[int, Meta(ge=0, le=_MAX_INTEGER)]
Integer = Annotated[int, Meta(ge=-_MAX_INTEGER, le=_MAX_INTEGER)]
OptionValue = bool | int | float | str


class ShardFile(Struct, frozen=True):
    """A published file of a unit: a shard in one format, the index, or the rejects."""

    path: str  # relative to the folder of the task
    bytes: Count
    digest: str  # "algorithm:hex"


class Shard(Struct, frozen=True):
    """One shard, in all formats."""

    shard: Count
    rows: Count
    files: dict[str, ShardFile]  # by format

    def __post_init__(self) -> None:
        """Refuse formats that this version does not know."""
        if unknown := set(self.files) - set(FORMATS):
            raise ValueError(f"unknown format {min(unknown)!r}")


class ImageRange(Struct, frozen=True):
    """The minimum and maximum number of images of a row."""

    min: Count
    max: Annotated[int, Meta(ge=0, le=10_000)]


class CardFacts(Struct, frozen=True, kw_only=True):
    """Fields of the task card, for readers of a build."""

    base: str  # name of the card; for a variant, differs from that of the task
    title: str
    group: str
    lang: str
    homepage: str
    citation: str
    license: str
    image_license: str
    held_out: bool
    translate: bool
    images: ImageRange
    rows: Count  # number of rows of the split in the published M3IT
    target_langs: tuple[str, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """Return all languages that rows may have."""
        return (self.lang, *self.target_langs)


class PlanChoices(Struct, frozen=True, kw_only=True):
    """All options of the pipeline and the command line that change rows or shards."""

    rows: Literal["published", "all"]
    limit: Count | None
    order: dict[Split, Literal["source", "digest"]]
    seed: Integer
    instructions: Count | None
    checks: tuple[str, ...]
    decode: Literal["probe", "full"]
    max_pixels: Count
    max_image_mb: float
    video: VideoPlan
    formats: Annotated[tuple[FormatName, ...], Meta(min_length=1)]
    images: ImageEncoding
    shard_mb: float
    sample: bool  # built from synthetic sample data
    min_image_side: Count = 1  # pixels
    max_image_aspect: float | None = None
    paraphrase: Literal["none", "template"] = "none"  # none for tasks that are not paraphrased


class SiblingOf(Struct, frozen=True):
    """How the rows of a unit were made from those of another."""

    base: str  # name of its task; the split is the same
    manifest: str  # digest of its manifest file at that time
    transformation: str
    formats: tuple[FormatName, ...]  # of the base at that time, as the next two
    images: ImageEncoding
    rows: Count


class Manifest(Struct, frozen=True, kw_only=True):
    """Contents and inputs of a finished unit; no paths, times or names of the machine."""

    format_version: int
    task: str
    split: Split
    card: CardFacts
    plan: PlanChoices
    drop: str  # digests of the drop lists that name rows of this unit
    options: dict[str, OptionValue]
    style: Style  # of the texts
    toolchain: dict[str, str]  # versions, by library
    examples: Count  # source examples read; instances + rejects
    instances: Count
    rejects: dict[str, Count]  # by reason
    images: Count
    max_images: Count  # of one row
    image_bytes: Count
    sources: dict[str, Count]  # bytes of the source files, by name
    shards: tuple[Shard, ...]
    index: ShardFile
    reject_table: ShardFile
    sibling: SiblingOf | None = None  # made from another unit, not from sources

    @property
    def name(self) -> str:
        """Return the display name of the unit."""
        return f"{self.task}/{self.split}"

    @property
    def formats(self) -> tuple[FormatName, ...]:
        """Return the formats this unit was built in."""
        return self.plan.formats

    @property
    def shard_bytes(self) -> int:
        """Return the size of all shards, in bytes."""
        return sum(file.bytes for shard in self.shards for file in shard.files.values())


_decode = msgspec.json.Decoder(Manifest).decode


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest atomically and durably, which makes the unit finished."""
    data = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1)
    write_atomic(folder / MANIFEST, data + b"\n", fsync=True)
    sync_folder(folder)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a unit's ``meta`` folder, or None if it is not finished.

    Raises:
        BuildError: it is malformed, or of another format version.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        version = msgspec.json.decode(data, type=_Version).format_version
        if version != FORMAT_VERSION:
            raise BuildError(
                f"{path}: written by another version of m3it_builder (manifest format {version}, "
                f"this one reads {FORMAT_VERSION}); rebuild the unit with --replace"
            )
        return _decode(data)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise BuildError(f"{path}: malformed ({error}); rebuild the unit with --replace") from error


class _Version(Struct):
    format_version: int


def read_manifest_or_none(folder: Path) -> Manifest | None:
    """Return the manifest of a unit, or None if it is missing or cannot be read."""
    try:
        return read_manifest(folder)
    except BuildError:
        return None


def readable_manifests(task_folder: Path) -> Iterator[Manifest]:
    """Yield the readable manifests of a task; a unit with a malformed one is not finished."""
    for split in SPLITS:
        if manifest := read_manifest_or_none(task_folder / "meta" / split):
            yield manifest


def task_folders(build: Path) -> list[Path]:
    """Return the task folders of a build, given its folder or that of one task.

    Raises:
        BuildError: there is no finished unit in it.
    """
    candidates = [build, *sorted(path for path in build.glob("*") if path.is_dir())]
    found = [path for path in candidates if any(path.glob(f"meta/*/{MANIFEST}"))]
    if not found:
        raise BuildError(
            f"{build}: no finished build found (no meta/<split>/{MANIFEST}); "
            "make one with `m3it build --task TASK`"
        )
    return found


def manifests(task_folder: Path) -> Iterator[Manifest]:
    """Yield the manifests of a task's finished units, train first.

    Raises:
        BuildError: one of them is malformed.
    """
    for split in SPLITS:
        if manifest := read_manifest(task_folder / "meta" / split):
            yield manifest
