"""The names of siblings: that of the base, a hyphen, and the suffix of a transformation."""

from __future__ import annotations

import re
from pathlib import Path

from m3it_builder.build.sibling_inputs import Sibling
from m3it_builder.build.transformation import TemplateAnswers
from m3it_builder.cards.cards import TaskCard
from m3it_builder.errors import TaskNotFound
from m3it_builder.tasks.registry import all_names, load_task

REPHRASED = "rephrased"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")


def sibling_names(name: str, card: TaskCard) -> tuple[str, ...]:
    """Return the names of all siblings of a task or variant."""
    return (f"{name}-{REPHRASED}",) if card.paraphrase or card.rephrased else ()


def find_sibling(name: str, out: Path) -> Sibling | None:
    """Return the sibling of a name; None if it is that of a task, or of nothing.

    Args:
        name: as ``okvqa-rephrased``.
        out: the output folder, which may have a base that is no task here: an adopted one, or
            one that was built elsewhere.

    Raises:
        TaskNotFound: it has the suffix of a sibling, and its base is neither, or has none.
    """
    base, hyphen, suffix = name.rpartition("-")
    known = all_names()
    if name in known or not hyphen or suffix != REPHRASED or not _NAME.fullmatch(base):
        return None
    if base.endswith(f"-{REPHRASED}") and base not in known:
        raise TaskNotFound(f"unknown task {name!r}: {base} is itself made from another set")
    if base in known:
        if name not in sibling_names(base, load_task(base).card):
            raise TaskNotFound(
                f"unknown task {name!r}: {base} has no set with rephrased answers; "
                "`m3it ls` lists all tasks"
            )
    elif not any((out / base).glob("meta/*/manifest.json")):
        raise TaskNotFound(
            f"unknown task {name!r}: it would be made from {base}, which is neither a task nor "
            f"built in {out}; `m3it ls` lists all tasks"
        )
    return Sibling(name, base, TemplateAnswers())
