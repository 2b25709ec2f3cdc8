"""GQA: official sets other than the balanced questions of training and validation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import SourceError
from m3it_builder.records import Split
from m3it_builder.tasks.sampling import write_sample
from tests.support.conversion import convert

COUNT = 23  # not the same number of questions in each of the ten files


def rows_of(sources: Path, split: Split, **options: str) -> set[str]:
    task = load_task("gqa").with_options(options)
    rows, rejects = convert(task, split, sources)
    assert not rejects
    return {row.record.id for row in rows}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_sample(load_task("gqa"), folder, COUNT)
    questions = folder / "gqa-questions"
    for name in ("train_balanced", "val_balanced", "testdev_balanced"):
        file = questions / f"{name}_questions.json"
        file.write_text(json.dumps(dict(list(json.loads(file.read_text()).items())[:5])))
    return folder


def test_all_training_questions_are_in_ten_files(sources: Path) -> None:
    every = rows_of(sources, "train", questions="all")
    assert len(every) == COUNT
    assert len(rows_of(sources, "train")) == 5
    (sources / "gqa-questions" / "train_all_questions" / "train_all_questions_9.json").unlink()
    with pytest.raises(SourceError, match=r"train_all_questions_9\.json is missing"):
        rows_of(sources, "train", questions="all")


def test_evaluation_set(sources: Path) -> None:
    assert len(rows_of(sources, "validation", questions="all")) == COUNT
    val, testdev = (rows_of(sources, "validation", evaluation=e) for e in ("val", "testdev"))
    assert len(val) == len(testdev) == 5
    assert not val & testdev
    assert testdev < rows_of(sources, "validation", evaluation="testdev", questions="all")
    assert len(rows_of(sources, "train", evaluation="testdev")) == 5
