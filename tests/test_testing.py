"""The contract harness itself: it lets a right task pass and names the fault of each wrong one."""

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


def test_right_task_passes() -> None:
    check_task(replace(load_task("okvqa"), convert=mutants.right), FIXTURE)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("first_answer", "outputs: was"),
        ("last_among_equals", "outputs: was 'surfing', is 'waves'"),
        ("path_in_the_row", "differ in|tells of the local path"),
        ("running_number_as_id", "not as expected"),
        ("dropped_row", "not as expected"),
        ("dropped_reject", "not as expected"),
        ("other_order_each_time", "two runs"),
        ("two_images", "rejected as image_count"),
        ("options_without_answer", "rejected as gold_not_in_choices"),
        ("gold_not_told", "options do not contain the answer"),
        ("box_that_is_not_there", "unrendered region|speaks of box 3"),
    ],
)
def test_faulty_converter(name: str, said: str) -> None:
    task = replace(load_task("okvqa"), convert=getattr(mutants, name))
    with pytest.raises(ContractError, match=said):
        check_task(task, FIXTURE)


def test_converter_that_does_more_than_read() -> None:
    """This very module imports pathlib, so a converter that lives in it is refused."""

    def convert(source: Source) -> Iterator[Record | Reject]:
        yield from mutants.right(source)

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
    with pytest.raises(ContractError, match="a row of validation stands in train too"):
        check_task(load_task("okvqa"), fixture)


def test_split_without_rows(tmp_path: Path) -> None:
    fixture = tmp_path / "fixture"
    shutil.copytree(FIXTURE, fixture)
    images = fixture / "source" / "coco-2014-val-images" / "val2014"
    for path in images.iterdir():
        path.unlink()
    with pytest.raises(ContractError, match="split validation yields no row"):
        check_task(load_task("okvqa"), fixture)


def test_sample_writer_that_draws_lots() -> None:
    task = load_task("okvqa")
    seeds = iter(range(100))

    def write(world: World, sources: Path, count: int) -> None:
        task.sample(World(next(seeds)), sources, count)

    with pytest.raises(ContractError, match="two runs, the second over a copy, differ"):
        check_task(replace(task, sample=write), FIXTURE)


def test_missing_expectation(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE / "source", tmp_path / "source")
    with pytest.raises(ContractError, match=r"expected\.json is missing"):
        check_task(load_task("okvqa"), tmp_path)
    check_task(load_task("okvqa"), tmp_path, update=True)
    wanted = (FIXTURE / "expected.json").read_text()
    assert (tmp_path / "expected.json").read_text() == wanted
