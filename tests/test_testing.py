"""``check_task`` passes a correct task, and names the violation of each incorrect one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import Record, Reject, Source, load_task
from m3it_builder.errors import ContractError
from m3it_builder.samples.world import World
from m3it_builder.testing import check_task
from tests.support import mutants
from tests.support.paths import FIXTURES

FIXTURE = FIXTURES / "okvqa"


def test_correct_task_passes() -> None:
    check_task(replace(load_task("okvqa"), convert=mutants.correct), FIXTURE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("first_answer", r"at okvqa\.train\.rows\[\d\]\.outputs: expected"),
        ("last_of_most_frequent", r"outputs: expected 'surfing', got 'waves'"),
        ("local_path_in_meta", "two runs over equal input differ in|contains the local path"),
        ("running_number_as_id", r"differs from expected\.json at .*\.id: expected '\d+', got"),
        ("dropped_row", r"differs from expected\.json at okvqa\.train\.rows\[\d\]\.id: "),
        ("dropped_reject", r"rejects \(length\): expected 3, got 2|rejects\[0\]"),
        ("different_order_each_time", "two runs over equal input differ in"),
        (
            "two_images",
            r"rejected as image_count \(2 images, where the card allows 1 to 1\); correct",
        ),
        ("choices_without_answer", "rejected as gold_not_in_choices"),
        ("missing_gold", "the gold choice is not the answer"),
        ("missing_box", "rejected as region_missing"),
    ],
)
def test_incorrect_converter(name: str, message: str) -> None:
    task = replace(load_task("okvqa"), convert=getattr(mutants, name))
    with pytest.raises(ContractError, match=message) as caught:
        check_task(task, FIXTURE)
    assert str(caught.value).startswith("okvqa: ")
    assert "\n" not in str(caught.value)


def test_converter_that_does_more_than_read() -> None:
    """This module imports pathlib, so a converter defined in it is not accepted."""

    def convert(source: Source) -> Iterator[Record | Reject]:
        yield from mutants.correct(source)

    with pytest.raises(ContractError, match=r"its converter imports (shutil|pathlib)"):
        check_task(replace(load_task("okvqa"), convert=convert), FIXTURE)


def test_row_in_two_splits(tmp_path: Path) -> None:
    fixture = tmp_path / "fixture"
    shutil.copytree(FIXTURE, fixture)
    source = fixture / "source"
    for kind in ("questions", "annotations"):
        prefix = "OpenEnded_mscoco" if kind == "questions" else "mscoco"
        folder = source / "okvqa-annotations"
        train = folder / f"{prefix}_train2014_{kind}.json"
        shutil.copyfile(train, folder / f"{prefix}_val2014_{kind}.json")
    images = source / "coco-2014-val-images" / "val2014"
    for path in (source / "coco-2014-train-images" / "train2014").iterdir():
        shutil.copyfile(path, images / path.name.replace("train2014", "val2014"))
    with pytest.raises(ContractError, match="a row of validation is also in train: "):
        check_task(load_task("okvqa"), fixture)


def test_split_without_rows(tmp_path: Path) -> None:
    fixture = tmp_path / "fixture"
    shutil.copytree(FIXTURE, fixture)
    images = fixture / "source" / "coco-2014-val-images" / "val2014"
    for path in images.iterdir():
        path.unlink()
    with pytest.raises(ContractError, match="split validation has no rows"):
        check_task(load_task("okvqa"), fixture)


def test_random_sample_writer() -> None:
    task = load_task("okvqa")
    sample = task.sample
    assert sample is not None
    seeds = iter(range(100))

    def write(world: World, sources: Path, count: int) -> None:
        sample(World(next(seeds)), sources, count)

    with pytest.raises(ContractError, match="two runs over equal input differ in"):
        check_task(replace(task, sample=write), FIXTURE)


def test_missing_expected_file(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE / "source", tmp_path / "source")
    with pytest.raises(ContractError, match=r"expected\.json is missing"):
        check_task(load_task("okvqa"), tmp_path)
    check_task(load_task("okvqa"), tmp_path, update=True)
    expected = (FIXTURE / "expected.json").read_text()
    assert (tmp_path / "expected.json").read_text() == expected


def test_task_without_fixture_is_checked_on_its_sample() -> None:
    task = replace(load_task("okvqa"), origin="a-package")
    checked = check_task(task)
    assert checked.rows == 8
    assert checked.rejects == 0
    with pytest.raises(ContractError, match="rejected as image_count"):
        check_task(replace(task, convert=mutants.two_images))


def test_task_without_sample_writer_is_checked_on_its_fixture() -> None:
    task = replace(load_task("okvqa"), sample=None, origin="a-package")
    assert check_task(task, FIXTURE).rejects > 0
    with pytest.raises(ContractError, match="neither a fixture nor a sample writer"):
        check_task(task)
    with pytest.raises(ContractError, match="a built-in task needs a sample writer"):
        check_task(replace(load_task("okvqa"), sample=None), FIXTURE)


def test_missing_source_names_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"source is missing; `m3it check okvqa --update`"):
        check_task(load_task("okvqa"), tmp_path)


def test_malformed_expected_file(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE / "source", tmp_path / "source")
    (tmp_path / "expected.json").write_text("{")
    with pytest.raises(ContractError, match=r"expected\.json is not valid JSON"):
        check_task(load_task("okvqa"), tmp_path)


def test_file_that_the_source_lacks(tmp_path: Path) -> None:
    """A fixture and sample data cannot be downloaded, so the message does not say so."""
    source = tmp_path / "source"
    shutil.copytree(FIXTURE / "source", source)
    (source / "okvqa-annotations" / "OpenEnded_mscoco_train2014_questions.json").unlink()
    message = r"^okvqa: the fixture's source does not have what the converter reads: .*_questions"
    with pytest.raises(ContractError, match=message) as missing_file:
        check_task(load_task("okvqa"), tmp_path)
    shutil.rmtree(source / "okvqa-annotations")
    with pytest.raises(ContractError, match=message.replace("_questions", "are missing")) as empty:
        check_task(load_task("okvqa"), tmp_path)
    for caught in (missing_file, empty):
        assert "`m3it check okvqa --update`" in str(caught.value)
        assert "fetch" not in str(caught.value)
        assert "--source" not in str(caught.value)


def test_sample_of_another_structure() -> None:
    task = load_task("okvqa")
    sample = task.sample
    assert sample is not None

    def write(world: World, sources: Path, count: int) -> None:
        sample(world, sources, count)
        path = next(sources.rglob("OpenEnded_mscoco_train2014_questions.json"))
        path.write_text('{"questions": [{}]}')

    message = "sample data does not have what the converter reads: .*correct .* the sample writer$"
    with pytest.raises(ContractError, match=message) as caught:
        check_task(replace(task, sample=write), FIXTURE)
    assert "report a bug" not in str(caught.value)


def test_error_in_a_sample_writer_names_its_line() -> None:
    def write(world: World, sources: Path, count: int) -> None:
        raise KeyError("caption")

    task = replace(load_task("okvqa"), sample=write)
    with pytest.raises(ContractError, match=r"okvqa: KeyError in test_testing\.py line \d+: 'cap"):
        check_task(task, FIXTURE)
