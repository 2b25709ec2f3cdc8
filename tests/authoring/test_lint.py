"""``lint_folder`` lists every inconsistency of a folder of cards, pools and pipelines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.authoring.lint import POOL_SIZE, Finding, lint_folder
from m3it_builder.authoring.scaffold import write_scaffold
from m3it_builder.cards.bundled import bundled
from m3it_builder.errors import CardError

CARD = "task_cards/okvqa.yaml"
POOL = "instructions/okvqa.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in (CARD, POOL, "task_cards/sources/okvqa-annotations.yaml", "pipelines/default.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        folder, _, rest = name.partition("/")
        shutil.copy(bundled(folder) / rest, tmp_path / name)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_bundled_files_have_no_findings() -> None:
    checked, findings = lint_folder()
    assert checked > 40
    assert findings == []


def test_own_folder_may_use_bundled_sources(home: Path) -> None:
    assert lint_folder(home) == (4, [])


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (CARD, "title:", "titel:", "unknown key 'titel'"),
        (CARD, "coco-2014-val-images:", "coco-images:", "lists the source 'coco-images', which"),
        (CARD, "images: {min: 1", "images: {min: 2", "images.min is greater than images.max"),
        (CARD, "Marino et al.", "TODO", "line 6 still has a TODO"),
        (
            "task_cards/sources/okvqa-annotations.yaml",
            "mscoco_val2014_annotations.json.zip\n",
            "mscoco_train2014_annotations.json.zip\n",
            "lists the file mscoco_train2014_annotations.json.zip more than once",
        ),
        ("pipelines/default.yaml", "seed: 1234", "sed: 1234", "unknown key 'sed'"),
    ],
)
def test_finding_names_the_file(home: Path, name: str, old: str, new: str, message: str) -> None:
    edit(home / name, old, new)
    _, (finding,) = lint_folder(home)
    assert finding.file == name
    assert message in finding.message


def test_split_without_sources(home: Path) -> None:
    edit(home / CARD, "okvqa-annotations: all", "okvqa-annotations: [train]")
    edit(home / CARD, "coco-2014-val-images: [validation]", "coco-2014-val-images: [train]")
    assert lint_folder(home)[1] == [Finding(CARD, "okvqa: split validation reads no source")]


def test_pools(home: Path) -> None:
    (home / POOL).write_text(json.dumps(["Describe the image in full.", "Name what a camera saw."]))
    assert lint_folder(home)[1] == [
        Finding(POOL, f"has 2 instructions, {POOL_SIZE} are needed"),
        Finding(POOL, "only 2 instructions fit every row, 5 are needed"),
    ]
    (home / POOL).unlink()
    assert lint_folder(home)[1] == [Finding(CARD, f"has no instruction pool ({POOL})")]


def test_folder_without_cards(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="has no task_cards, instructions or pipelines to check"):
        lint_folder(tmp_path)


def test_every_todo_is_listed(home: Path) -> None:
    edit(home / CARD, "Marino et al.", "TODO")
    edit(home / CARD, "images: {min: 1", "images: {min: 1  # TODO\n  ")
    messages = [finding.message for finding in lint_folder(home)[1]]
    assert sum("still has a TODO" in message for message in messages) == 2


def test_language_of_a_pool_is_that_of_its_card(home: Path) -> None:
    edit(home / CARD, "lang: en", "lang: zh")
    findings = lint_folder(home)[1]
    assert len(findings) == len(load_task("okvqa").instructions)
    assert "instruction 1 has Latin letters, but the language of the task is 'zh'" in str(
        findings[0]
    )


def test_folder_of_a_package(tmp_path: Path) -> None:
    """The files of every task are checked; findings name the entry point and the file."""
    project = write_scaffold("birds", tmp_path).folder
    write_scaffold("crows", project)
    checked, findings = lint_folder(project)
    assert checked == 2 * 6
    assert {finding.entry for finding in findings} == {
        "birds = m3it_birds.birds:TASK (m3it-birds)",
        "crows = m3it_birds.crows:TASK (m3it-birds)",
    }
    assert "m3it_birds/crows/converter.py" in {finding.file for finding in findings}
    sources = project / "m3it_birds" / "task_cards" / "sources"
    shutil.copy(sources / "crows-files.yaml", sources / "old-files.yaml")
    unlisted = [str(finding) for finding in lint_folder(project)[1] if "old" in finding.file]
    assert unlisted == [
        "m3it_birds/task_cards/sources/old-files.yaml: no task of the package lists this source; "
        "add it to a card, or delete the file"
    ]
    card = project / "m3it_birds" / "task_cards" / "crows.yaml"
    card.write_text("name: [")
    messages = [finding.message for finding in lint_folder(project)[1] if "crows" in finding.file]
    assert any("crows.yaml" in message for message in messages)
