"""Rows of a build beside the published numbers, and why they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.dataset.manifest import Manifest, manifests, task_folders
from m3it_builder.errors import Failure, M3ITError, collect_failure
from m3it_builder.records import SPLITS, Split
from m3it_builder.tasks.registry import load_task


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCount:
    """Published and built rows of one split of a task."""

    task: str
    split: Split
    published: int
    built: int | None  # None if the split was not built
    examples: int | None  # in the source files
    rejects: dict[str, int]  # by reason
    remark: str  # other causes of a difference; "" if there are none

    @property
    def difference(self) -> int | None:
        """Return built minus published rows."""
        return None if self.built is None else self.built - self.published


def unit_counts(build: Path) -> tuple[list[UnitCount], list[Failure]]:
    """Return the counts of all splits of the built tasks, and failures of unreadable manifests.

    Raises:
        BuildError: there is no finished unit.
    """
    counts: list[UnitCount] = []
    failures: list[Failure] = []
    for folder in task_folders(build):
        with collect_failure(folder.name, failures):
            counts += _task_counts(folder)
    return counts, failures


@dataclass(frozen=True, slots=True)
class Total:
    """Published and built rows of several tasks."""

    label: str
    published: int
    built: int


def totals(units: Sequence[UnitCount], members: Collection[str]) -> Iterator[Total]:
    """Yield the sum over the tasks of M3IT, and the sum over the others, if there are any.

    Args:
        units: counts of splits.
        members: names of all tasks of M3IT.
    """
    own = [unit for unit in units if unit.task in members]
    others = [unit for unit in units if unit.task not in members]
    count = len({unit.task for unit in own})
    is_all = count == len(members)
    label = "all of M3IT" if is_all else f"sum of {count} of the {len(members)} tasks of M3IT"
    for title, group in ((label, own), ("sum of the others", others)):
        if group:
            published = sum(unit.published for unit in group)
            yield Total(title, published, sum(unit.built or 0 for unit in group))


def _task_counts(folder: Path) -> Iterator[UnitCount]:
    built = {manifest.split: manifest for manifest in manifests(folder)}
    if any(manifest.sibling for manifest in built.values()):
        return  # its rows are those of its base
    first = next(iter(built.values()))
    published, samples = _card_facts(first)
    for split in SPLITS:
        if manifest := built.get(split):
            yield _built(manifest, split in samples)
        elif published.get(split):
            yield UnitCount(
                task=first.task,
                split=split,
                published=published[split],
                built=None,
                examples=None,
                rejects={},
                remark="not built",
            )


def _card_facts(manifest: Manifest) -> tuple[dict[Split, int], set[Split]]:
    """Return the published rows of a task by split, and the splits of which M3IT has a sample."""
    try:
        splits = load_task(manifest.task).card.splits
    except M3ITError:  # an adopted task, or one of a package that is not installed
        return {}, set()
    rows = {split: entry.rows for split, entry in splits.items()}
    return rows, {split for split, entry in splits.items() if entry.sample}


def _built(manifest: Manifest, has_sample: bool) -> UnitCount:
    return UnitCount(
        task=manifest.task,
        split=manifest.split,
        published=manifest.card.rows,
        built=manifest.instances,
        examples=manifest.examples,
        rejects=dict(manifest.rejects),
        remark="; ".join(_remarks(manifest, has_sample)),
    )


def _remarks(manifest: Manifest, has_sample: bool) -> Iterator[str]:
    plan, published = manifest.plan, manifest.card.rows
    if plan.sample:
        yield "synthetic sample data"
        return
    if plan.limit is not None and plan.limit < published:
        yield f"--limit {plan.limit:,}"
    elif has_sample and plan.rows == "all" and manifest.instances > published:
        yield "all rows, of which M3IT has a sample"
    elif not published:
        yield "M3IT has no row of this split"
    elif manifest.instances + sum(manifest.rejects.values()) < published:
        yield "fewer examples in these source files than published rows"
    elif manifest.instances > published:
        yield "more examples in these source files than published rows"
