"""``write_scaffold``: what it writes where, and what it refuses to overwrite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m3it_builder.authoring.lint import POOL_SIZE, TODO, lint_folder
from m3it_builder.authoring.scaffold import write_scaffold
from m3it_builder.errors import CardError


def test_package(tmp_path: Path) -> None:
    paths = write_scaffold("birds-of-asia", tmp_path)
    names = {path.relative_to(tmp_path / "m3it-birds-of-asia").as_posix() for path in paths}
    assert names == {
        "pyproject.toml",
        "m3it_birds_of_asia/__init__.py",
        "m3it_birds_of_asia/converter.py",
        "m3it_birds_of_asia/instructions/birds-of-asia.json",
        "m3it_birds_of_asia/sample.py",
        "m3it_birds_of_asia/task_cards/birds-of-asia.yaml",
        "m3it_birds_of_asia/task_cards/sources/birds-of-asia-files.yaml",
        "tests/fixture/make.py",
        "tests/test_birds_of_asia.py",
    }
    for path in paths:
        text = path.read_text()
        assert "$" not in text, path
        if path.suffix == ".py":
            compile(text, str(path), "exec")


def test_built_in_task(tmp_path: Path) -> None:
    (tmp_path / "m3it_builder" / "converters").mkdir(parents=True)
    paths = write_scaffold("birds", tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in paths} == {
        "instructions/birds.json",
        "m3it_builder/converters/birds.py",
        "m3it_builder/samples/birds.py",
        "task_cards/birds.yaml",
        "task_cards/sources/birds-files.yaml",
        "tests/fixtures/birds/make.py",
    }
    assert len(json.loads((tmp_path / "instructions" / "birds.json").read_text())) == POOL_SIZE


def test_lint_finds_only_todos(tmp_path: Path) -> None:
    (tmp_path / "m3it_builder" / "converters").mkdir(parents=True)
    write_scaffold("birds", tmp_path)
    checked, findings = lint_folder(tmp_path)
    assert checked == 3
    assert {finding.file for finding in findings} == {
        "instructions/birds.json",
        "task_cards/birds.yaml",
        "task_cards/sources/birds-files.yaml",
    }
    assert all(f"still has a {TODO}" in finding.message for finding in findings)


@pytest.mark.parametrize("name", ["Birds", "birds_of", "birds--of", "-birds", "2birds", "a/b", ""])
def test_invalid_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(CardError, match="is not a valid task name"):
        write_scaffold(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["okvqa", "nlvr-synthetic"])
def test_name_in_use(tmp_path: Path, name: str) -> None:
    with pytest.raises(CardError, match="exists already; see `m3it show"):
        write_scaffold(name, tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "m3it-birds" / "m3it_birds" / "sample.py"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(CardError, match=r"sample\.py exists already; nothing was written"):
        write_scaffold("birds", tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text() == "mine"
