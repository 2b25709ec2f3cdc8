"""Options that several commands share, spelt and explained in one place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

TaskNames = Annotated[
    list[str] | None,
    typer.Option("--task", "-t", help="Task or variant, as in `m3it ls`; may be repeated."),
]
SourceFolder = Annotated[
    Path | None,
    typer.Option(
        "--source", help="Folder of the official files (default: $M3IT_SOURCES, else ./sources)."
    ),
]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder the build is written to.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
BuildFolder = Annotated[
    Path, typer.Argument(help="A build: the --out folder, or the folder of one task in it.")
]


def require_splits(given: list[str] | None) -> None:
    """Refuse a split that is none, as wrong usage."""
    from m3it_builder.records import SPLITS

    for name in given or ():
        if name not in SPLITS:
            raise typer.BadParameter(f"--split takes {', '.join(SPLITS)}, not {name!r}")


def source_folder(given: Path | None) -> Path:
    """Return the folder of the official files."""
    return (given or Path(os.environ.get("M3IT_SOURCES") or "sources")).absolute()
