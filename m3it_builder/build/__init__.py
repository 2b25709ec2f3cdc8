"""Build a unit: phase A writes a spool, phase B writes shards, a commit publishes them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m3it_builder.build.builder import Build, Report

__all__ = ["Build", "Report"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("m3it_builder.build.builder"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
