"""A converter only reads its source: checked in the code of its module."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from m3it_builder.tasks.registry import Task
from m3it_builder.testing.require import require

_BANNED = {"os", "io", "pathlib", "random", "logging", "subprocess", "socket", "urllib", "shutil",
           "sqlite3", "PIL", "tempfile", "time", "datetime", "threading", "sys"}  # fmt: skip
_BANNED_CALLS = {"open", "print", "eval", "exec", "input", "__import__"}


def check_converter(task: Task) -> None:
    """Require that a converter does not open files, print, or use random numbers."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(task.convert) or task.convert))
    for node in ast.walk(tree):
        for name in _imported(node):
            require(name.split(".")[0] not in _BANNED, task, f"its converter imports {name}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function = node.func.id
            require(function not in _BANNED_CALLS, task, f"its converter calls {function}()")


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
