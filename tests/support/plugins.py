"""Installed packages with tasks: a folder with a module and its ``.dist-info``."""

from __future__ import annotations

from pathlib import Path

GOOD = """
from dataclasses import replace
from m3it_builder import load_task
base = load_task("coco")
TASK = replace(base, name={name!r}, card=base.card.model_copy(update={{"name": {name!r}}}))
"""
UNSAMPLED = GOOD + "TASK = replace(TASK, sample=None)\nprint('printed on import')\n"


def install(site: Path, package: str, module: str, entry_points: str | None = None) -> None:
    """Install a package with one module into a folder for ``PYTHONPATH``.

    Args:
        site: the folder.
        package: its name; the module, and by default the task, have the same.
        module: its code; ``GOOD`` is a copy of a built-in task.
        entry_points: content of ``entry_points.txt``.
    """
    site.mkdir(exist_ok=True)
    (site / f"{package}.py").write_text(
        module.format(name=package) if module in (GOOD, UNSAMPLED) else module
    )
    info = site / f"{package}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    default = f"[m3it.tasks]\n{package} = {package}:TASK\n"
    (info / "entry_points.txt").write_bytes((entry_points or default).encode("latin-1"))


def environment(site: Path) -> dict[str, str]:
    """Return the variables with which a command finds the installed packages."""
    return {"PYTHONPATH": str(site), "M3IT_PLUGINS": "1"}
