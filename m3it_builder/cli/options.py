"""Options and arguments that several commands share, declared once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_args

import typer


def choice(allowed: Callable[[], Sequence[str]]) -> Callable[[Any], Any]:
    """Return an option callback that rejects any other value as wrong usage (status 2).

    Args:
        allowed: returns the values. It is called only if there is a value to check, because
            the modules that define the choices are too heavy for ``--help``.
    """

    def validate(value: Any) -> Any:
        values = (value,) if isinstance(value, str) else value or ()
        known = allowed() if values else ()
        for word in values:
            if word not in known:
                near = get_close_matches(word, known, n=1, cutoff=0.4)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise typer.BadParameter(f"{word!r} is not one of {', '.join(known)}{hint}")
        return value

    return validate


_LARGEST = 2**63 - 1  # manifests, SQLite and DuckDB have 64-bit integers


def integer(value: int | None) -> int | None:
    """Reject integers of more than 64 bits as wrong usage; an option callback."""
    if value is not None and not -_LARGEST <= value <= _LARGEST:
        raise typer.BadParameter(f"out of range; it takes at most {_LARGEST:,} in either direction")
    return value


_LARGEST_MB = 1e9  # as in pipeline files


def positive_mb(value: float | None) -> float | None:
    """Reject sizes that are not positive, and infinite ones, as wrong usage; an option callback."""
    if value is not None and not 0 < value <= _LARGEST_MB:
        raise typer.BadParameter(f"{value} is not a positive number of at most {_LARGEST_MB:,.0f}")
    return value


def _splits() -> Sequence[str]:
    from m3it_builder.records import SPLITS

    return SPLITS


def _formats() -> Sequence[str]:
    from m3it_builder.shards.formats import FormatName

    return get_args(FormatName)


def _image_encodings() -> Sequence[str]:
    from m3it_builder.shards.formats import ImageEncoding

    return get_args(ImageEncoding)


def _unique(names: list[str] | None) -> list[str] | None:
    """Return names without those given before; an option callback."""
    return list(dict.fromkeys(names)) if names else names


TaskNames = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        "-t",
        callback=_unique,
        help="Task or variant, as listed by `m3it ls`; repeatable.",
    ),
]
SplitName = Annotated[
    str | None,
    typer.Option(
        "--split", callback=choice(_splits), help="Split to show: train, validation or test."
    ),
]
SplitNames = Annotated[
    list[str] | None,
    typer.Option(
        "--split",
        callback=choice(_splits),
        help="Process only this split (train, validation or test); repeatable.",
    ),
]
SourceFolder = Annotated[
    Path | None,
    typer.Option(
        "--source",
        help="Folder with one subfolder of official files per source "
        "(default: $M3IT_SOURCES, else ./sources).",
    ),
]
OutFolder = Annotated[
    Path, typer.Option("--out", "-o", help="Output folder; each task gets a subfolder.")
]
BuildFolder = Annotated[
    Path, typer.Argument(help="Output folder of a build, or the folder of one task in it.")
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        callback=choice(_formats),
        help="Shard format: webdataset, parquet, arrow or jsonl; repeatable.",
    ),
]
Images = Annotated[
    str | None,
    typer.Option(
        "--images",
        callback=choice(_image_encodings),
        help="Image encoding: bytes, or base64 in the layout of the published M3IT. Sets made "
        "from others (TASK-rephrased) have digests of the images of their base: shared.",
    ),
]
ShardMb = Annotated[
    float | None,
    typer.Option(
        "--shard-mb",
        callback=positive_mb,
        help="Target size of a shard, in megabytes (default: 256). Loaders need at least one "
        "shard per worker.",
    ),
]
Rows = Annotated[
    str | None,
    typer.Option(
        "--rows",
        callback=choice(lambda: ("published", "all")),
        help="Where M3IT has a sample of a split: as many rows as published, or all "
        "(default: published).",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        callback=integer,
        help="Maximum rows per split (a deterministic sample by id hash).",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        callback=integer,
        help="Random seed for sampling instructions and rows, and row order.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-j",
        min=1,
        callback=integer,
        help="Number of worker processes (default: all cores).",
    ),
]
MaxRejectShare = Annotated[
    float | None,
    typer.Option(
        "--max-reject-share",
        min=0,
        max=1,
        help="Maximum share of rejected examples per split; above it, exit with status 3 "
        "(default: 0.05).",
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Rebuild units whose inputs have changed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def source_folder(option: Path | None) -> Path:
    """Return the absolute folder of the official files: the option, else the default."""
    return (option or Path(os.environ.get("M3IT_SOURCES") or "sources")).absolute()


def given_source_folder(option: Path | None) -> Path | None:
    """Return the absolute folder of the official files if an option or the environment names it."""
    given = option or os.environ.get("M3IT_SOURCES")
    return Path(given).absolute() if given else None


def worker_count(option: int | None) -> int:
    """Return the number of worker processes: the option, else one per core."""
    return option or os.cpu_count() or 1
