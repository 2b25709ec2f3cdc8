"""Notes after a build: what its loaders may stumble over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from m3it_builder.build.builder import Build

USUAL_WORKERS = 8  # of a loader
_MAX_SPLITS = 4  # named in the note


class UnitCounts(Protocol):
    """What the notes need of the report on a unit."""

    @property
    def task(self) -> str:
        """Name of the task."""

    @property
    def split(self) -> str:
        """Name of the split."""

    @property
    def status(self) -> str:
        """Result of the unit."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def shards(self) -> int:
        """Number of files, in all formats."""


def print_notes(build: Build, reports: Sequence[UnitCounts]) -> None:
    """Print at most one line on few shards, and one on a README that was left as it is."""
    from m3it_builder.cli.output import print_message

    for note in (*_few_shards(build, reports), *_foreign_readme(build, reports)):
        print_message(f"note: {note}")


def _few_shards(build: Build, reports: Sequence[UnitCounts]) -> Iterator[str]:
    from m3it_builder.errors import first_few

    few = []
    siblings = {folder.name for folder in build.out.glob("*/") if _is_sibling(folder)}
    for report in reports:
        shards = report.shards // len(build.plan.formats)
        # Splits of fewer rows cannot have a shard for every worker.
        is_cut_here = report.status != "up to date" and report.task not in siblings
        if is_cut_here and shards < USUAL_WORKERS <= report.rows:
            few.append(f"{report.task}/{report.split} ({shards})")
    if few:
        yield (
            f"fewer shards than a loader usually has workers ({USUAL_WORKERS}): "
            f"{first_few(few, _MAX_SPLITS)}; a smaller --shard-mb (now "
            f"{build.plan.file.output.shard_mb:g}) makes more"
        )


def _is_sibling(folder: Path) -> bool:
    """Return True for the folder of a set whose shards are cut where those of its base are."""
    from m3it_builder.dataset.manifest import readable_manifests

    return any(unit.sibling for unit in readable_manifests(folder))


def _foreign_readme(build: Build, reports: Sequence[UnitCounts]) -> Iterator[str]:
    from m3it_builder.dataset.build_readme import is_foreign_readme
    from m3it_builder.dataset.readme import README

    path = build.out / README
    if reports and not build.plan_only and is_foreign_readme(path):
        yield (
            f"{path} is not as a build wrote it, and was left as it is; without it, a build "
            "writes one for load_dataset(OUT, TASK)"
        )
