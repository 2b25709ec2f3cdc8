"""The units of siblings: which splits are made, and by which build."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from m3it_builder.build.builder import Build
    from m3it_builder.build.sibling_inputs import Sibling
    from m3it_builder.build.side_by_side import UnitBuild
    from m3it_builder.records import Split
    from m3it_builder.tasks.registry import Task


def sibling_units(
    base: Build,
    siblings: Sequence[Sibling],
    splits: Sequence[Split],
    tasks: Sequence[Task],
    command: str,
) -> list[UnitBuild]:
    """Return the units of siblings, in the order of their names.

    Args:
        base: build whose output folder and options they have.
        siblings: sets to build.
        splits: splits to build, of those that the bases have.
        tasks: tasks that the same command builds.
        command: that builds a task, without its name at the end.
    """
    from m3it_builder.build.siblings import SiblingBuild
    from m3it_builder.build.side_by_side import UnitBuild

    units = []
    for sibling in siblings:
        build = SiblingBuild(
            out=base.out,
            plan=base.plan,
            workers=base.workers,
            replace=base.replace,
            plan_only=base.plan_only,
            base_command=f"{command} {sibling.base}",
            progress=base.progress,
        )
        existing = _splits_of(sibling, base, tasks)
        units += [UnitBuild(build, sibling, split) for split in splits if split in existing]
    return units


def require_units(
    units: Sequence[UnitBuild], siblings: Sequence[Sibling], splits: Sequence[Split]
) -> None:
    """Require that every sibling has one of the splits."""
    named = {unit.task.name for unit in units}
    for sibling in siblings:
        if sibling.name not in named:
            raise typer.BadParameter(f"{sibling.base} has no split {' or '.join(splits)}")


def _splits_of(sibling: Sibling, base: Build, tasks: Sequence[Task]) -> set[Split]:
    """Return the splits of a base: as it is built, or as its card says if it is not."""
    from m3it_builder.dataset.manifest import readable_manifests
    from m3it_builder.errors import M3ITError
    from m3it_builder.tasks.registry import load_task

    for task in tasks:
        if task.name == sibling.base:
            return set(task.card.splits)
    if built := {unit.split for unit in readable_manifests(base.out / sibling.base)}:
        return built
    with suppress(M3ITError):
        return set(load_task(sibling.base).card.splits)
    return set()
