"""Tasks by name, built in or from installed packages."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m3it_builder.tasks.registry import Task, load_task, task_from_folder, task_names

__all__ = ["Task", "load_task", "task_from_folder", "task_names"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("m3it_builder.tasks.registry"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
