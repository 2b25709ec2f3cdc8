"""Rebuild the M3IT multimodal instruction-tuning dataset from its official sources."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from m3it_builder.errors import M3ITError
from m3it_builder.records import Image, Instance, Record, Region, Reject, Split, Turn

if TYPE_CHECKING:
    from m3it_builder.source import Source
    from m3it_builder.tasks import Task, load_task, task_from_folder, task_names

__version__ = "0.1.0"

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

# Loaded on first use: these pull in pydantic, which `m3it --help` should not pay for.
_LATE = {
    "Source": "source",
    "Task": "tasks",
    "load_task": "tasks",
    "task_from_folder": "tasks",
    "task_names": "tasks",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
