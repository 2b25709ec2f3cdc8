"""Units of a download, from the names of its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.adopt.layout import find_layout


def test_current_and_superseded_files(download: Path) -> None:
    layout = find_layout(download)
    units = {unit.name: unit for unit in layout.units}
    files = {name: (unit.row_file, unit.superseded) for name, unit in units.items()}
    assert files["vqa-v2/train"] == ("vqa/vqav2/train_v2.jsonl", ("vqa/vqav2/train.jsonl",))
    assert files["fm-iqa/train"] == ("vqa/fm-iqa/para_train.jsonl", ("vqa/fm-iqa/train.jsonl",))
    assert files["a-okvqa/train"] == ("vqa/a-okvqa/train.jsonl", ("vqa/a-okvqa/train_v2.jsonl",))
    assert files["coco-itm/train"] == ("classification/itm/train.jsonl", ())
    assert units["coco/validation"].row_file == "captioning/coco/val.jsonl"
    assert layout.unread == ("vqa/okvqa/leftovers.jsonl",)


@pytest.mark.parametrize("inside", ["data", "data/vqa", "data/vqa/gqa", "hub"])
def test_a_subfolder_or_hub_cache_is_accepted(download: Path, tmp_path: Path, inside: str) -> None:
    folder = download / inside
    if inside == "hub":
        folder = tmp_path / "datasets--x"
        (folder / "snapshots" / "0abc").mkdir(parents=True)
        (folder / "snapshots" / "0abc" / "data").symlink_to(download / "data")
    units = {unit.name: unit for unit in find_layout(folder).units}
    assert units["gqa/train"].row_file == "vqa/gqa/train.jsonl"
    assert ("coco/train" in units) == (inside in ("data", "hub"))
