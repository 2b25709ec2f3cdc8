"""What the options of ``build`` must satisfy, beyond the values of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from m3it_builder.errors import first_few

if TYPE_CHECKING:
    from m3it_builder.build.plan import Plan
    from m3it_builder.build.sibling_inputs import Sibling
    from m3it_builder.records import Split
    from m3it_builder.tasks.registry import Task


def require_sample_usage(sample: bool, source: Path | None, rows: int | None) -> None:
    """Require that sample data and official files are not asked for at once."""
    if sample and source:
        raise typer.BadParameter(
            "--sample reads synthetic data and --source official files; leave one of them out"
        )
    if rows is not None and not sample:
        raise typer.BadParameter("--sample-rows needs --sample; --limit limits the rows of a split")


@contextmanager
def settings_errors() -> Iterator[None]:
    """Turn an unknown option or value of ``--set`` into wrong usage."""
    from m3it_builder.errors import CardError

    try:
        yield
    except CardError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from error


def require_used(settings: Iterable[str], names: Sequence[str]) -> None:
    """Require that options are set of tasks that are built."""
    from difflib import get_close_matches

    for name in settings:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it can name {first_few(names)}"
            raise typer.BadParameter(f"--set names {name}, which is not being built; {hint}")


def require_no_options(settings: Iterable[str], siblings: Sequence[Sibling]) -> None:
    """Require that no option is set of a set that is made from another."""
    for sibling in siblings:
        if sibling.name in settings:
            raise typer.BadParameter(
                f"{sibling.name} has no options, it is made from {sibling.base}", param_hint="--set"
            )


def require_own_images(plan: Plan, images: str | None, tasks: Sequence[Task]) -> None:
    """Require that images are shared by sets made from others only."""
    if tasks and (images or plan.file.output.images) == "shared":
        raise typer.BadParameter(
            f"{tasks[0].name} has images of its own; shared is for sets made from others, as "
            f"{tasks[0].name}-rephrased, and their default",
            param_hint="--images",
        )


def require_splits(tasks: Sequence[Task], splits: Sequence[Split]) -> None:
    """Require that every task has one of the splits."""
    for task in tasks:
        if not set(splits) & set(task.card.splits):
            raise typer.BadParameter(
                f"{task.name} has no split {' or '.join(splits)}; it has "
                f"{', '.join(task.card.splits)}"
            )
