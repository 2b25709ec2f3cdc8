"""Consistency of documentation, command help, module layout and code size."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

import m3it_builder
from m3it_builder.build.plan import Output, PipelineFile, VideoOptions
from m3it_builder.cli import app
from m3it_builder.cli.main import COMMANDS
from m3it_builder.stages.check import CHECKS
from tests.support.paths import ROOT

GROUP = typer.main.get_command(app)


def command(name: str) -> Any:
    """Return a command by its words, such as ``build`` or ``ledger stats``."""
    found: Any = GROUP
    for word in name.split():
        found = found.get_command(None, word)
    return found


GROUPED = [
    f"{name} {inner}" for name in COMMANDS for inner in getattr(command(name), "commands", ())
]


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPED])
def test_every_command_has_help_and_is_in_the_readme(name: str) -> None:
    text = command(name).help
    if name in COMMANDS:
        assert text.splitlines()[0] == COMMANDS[name][1], "the table and the docstring agree"
    assert len(text.split()) >= 12
    assert f"m3it {name}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPED])
def test_every_option_has_help(name: str) -> None:
    for parameter in command(name).params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


@pytest.mark.parametrize("page", ["reference", "api"])
def test_generated_page_is_up_to_date(page: str) -> None:
    script = [sys.executable, str(ROOT / "docs" / f"{page}.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_key_of_a_pipeline_file_is_described() -> None:
    """The reference is generated from these models."""
    models: list[type[BaseModel]] = [PipelineFile, VideoOptions, Output]
    for model in models:
        for name, field in model.model_fields.items():
            assert field.annotation in models or field.description, name
    table = (ROOT / "docs" / "reference.md").read_text()
    for key in ("`tasks`", "`output.shard_mb`", "`video.policy`", "`max_reject_share`"):
        assert f"| {key} |" in table
    assert "docs/reference.md#pipeline-files" in (ROOT / "README.md").read_text()


def test_exported_names_exist() -> None:
    assert m3it_builder.__all__ == sorted(m3it_builder.__all__)
    for name in m3it_builder.__all__:
        assert getattr(m3it_builder, name) is not None


def test_every_check_describes_its_error() -> None:
    for name, check in CHECKS.items():
        assert (check.__doc__ or "").strip(), name


def test_no_import_cycles() -> None:
    package = ROOT / "m3it_builder"
    names = {_module(path): path for path in package.rglob("*.py")}
    graph = {name: set(_imports(path)) & set(names) - {name} for name, path in names.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


def _module(path: Path) -> str:
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("m3it_builder"):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_size_limits() -> None:
    """Files have at most 300 lines, functions at most 40."""
    for path in (ROOT / "m3it_builder").rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and "cli" not in path.parts:
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                assert lines <= 40, f"{path}: {node.name} has {lines} lines"


def test_commands_of_the_readme_exist() -> None:
    """Commands and options of every ``m3it`` line in the README exist."""
    for line in re.findall(r"^m3it (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE):
        words = line.split("#")[0].split()
        name = " ".join(words[:2]) if " ".join(words[:2]) in GROUPED else words[0]
        known = {option for parameter in command(name).params for option in parameter.opts}
        for word in words[1:]:
            if word.startswith("-"):
                assert word.split("=")[0] in known, line


def test_all_modules_import() -> None:
    for path in (ROOT / "m3it_builder").rglob("*.py"):
        if path.name != "__main__.py":
            name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            importlib.import_module(name.removesuffix(".__init__"))


def test_documents_mentioned_in_code_exist() -> None:
    for path in [*(ROOT / "m3it_builder").rglob("*.py"), *(ROOT / "task_cards").rglob("*.yaml")]:
        for name in re.findall(r"\bdocs/[\w./-]+\w", path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path} mentions {name}"
