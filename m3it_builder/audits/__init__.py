"""Audits: SQL queries over a finished build."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m3it_builder.audits.runner import Finding, Table, audit, query, views

__all__ = ["Finding", "Table", "audit", "query", "views"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("m3it_builder.audits.runner"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
