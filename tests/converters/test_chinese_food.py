"""ChineseFoodNet: its class names, and lists that are among the images."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from m3it_builder import load_task
from m3it_builder.formats.chinese_foods import food_classes
from m3it_builder.records import Split
from m3it_builder.tasks.registry import Task
from tests.support.conversion import convert
from tests.support.paths import FIXTURES
from tests.support.slices import real_folder

SOURCE = FIXTURES / "chinese-food" / "source"
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def spreadsheet_rows(data: bytes) -> list[list[str]]:
    """Return the cells of the first sheet of an .xlsx file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        strings = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))  # noqa: S314
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    texts = ["".join(part.text or "" for part in one.iter(f"{XML}t")) for one in strings]
    return [
        [
            texts[int(value)] if cell.get("t") == "s" else value
            for cell in row
            if (value := cell.findtext(f"{XML}v")) is not None
        ]
        for row in sheet.iter(f"{XML}row")
    ]


@pytest.mark.parametrize("name", ["class_names.xlsx", "class_names.csv"])
def test_names_are_those_of_the_genuine_lists(name: str) -> None:
    file = real_folder("chinesefoodnet") / name
    if not file.exists():
        pytest.skip(f"genuine slice {file} is not available")
    data = file.read_bytes()
    rows = (
        spreadsheet_rows(data)
        if name.endswith("xlsx")
        else list(csv.reader(io.StringIO(data.decode("gbk"), newline="")))
    )
    assert [int(row[0]) for row in rows] == list(range(208))
    assert [(row[1].strip(), row[2].strip()) for row in rows] == list(food_classes())


def test_chinese_names_are_unique() -> None:
    assert len({name for name, _ in food_classes()}) == 208
    assert len({english for _, english in food_classes()}) == 207


@pytest.mark.parametrize("split", SPLITS)
def test_lists_among_the_images(tmp_path: Path, split: Split) -> None:
    shutil.copytree(SOURCE / "chinesefoodnet-images", tmp_path / "chinesefoodnet-images")
    for file in (SOURCE / "chinesefoodnet-lists").iterdir():
        shutil.copy(file, tmp_path / "chinesefoodnet-images" / "release_data")
    task = load_task("chinese-food-full")
    assert outcome(task, split, tmp_path) == outcome(task, split, SOURCE)


def outcome(task: Task, split: Split, sources: Path) -> tuple[object, object]:
    rows, rejects = convert(task, split, sources)
    return [(row.record.id, row.inputs, row.outputs) for row in rows], rejects


def test_number_of_options() -> None:
    task = load_task("chinese-food").with_options({"candidates": "208"})
    rows, _ = convert(task, "test", SOURCE)
    names = sorted(name for name, _ in food_classes())
    for row in rows:
        (turn,) = row.record.turns
        assert sorted(turn.choices) == names
        assert turn.answer == food_classes()[row.record.meta["label"]][0]


def test_validation_images_among_those_of_train(tmp_path: Path) -> None:
    """In some copies; elsewhere a file of the same name in train is another image."""
    source = shutil.copytree(SOURCE, tmp_path / "src")
    release = source / "chinesefoodnet-images" / "release_data"
    task = load_task("chinese-food-full")
    rows, _ = convert(task, "validation", source)
    assert all("/val/" in image.name for row in rows for image in row.record.images)
    shutil.rmtree(release / "val")
    rows, _ = convert(task, "validation", source)
    assert rows
    assert all("/train/" in image.name for row in rows for image in row.record.images)
