"""Rebuild the M3IT multimodal instruction-tuning dataset from its official sources."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m3it_builder.errors import M3ITError
    from m3it_builder.records import Image, Instance, Record, Region, Reject, Split, Turn
    from m3it_builder.sources.source import Source
    from m3it_builder.tasks.registry import Task, load_task, task_from_folder, task_names


__all__ = [
    "Image",
    "Instance",
    "M3ITError",
    "Record",
    "Region",
    "Reject",
    "Source",
    "Split",
    "Task",
    "Turn",
    "load_task",
    "task_from_folder",
    "task_names",
]

# Imported on first use, so that `m3it --help` loads none of them.
_MODULES = {
    "errors": ("M3ITError",),
    "records": ("Image", "Instance", "Record", "Region", "Reject", "Split", "Turn"),
    "sources.source": ("Source",),
    "tasks.registry": ("Task", "load_task", "task_from_folder", "task_names"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
