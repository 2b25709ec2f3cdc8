"""Everything that people read uses the wording of the glossary."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.cli.main import COMMANDS, app
from tests.support.language import FORBIDDEN, check, hits
from tests.support.paths import ROOT
from tests.test_docs import GROUP, GROUPED, command

TEXTS = (
    "m3it_builder",
    "docs",
    "task_cards",
    "pipelines",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_use_the_glossary(name: str) -> None:
    assert (ROOT / name).exists()
    assert check([ROOT / name]) == []


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPED])
def test_help_uses_the_glossary(name: str) -> None:
    texts = [command(name).help, *(getattr(p, "help", None) for p in command(name).params)]
    assert [hit for text in texts if text for hit in hits(text)] == []


def test_help_of_the_application_uses_the_glossary() -> None:
    texts = [app.info.help, *(getattr(p, "help", None) for p in GROUP.params)]
    texts += [summary for _, summary in COMMANDS.values()]
    assert [hit for text in texts if text for hit in hits(str(text))] == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Rows that stand twice.", "stand"),
        ("It tells where the picture lies.", "picture"),
        ("Build anew where something has changed.", "anew"),
        ("See that all files are there.", "See that"),
        ("Written whole or not at all.", "whole or not at all"),
    ],
)
def test_homemade_wording_is_found(text: str, word: str) -> None:
    assert word in {found for found, _ in hits(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Duplicate rows.",
        "R stands for red, which tells apart two boxes.",
        "Return True if all files exist.",
        "Written atomically.",
    ],
)
def test_plain_wording_is_accepted(text: str) -> None:
    assert list(hits(text)) == []


def test_every_pattern_has_an_advice() -> None:
    assert all(advice.strip() for advice in FORBIDDEN.values())


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.py", '"""Fine."""\n\nMESSAGE = "it was told"\n', 3),
        ("b.py", "x = 1  # as it stands\n", 1),
        ("c.md", "# Title\n\nA picture.\n", 3),
        ("d.sql", "-- Rows that stand twice.\nSELECT 1\n", 1),
        ("e.yaml", "name: a\nnotes: >-\n  One picture.\n", 2),
        ("f.yaml", "options:\n  x: {default: 1, help: how far it is told}\n", 2),
        ("g.yaml", "name: a  # told\n", 1),
    ],
)
def test_all_kinds_of_files_are_checked(tmp_path: Path, name: str, content: str, line: int) -> None:
    path = tmp_path / name
    path.write_text(content)
    (found, *_) = check([tmp_path])
    assert found.startswith(f"{path}:{line}: ")


def test_data_is_not_checked(tmp_path: Path) -> None:
    """Literals of converters, sample writers and formats become rows; licenses are quoted."""
    folder = tmp_path / "samples"
    folder.mkdir()
    (folder / "a.py").write_text('"""Fine."""\n\nQUESTION = "What is in the picture?"\n')
    (tmp_path / "b.yaml").write_text("license: one of eight licenses per picture\n")
    (tmp_path / "c.json").write_text('["Describe the picture."]\n')
    assert check([tmp_path]) == []
    (folder / "b.py").write_text('"""Draw a picture."""\n')
    assert len(check([tmp_path])) == 1
