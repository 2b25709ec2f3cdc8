"""Cards and notes of adopted units."""

from __future__ import annotations

from pathlib import Path

from tests.support.adoption import adopt_all


def test_notes_name_superseded_files_and_unknown_tasks(download: Path, adopted: Path) -> None:
    reports = adopt_all(download, adopted)
    assert "superseded and not read: vqa/vqav2/train.jsonl" in reports["vqa-v2/train"].notes
    birds = reports["birds-of-mine/train"]
    assert birds.notes == ("no task of the published collection has this name",)
    assert (birds.license, birds.published) == ("unknown", None)


def test_translated_units(download_80: Path, adopted_80: Path) -> None:
    reports = adopt_all(download_80, adopted_80)
    assert reports["okvqa-ar/train"].published == 500
    winoground = reports["winoground-zh/test"]  # zho_Hans in the file name
    assert winoground.lang == "zh"
    assert any("5 texts and 4 rows of images" in note for note in winoground.notes)
