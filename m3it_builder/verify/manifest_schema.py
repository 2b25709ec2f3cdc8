"""The schema of a manifest, validated strictly: checks can rely on the type of every value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.dataset.manifest import read_manifest
from m3it_builder.errors import BuildError
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.shards.formats import FORMATS

FormatName = Literal["webdataset", "parquet", "arrow", "jsonl"]
_KnownFormat = Annotated[str, StringConstraints(pattern=f"^({'|'.join(FORMATS)})$")]


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A published file."""

    path: str  # relative to the folder of the task
    bytes: int
    digest: str  # "algorithm:hex"


@dataclass(frozen=True, slots=True)
class ManifestShard:
    """A shard in all its formats."""

    shard: int
    rows: int
    files: dict[_KnownFormat, ManifestFile]


@dataclass(frozen=True, slots=True)
class ImageCount:
    """Minimum and maximum number of images per row."""

    min: Annotated[int, Field(ge=0)]
    max: Annotated[int, Field(ge=0, le=10_000)]


@dataclass(frozen=True, slots=True)
class ManifestCard:
    """The card fields that checks need."""

    title: str
    lang: str
    license: str
    image_license: str
    images: ImageCount


@dataclass(frozen=True, slots=True)
class ManifestPlan:
    """The plan fields that checks need."""

    formats: list[FormatName]
    images: Literal["bytes", "base64"]
    max_pixels: int
    max_image_mb: float
    video: VideoPlan


@dataclass(frozen=True, slots=True)
class UnitManifest:
    """The manifest of a finished unit."""

    task: str
    split: str
    card: ManifestCard
    plan: ManifestPlan
    options: dict[str, Any]
    toolchain: dict[str, str]
    examples: int
    instances: int
    rejects: dict[str, int]
    images: int
    image_bytes: int
    sources: dict[str, int]  # bytes, by name
    shards: list[ManifestShard]
    index: ManifestFile
    reject_table: ManifestFile

    @property
    def name(self) -> str:
        """Return ``task/split``."""
        return f"{self.task}/{self.split}"


def load_manifest(meta: Path) -> UnitManifest:
    """Load the manifest of a unit's meta folder.

    Raises:
        BuildError: it is missing, malformed, or of an unsupported format version.
    """
    if read_manifest(meta) is None:
        raise BuildError("it does not exist")
    try:
        return _adapter().validate_json((meta / MANIFEST).read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BuildError(f"{where}: {first['msg']}") from error


@cache
def _adapter() -> TypeAdapter[UnitManifest]:
    return TypeAdapter(UnitManifest)
