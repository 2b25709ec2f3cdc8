"""Build a unit: phase A writes a spool, phase B writes shards, a commit publishes them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m3it_builder.build.builder import Build
    from m3it_builder.build.report import Report

__all__ = ["Build", "Report"]
_MODULES = {"Build": "builder", "Report": "report"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
