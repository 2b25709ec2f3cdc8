"""The plan of a build: a pipeline file, overridden by command-line options."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from pydantic import Field

from m3it_builder.build.drop_list import DropList, drop_list
from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.dataset.manifest import PlanChoices
from m3it_builder.errors import CardError
from m3it_builder.media.video import Backend, Policy
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.records import SPLITS, Split
from m3it_builder.shards.formats import FormatName, ImageEncoding
from m3it_builder.stages.check import CHECKS

Decode = Literal["probe", "full"]
Order = Literal["source", "digest"]


class Output(Strict):
    """Output options of a pipeline."""

    format: tuple[FormatName, ...] = Field(default=("webdataset",), min_length=1)
    images: ImageEncoding = "bytes"
    shard_mb: float = Field(
        default=256.0, gt=0, allow_inf_nan=False
    )  # target size of a shard, in megabytes (10^6 bytes)


class VideoOptions(Strict):
    """Options of frame extraction; which frames to extract is an option of each task."""

    backend: Backend = "pyav"
    policy: Policy = "strict"  # reject a damaged video, or salvage its intact frames
    timeout: float = Field(default=120.0, gt=0)  # seconds per video
    quality: int = Field(default=90, ge=1, le=100)  # of the JPEG frames


class PipelineFile(Strict):
    """A file under ``pipelines/``: tasks to build, and all build options."""

    tasks: tuple[str, ...] = ()
    splits: tuple[Split, ...] = SPLITS
    rows: Literal["published", "all"] = "published"  # for splits of which M3IT has a sample
    limit: int | None = Field(default=None, gt=0)  # maximum rows per split
    order: dict[Split, Order] = Field(
        default={"train": "digest", "validation": "source", "test": "source"}
    )
    seed: int = 1234
    instructions: int | None = Field(default=None, gt=0)  # use the first N of each pool
    checks: tuple[str, ...] = tuple(CHECKS)
    decode: Decode = "probe"
    max_pixels: int = Field(default=178_956_970, gt=0)  # a larger image is a reject
    max_image_mb: float = Field(default=128.0, gt=0, allow_inf_nan=False)
    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    drop: tuple[str, ...] = ()  # drop lists; paths relative to this file
    video: VideoOptions = VideoOptions()
    output: Output = Output()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A pipeline file with the overrides of the command line: all options of one build."""

    file: PipelineFile = field(default_factory=PipelineFile)
    formats: tuple[FormatName, ...] = ("webdataset",)
    images: ImageEncoding = "bytes"
    limit: int | None = None
    seed: int = 1234
    max_reject_share: float = 0.05
    is_sample: bool = False  # built from synthetic sample data
    drop: tuple[DropList, ...] = ()

    def choices(self) -> PlanChoices:
        """Return every option that changes rows or shards."""
        file = self.file
        return PlanChoices(
            rows=file.rows,
            limit=self.limit,
            order=file.order,
            seed=self.seed,
            instructions=file.instructions,
            checks=file.checks,
            decode=file.decode,
            max_pixels=file.max_pixels,
            max_image_mb=file.max_image_mb,
            video=self.video(),
            formats=tuple(sorted(self.formats)),
            images=self.images,
            shard_mb=file.output.shard_mb,
            sample=self.is_sample,
        )

    def video(self) -> VideoPlan:
        """Return the options of frame extraction as a plain value, which packing jobs contain."""
        video = self.file.video
        return VideoPlan(video.backend, video.policy, video.timeout, video.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Command-line options that override a pipeline file; None keeps the value of the file."""

    formats: Sequence[str] | None = None
    images: str | None = None
    limit: int | None = None
    seed: int | None = None
    max_reject_share: float | None = None
    drop: Sequence[str] | None = None  # drop lists, in addition to those of the file
    is_sample: bool = False


def load_pipeline(name_or_path: str) -> PipelineFile:
    """Read a pipeline by the name of a bundled one (``default``), or by path.

    Raises:
        CardError: it does not exist, or has unknown keys or checks.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = bundled("pipelines") / f"{name_or_path}.yaml"
    if not path.exists():
        known = sorted(entry.stem for entry in bundled("pipelines").glob("*.yaml"))
        near = difflib.get_close_matches(name_or_path, known, n=2) or known
        raise CardError(f"unknown pipeline {name_or_path!r}; available: {', '.join(near)}")
    file = read_card(path, PipelineFile)
    for check_name in file.checks:
        if check_name not in CHECKS:
            raise CardError(
                f"{path.name}: unknown check {check_name!r}; available: {', '.join(CHECKS)}"
            )
    lists = tuple(str(path.absolute().parent / name) for name in file.drop)
    return file.model_copy(update={"drop": lists})


def make_plan(file: PipelineFile, overrides: Overrides) -> Plan:
    """Return the plan of a pipeline file with the overrides of the command line.

    Raises:
        CardError: a format or an image encoding is unknown.
        BuildError: a drop list cannot be read.
    """
    formats = tuple(dict.fromkeys(overrides.formats or file.output.format))
    images = overrides.images or file.output.images
    _require_known("--format", formats, get_args(FormatName))
    _require_known("--images", (images,), get_args(ImageEncoding))
    lists = (*file.drop, *(overrides.drop or ()))
    share = overrides.max_reject_share
    return Plan(
        file=file,
        formats=cast(tuple[FormatName, ...], formats),
        images=cast(ImageEncoding, images),
        limit=file.limit if overrides.limit is None else overrides.limit,
        seed=file.seed if overrides.seed is None else overrides.seed,
        max_reject_share=file.max_reject_share if share is None else share,
        is_sample=overrides.is_sample,
        drop=tuple(drop_list(Path(name).absolute()) for name in lists),
    )


def _require_known(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    for word in given:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
            raise CardError(f"{option}: unknown value {word!r}; {hint}")
