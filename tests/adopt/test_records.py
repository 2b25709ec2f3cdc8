"""Ids and meta of adopted rows."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tests.support import published
from tests.support.adoption import adopt_all, adopted_rows, read_jsonl


def test_ids_depend_on_content_alone(download: Path, adopted: Path, tmp_path: Path) -> None:
    """Neither the order of lines, the file name, nor the spelling of base64 changes an id."""
    other = tmp_path / "elsewhere"
    folder = other / "data" / "captioning" / "coco"
    rows = read_jsonl(download / "data" / "captioning" / "coco" / "train.jsonl")
    random.Random(3).shuffle(rows)
    lines = [json.dumps(row).replace("/", "\\/").encode() for row in rows]
    published.write_lines(folder / "coco_train.jsonl", [*lines, b"", lines[0]])
    published.write_pool(folder)
    report = adopt_all(other, tmp_path / "out", "coco")["coco/train"]
    assert report.rejects == {"duplicate_row": 1}
    ours = {row.row.id: row for row in adopted_rows(tmp_path / "out", "coco")}
    theirs = {row.row.id: row for row in adopted_rows(adopted, "coco")}
    assert ours.keys() == theirs.keys()
    for row_id, row in ours.items():
        assert row.images == theirs[row_id].images
        assert row.row.instruction == theirs[row_id].row.instruction


def test_rows_that_differ_have_different_ids(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "vqa" / "gqa"
    row = {"image_str": published.b64(1), "inputs": "a", "outputs": "b"}
    changes: list[dict[str, Any]] = [{}, {"inputs": "c"}, {"outputs": "c"}, {"question_id": 1}]
    changes += [{"question_id": 2}, {"image_str": published.b64(2)}, {"instruction": "Own."}]
    published.write_lines(folder / "train.jsonl", [{**row, **change} for change in changes])
    published.write_lines(folder / "val.jsonl", [row])
    published.write_pool(folder)
    adopt_all(tmp_path, tmp_path / "out")
    ids = [
        row.row.id
        for split in ("train", "validation")
        for row in adopted_rows(tmp_path / "out", "gqa", split)
    ]
    assert len(ids) == len(set(ids)) == 8


def test_a_published_key_named_adopted_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "vqa" / "gqa"
    row = {"image_str": published.b64(1), "inputs": "a", "outputs": "b", "adopted": {"x": 1}}
    published.write_lines(folder / "train.jsonl", [row])
    published.write_pool(folder)
    adopt_all(tmp_path, tmp_path / "out")
    (adopted_row,) = adopted_rows(tmp_path / "out", "gqa", "train")
    meta = json.loads(adopted_row.row.meta)
    assert meta["adopted_"] == {"x": 1}
    assert meta["adopted"]["line"] == 1
