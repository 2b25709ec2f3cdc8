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
from m3it_builder.cards.cards import TaskCard
from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.dataset.manifest import PlanChoices
from m3it_builder.errors import CardError, PipelineError
from m3it_builder.media.video import Backend, Policy
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.records import SPLITS, Split
from m3it_builder.shards.formats import FormatName, ImageEncoding
from m3it_builder.stages.check import CHECKS, KNOWN, MAX_OUTPUT_CHARS
from m3it_builder.stages.paraphrase import Mode

Decode = Literal["probe", "full"]
Order = Literal["source", "digest"]


# Larger integers cannot be stored: the manifest and the audits have 64 bits.
_MAX_INTEGER = 2**63 - 1
_MAX_MB = 1e9  # a petabyte
_DAY = 86_400.0  # seconds


class Output(Strict):
    """Shards: their formats, image encoding and size."""

    format: tuple[FormatName, ...] = Field(
        default=("webdataset",), min_length=1, description="Shard formats, as `--format`."
    )
    images: ImageEncoding | None = Field(
        default=None,
        description="Image encoding, as `--images`; `base64` is the layout of the published M3IT. "
        "If not given: `bytes`, and `shared` for siblings.",
    )
    shard_mb: float = Field(
        default=256.0,
        gt=0,
        le=_MAX_MB,
        description="Target size of a shard, in megabytes (10^6 bytes), as `--shard-mb`.",
    )


Rows = Literal["published", "all"]


class VideoOptions(Strict):
    """Extraction of frames; which frames to extract is an option of each task."""

    backend: Backend = Field(default="pyav", description="Decoder; `decord` is an extra.")
    policy: Policy = Field(
        default="strict", description="Reject a damaged video, or salvage its intact frames."
    )
    timeout: float = Field(
        default=120.0, gt=0, le=_DAY, description="Maximum time per video, in seconds."
    )
    quality: int = Field(
        default=90, ge=1, le=100, description="JPEG quality of the extracted frames."
    )


class PipelineFile(Strict):
    """A file under ``pipelines/``: tasks to build, and all build options."""

    tasks: tuple[str, ...] = Field(
        default=(), description="Tasks and variants to build if there is no `--task`."
    )
    splits: tuple[Split, ...] = Field(
        default=SPLITS, description="Splits to build if there is no `--split`."
    )
    rows: Rows = Field(
        default="published",
        description="Where M3IT has a sample of a split: as many rows as published, or all.",
    )
    paraphrase: Mode = Field(
        default="none",
        description="Sentences in place of short answers, as `--paraphrase`; of tasks whose "
        "answers M3IT had paraphrased.",
    )
    limit: int | None = Field(
        default=None,
        gt=0,
        le=_MAX_INTEGER,
        description="Maximum rows per split, a deterministic sample; as `--limit`.",
    )
    order: dict[Split, Order] = Field(
        default={"train": "digest", "validation": "source", "test": "source"},
        description="Order of the rows of a split: as in the source, or shuffled by a keyed "
        "digest of the id.",
    )
    seed: int = Field(
        default=1234,
        ge=-_MAX_INTEGER,
        le=_MAX_INTEGER,
        description="Random seed for sampling instructions and rows, and row order; as `--seed`.",
    )
    instructions: int | None = Field(
        default=None,
        gt=0,
        le=_MAX_INTEGER,
        description="Use the first N instructions of each pool; all if not given.",
    )
    checks: tuple[str, ...] = Field(
        default=tuple(CHECKS),
        description="Checks of records and texts. A row that fails one is a reject, with the name "
        "of the check as reason. Not among the default are `long_output` (more than "
        f"{MAX_OUTPUT_CHARS:,} characters), `wrong_language` (the script) and `encoding_damage`.",
    )
    decode: Decode = Field(
        default="probe",
        description="Read the header of every image, or decode all of its pixels, too.",
    )
    max_pixels: int = Field(
        default=178_956_970,
        gt=0,
        le=_MAX_INTEGER,
        description="Maximum pixels of an image; a larger one is a reject.",
    )
    min_image_side: int = Field(
        default=1,
        gt=0,
        le=_MAX_INTEGER,
        description="Minimum width and height of an image, in pixels; a smaller one is a reject.",
    )
    max_image_aspect: float | None = Field(
        default=None,
        ge=1,
        description="Maximum ratio of the longer to the shorter side of an image; one that "
        "exceeds it is a reject.",
    )
    max_image_mb: float = Field(
        default=128.0,
        gt=0,
        le=_MAX_MB,
        description="Maximum size of an image, in megabytes (10^6 bytes); a larger one is a "
        "reject.",
    )
    max_reject_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Maximum share of rejected examples per split; as `--max-reject-share`.",
    )
    drop: tuple[str, ...] = Field(
        default=(),
        description="Drop lists, as `--drop`; paths are relative to the pipeline file.",
    )
    video: VideoOptions = Field(default=VideoOptions())
    output: Output = Field(default=Output())


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
    sibling_images: ImageEncoding = "shared"  # of sets that are made from others

    def choices(self, card: TaskCard) -> PlanChoices:
        """Return every option that changes rows or shards of a task."""
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
            min_image_side=file.min_image_side,
            max_image_aspect=file.max_image_aspect,
            video=self.video(),
            formats=tuple(sorted(self.formats)),
            images=self.images,
            shard_mb=file.output.shard_mb,
            sample=self.is_sample,
            paraphrase=file.paraphrase if card.paraphrase else "none",
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
    shard_mb: float | None = None
    rows: str | None = None
    paraphrase: str | None = None
    limit: int | None = None
    seed: int | None = None
    max_reject_share: float | None = None
    drop: Sequence[str] | None = None  # drop lists, in addition to those of the file
    is_sample: bool = False


def load_pipeline(name_or_path: str) -> PipelineFile:
    """Read a pipeline by the name of a bundled one (``default``), or by path.

    Raises:
        PipelineError: it does not exist, or has unknown keys or checks.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = bundled("pipelines") / f"{name_or_path}.yaml"
    if not path.exists():
        known = sorted(entry.stem for entry in bundled("pipelines").glob("*.yaml"))
        near = difflib.get_close_matches(name_or_path, known, n=2) or known
        raise PipelineError(f"unknown pipeline {name_or_path!r}; available: {', '.join(near)}")
    try:
        file = read_card(path, PipelineFile)
    except CardError as error:
        raise PipelineError(str(error)) from error
    for check_name in file.checks:
        if check_name not in KNOWN:
            raise PipelineError(
                f"{path.name}: unknown check {check_name!r}; available: {', '.join(KNOWN)}"
            )
    lists = tuple(str(path.absolute().parent / name) for name in file.drop)
    return file.model_copy(update={"drop": lists})


def make_plan(file: PipelineFile, overrides: Overrides) -> Plan:
    """Return the plan of a pipeline file with the overrides of the command line.

    Raises:
        CardError: a format or an image encoding is unknown, or the shard size is not positive.
        BuildError: a drop list cannot be read.
    """
    formats = tuple(dict.fromkeys(overrides.formats or file.output.format))
    images = overrides.images or file.output.images
    _require_known("--format", formats, get_args(FormatName))
    if images is not None:
        _require_known("--images", (images,), get_args(ImageEncoding))
    if overrides.shard_mb is not None:
        file = _with_shard_mb(file, overrides.shard_mb)
    if overrides.rows is not None:
        _require_known("--rows", (overrides.rows,), get_args(Rows))
        file = file.model_copy(update={"rows": overrides.rows})
    if overrides.paraphrase is not None:
        _require_known("--paraphrase", (overrides.paraphrase,), get_args(Mode))
        file = file.model_copy(update={"paraphrase": overrides.paraphrase})
    lists = (*file.drop, *(overrides.drop or ()))
    share = overrides.max_reject_share
    return Plan(
        file=file,
        formats=cast(tuple[FormatName, ...], formats),
        images=cast(ImageEncoding, images if images and images != "shared" else "bytes"),
        sibling_images=cast(ImageEncoding, images or "shared"),
        limit=file.limit if overrides.limit is None else overrides.limit,
        seed=file.seed if overrides.seed is None else overrides.seed,
        max_reject_share=file.max_reject_share if share is None else share,
        is_sample=overrides.is_sample,
        drop=tuple(drop_list(Path(name).absolute()) for name in lists),
    )


def _with_shard_mb(file: PipelineFile, shard_mb: float) -> PipelineFile:
    if not 0 < shard_mb <= _MAX_MB:
        raise CardError(
            f"--shard-mb: {shard_mb} is not a positive number of at most {_MAX_MB:,.0f}"
        )
    output = file.output.model_copy(update={"shard_mb": shard_mb})
    return file.model_copy(update={"output": output})


def _require_known(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    for word in given:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
            raise CardError(f"{option}: unknown value {word!r}; {hint}")
