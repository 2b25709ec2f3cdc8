"""``write_scaffold``: what it writes where, and what it refuses to overwrite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m3it_builder.authoring.lint import POOL_SIZE, lint_folder
from m3it_builder.authoring.pool_checks import TODO
from m3it_builder.authoring.project import find_project
from m3it_builder.authoring.scaffold import write_scaffold
from m3it_builder.errors import CardError


def test_package(tmp_path: Path) -> None:
    paths = write_scaffold("birds-of-asia", tmp_path).created
    names = {path.relative_to(tmp_path / "m3it-birds-of-asia").as_posix() for path in paths}
    assert names == {
        "pyproject.toml",
        "m3it_birds_of_asia/__init__.py",
        "m3it_birds_of_asia/birds_of_asia/__init__.py",
        "m3it_birds_of_asia/birds_of_asia/converter.py",
        "m3it_birds_of_asia/birds_of_asia/sample.py",
        "m3it_birds_of_asia/instructions/birds-of-asia.json",
        "m3it_birds_of_asia/task_cards/birds-of-asia.yaml",
        "m3it_birds_of_asia/task_cards/sources/birds-of-asia-files.yaml",
        "tests/fixtures/birds-of-asia/make.py",
        "tests/test_birds_of_asia.py",
    }
    for path in paths:
        text = path.read_text()
        assert "$" not in text, path
        if path.suffix == ".py":
            compile(text, str(path), "exec")


def test_built_in_task(tmp_path: Path) -> None:
    (tmp_path / "m3it_builder" / "converters").mkdir(parents=True)
    paths = write_scaffold("birds", tmp_path).created
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
    assert checked == 5
    assert {finding.file for finding in findings} == {
        "instructions/birds.json",
        "m3it_builder/converters/birds.py",
        "task_cards/birds.yaml",
        "task_cards/sources/birds-files.yaml",
    }
    assert all(f"still has a {TODO}" in finding.message for finding in findings)
    in_pool = [finding for finding in findings if finding.file == "instructions/birds.json"]
    assert len(in_pool) == POOL_SIZE, "every TODO is listed"


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
    path = tmp_path / "m3it-birds" / "m3it_birds" / "birds" / "sample.py"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(CardError, match=r"sample\.py exists already; nothing was written"):
        write_scaffold("birds", tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text() == "mine"


@pytest.mark.parametrize("layout", [".", "src"])
def test_second_task_is_added_to_the_package(tmp_path: Path, layout: str) -> None:
    project = write_scaffold("birds", tmp_path).folder
    if layout == "src":
        (project / "src").mkdir()
        (project / "m3it_birds").rename(project / "src" / "m3it_birds")
    scaffold = write_scaffold("sea-birds", project)
    assert scaffold.folder == project
    assert scaffold.changed == (project / "pyproject.toml",)
    package = project / layout / "m3it_birds"
    for name in (
        "task_cards/sea-birds.yaml",
        "task_cards/sources/sea-birds-files.yaml",
        "instructions/sea-birds.json",
        "sea_birds/__init__.py",
        "sea_birds/converter.py",
        "sea_birds/sample.py",
    ):
        assert (package / name).is_file(), name
    found = find_project(project)
    assert found is not None
    assert {entry.name: entry.value for entry in found.entries} == {
        "birds": "m3it_birds.birds:TASK",
        "sea-birds": "m3it_birds.sea_birds:TASK",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["m3it-birds"]
    with pytest.raises(CardError, match="has a task called 'sea-birds' already"):
        write_scaffold("sea-birds", project)


@pytest.mark.parametrize(
    "entries",
    [
        "",  # a package without tasks
        '[project.entry-points]\n"m3it.tasks" = {}\n',
        "[ project . entry-points . 'm3it.tasks' ]  # tasks\n",
        '[project.entry-points."m3it.tasks"]',
    ],
)
def test_entry_point_is_added_to_any_pyproject(tmp_path: Path, entries: str) -> None:
    (tmp_path / "mine").mkdir()
    text = f'# my package\n[project]\nname = "mine"\nversion = "1"\n\n{entries}'
    (tmp_path / "pyproject.toml").write_text(text)
    if "{}" in entries:
        with pytest.raises(CardError, match=r"its entry points are not in a table"):
            write_scaffold("birds", tmp_path)
        assert (tmp_path / "pyproject.toml").read_text() == text
        assert list((tmp_path / "mine").iterdir()) == []
        return
    write_scaffold("birds", tmp_path)
    project = find_project(tmp_path)
    assert project is not None
    assert [(entry.name, entry.value) for entry in project.entries] == [
        ("birds", "mine.birds:TASK")
    ]
    assert (tmp_path / "pyproject.toml").read_text().startswith(text.rstrip())


def test_package_whose_folder_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    with pytest.raises(CardError, match="the package mine is not there, nor in src/"):
        write_scaffold("birds", tmp_path)


@pytest.mark.parametrize("text", ["[project", '[project]\nname = "\x00"', "\xff"])
def test_malformed_pyproject(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(CardError, match="not valid TOML"):
        write_scaffold("birds", tmp_path)
