"""What a pipeline file decides, and phase A's order of stages."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from pydantic import Field

from m3it_builder.build.drop_list import DropList, drop_list
from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.errors import CardError
from m3it_builder.media.video import Backend, Policy
from m3it_builder.records import SPLITS, Split
from m3it_builder.stages.check import CHECKS

Format = Literal["webdataset", "parquet", "arrow", "jsonl"]
ImageForm = Literal["bytes", "base64"]
Decode = Literal["probe", "full"]
Order = Literal["source", "digest"]


class Output(Strict):
    """How rows are written."""

    format: tuple[Format, ...] = Field(default=("webdataset",), min_length=1)
    images: ImageForm = "bytes"
    shard_mb: float = Field(
        default=256.0, gt=0, allow_inf_nan=False
    )  # expected megabytes (10^6 bytes) of a shard


class VideoOptions(Strict):
    """How frames are taken from videos; which ones is an option of each task."""

    backend: Backend = "pyav"
    policy: Policy = "strict"  # reject a damaged video, or salvage the frames that are whole
    timeout: float = Field(default=120.0, gt=0)  # seconds a video
    quality: int = Field(default=90, ge=1, le=100)  # of the JPEG frames


class PipelineFile(Strict):
    """A file under ``pipelines/``: what to build, and how."""

    tasks: tuple[str, ...] = ()
    splits: tuple[Split, ...] = SPLITS
    rows: Literal["published", "all"] = "published"  # take the published sample, or everything
    limit: int | None = Field(default=None, gt=0)  # rows a split, the first by digest of the id
    order: dict[Split, Order] = Field(
        default={"train": "digest", "validation": "source", "test": "source"}
    )
    seed: int = 1234
    instructions: int | None = Field(default=None, gt=0)  # use the first so many of each pool
    checks: tuple[str, ...] = tuple(CHECKS)
    decode: Decode = "probe"
    max_pixels: int = Field(default=178_956_970, gt=0)  # an image of more is a reject
    max_image_mb: float = Field(default=128.0, gt=0, allow_inf_nan=False)
    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    drop: tuple[str, ...] = ()  # lists of rows to leave out; paths are as seen from this file
    video: VideoOptions = VideoOptions()
    output: Output = Output()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A pipeline file with the command line's changes: the choices of one build."""

    file: PipelineFile = field(default_factory=PipelineFile)
    formats: tuple[Format, ...] = ("webdataset",)
    images: ImageForm = "bytes"
    limit: int | None = None
    seed: int = 1234
    max_reject_share: float = 0.05
    is_sample: bool = False  # built from the bundled sample world
    drop: tuple[DropList, ...] = ()

    def choices(self) -> Mapping[str, object]:
        """Return every choice that changes rows or shards, for the fingerprint."""
        stated = self.file.model_dump(
            mode="json", exclude={"tasks", "splits", "max_reject_share", "output", "drop"}
        )
        return {
            **stated,
            "limit": self.limit,
            "seed": self.seed,
            "formats": sorted(self.formats),
            "images": self.images,
            "shard_mb": self.file.output.shard_mb,
            "sample": self.is_sample,
        }


def load_pipeline(name_or_path: str) -> PipelineFile:
    """Read a pipeline by bundled name (``default``) or by path.

    Raises:
        CardError: it is not there, has unknown keys, or names unknown checks.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = bundled("pipelines") / f"{name_or_path}.yaml"
    if not path.exists():
        known = sorted(entry.stem for entry in bundled("pipelines").glob("*.yaml"))
        near = difflib.get_close_matches(name_or_path, known, n=2) or known
        raise CardError(f"no pipeline is called {name_or_path!r}; there are {', '.join(near)}")
    file = read_card(path, PipelineFile)
    for check_name in file.checks:
        if check_name not in CHECKS:
            raise CardError(f"{path.name}: no check is called {check_name!r}; there are "
                            f"{', '.join(CHECKS)}")  # fmt: skip
    lists = tuple(str(path.absolute().parent / name) for name in file.drop)
    return file.model_copy(update={"drop": lists})


def make_plan(file: PipelineFile, changes: Mapping[str, object]) -> Plan:
    """Return the plan of a pipeline file with the command line's changes.

    Raises:
        CardError: a format or a form of images is unknown.
        BuildError: a list of rows to drop cannot be read.
    """
    lists = [*file.drop, *cast(Sequence[str], changes.get("drop", ()))]
    values: dict[str, object] = {
        "formats": file.output.format,
        "images": file.output.images,
        "limit": file.limit,
        "seed": file.seed,
        "max_reject_share": file.max_reject_share,
        **changes,
        "drop": tuple(drop_list(Path(name).absolute()) for name in lists),
    }
    formats = tuple(dict.fromkeys(cast(Sequence[str], values["formats"])))
    _require_known("--format", formats, get_args(Format))
    _require_known("--images", (str(values["images"]),), get_args(ImageForm))
    return Plan(file=file, **{**values, "formats": formats})  # type: ignore[arg-type]


def _require_known(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    for word in given:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise CardError(f"{option} {word!r} is unknown; {hint}")
