"""What a manifest claims, read strictly: every value that a check relies on has its type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from m3it_builder.dataset.manifest import NAME, read_manifest
from m3it_builder.errors import BuildError
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.shards.formats import FORMATS

FormatName = Literal["webdataset", "parquet", "arrow", "jsonl"]
_Known = Annotated[str, StringConstraints(pattern=f"^({'|'.join(FORMATS)})$")]


@dataclass(frozen=True, slots=True)
class FileClaim:
    """One file."""

    path: str  # in the folder of the task
    bytes: int
    digest: str  # "algorithm:hex"


@dataclass(frozen=True, slots=True)
class ShardClaim:
    """One shard, in every format."""

    shard: int
    rows: int
    files: dict[_Known, FileClaim]


@dataclass(frozen=True, slots=True)
class Span:
    """The least and the most images of a row."""

    min: Annotated[int, Field(ge=0)]
    max: Annotated[int, Field(ge=0, le=10_000)]


@dataclass(frozen=True, slots=True)
class CardClaim:
    """Facts of the card."""

    title: str
    lang: str
    license: str
    image_license: str
    images: Span


@dataclass(frozen=True, slots=True)
class PlanClaim:
    """Choices of the build."""

    formats: list[FormatName]
    images: Literal["bytes", "base64"]
    max_pixels: int
    max_image_mb: float
    video: VideoPlan


@dataclass(frozen=True, slots=True)
class UnitClaim:
    """One finished unit."""

    task: str
    split: str
    card: CardClaim
    plan: PlanClaim
    options: dict[str, Any]
    toolchain: dict[str, str]
    examples: int
    instances: int
    rejects: dict[str, int]
    images: int
    image_bytes: int
    sources: dict[str, int]  # bytes, by name
    shards: list[ShardClaim]
    index: FileClaim
    reject_table: FileClaim

    @property
    def name(self) -> str:
        """Return how people call the unit."""
        return f"{self.task}/{self.split}"

    @property
    def shard_bytes(self) -> int:
        """Return the size of all shards, in bytes."""
        return sum(file.bytes for shard in self.shards for file in shard.files.values())


def read_claim(meta: Path) -> UnitClaim:
    """Return what the manifest of a unit claims.

    Raises:
        BuildError: there is none, or it is not of the form this version reads.
    """
    if read_manifest(meta) is None:
        raise BuildError("there is none")
    try:
        return _adapter().validate_json((meta / NAME).read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BuildError(f"{where}: {first['msg']}") from error


@cache
def _adapter() -> TypeAdapter[UnitClaim]:
    return TypeAdapter(UnitClaim)
