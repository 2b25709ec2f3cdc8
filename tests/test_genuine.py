"""Genuine slices of the official files, read where they lie."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder import load_task
from m3it_builder.build import Build
from m3it_builder.images import decodes
from m3it_builder.pipeline import Plan
from m3it_builder.records import Split
from m3it_builder.samples.world import World, encode, paint
from m3it_builder.shards.manifest import Manifest, manifests
from m3it_builder.shards.reader import read_rows
from tests.conftest import REAL, overlay, write_stand_ins

JPEG = encode(paint(World(width=32, height=24).scene(1)))
PNG = encode(paint(World(width=32, height=24).scene(2)), "png")


def build(task: str, split: Split, sources: Path, out: Path) -> Manifest:
    plan = Plan(max_reject_share=1.0)
    Build(sources=sources, out=out, plan=plan).unit(load_task(task), split)
    return next(manifests(out / task))


def reasons(unit: Manifest, out: Path) -> Counter[str]:
    table = pq.read_table(out / unit.task / unit.reject_table["path"])
    return Counter(table["reason"].to_pylist())


def test_nlvr_dev_with_its_genuine_pictures(tmp_path: Path) -> None:
    sources = overlay(tmp_path / "src", ["nlvr-annotations", "nlvr-images"])
    unit = build("nlvr-synthetic", "validation", sources, tmp_path)
    assert (unit.examples, unit.instances) == (989, 10)
    assert reasons(unit, tmp_path) == {"image_missing": 979}
    originals = {
        path.name: path.read_bytes() for path in (REAL / "nlvr/nlvr/dev/images").rglob("*.png")
    }
    lines = (REAL / "nlvr/nlvr/dev/dev.json").read_text().splitlines()
    truth = {row["identifier"]: row for row in map(json.loads, lines)}
    for row in read_rows(tmp_path / "nlvr-synthetic", unit):
        wanted = truth[row.texts["id"]]
        assert row.texts["inputs"] == wanted["sentence"].strip()
        assert row.texts["outputs"] == wanted["label"]
        assert row.pictures == (originals[f"dev-{row.texts['id']}-0.png"],)
        decodes(row.pictures[0])


@pytest.mark.parametrize(
    ("split", "year", "count"), [("train", "train2014", 9_009), ("validation", "val2014", 5_046)]
)
def test_all_okvqa_questions(tmp_path: Path, split: Split, year: str, count: int) -> None:
    """All questions are genuine; pictures and answers are stand-ins, a tenth of them held back."""
    sources = overlay(tmp_path / "src", ["okvqa-annotations"])
    name = f"okvqa-annotations/OpenEnded_mscoco_{year}_questions.json"
    questions = json.loads((sources / name).read_text())["questions"]
    assert len(questions) == count
    answered = [q for q in questions if q["question_id"] % 10 or q["question_id"] % 7]
    annotations = [
        {
            "image_id": q["image_id"],
            "question_id": q["question_id"],
            "question_type": "one",
            "answers": [{"raw_answer": f"answer {q['question_id']}"}] * 10,
        }
        for q in answered
    ]
    path = sources / "okvqa-annotations" / f"mscoco_{year}_annotations.json"
    path.write_text(json.dumps({"annotations": annotations, "question_types": {"one": "Vehicles"}}))
    pictures = sorted({q["image_id"] for q in questions})
    held_back = set(pictures[::10])
    folder = sources / f"coco-2014-{year.removesuffix('2014')}-images"
    names = [f"{year}/COCO_{year}_{n:012d}.jpg" for n in pictures if n not in held_back]
    write_stand_ins(folder / f"{year}.zip", names, JPEG)

    unit = build("okvqa", split, sources, tmp_path)
    missing = sum(q["image_id"] in held_back for q in answered)
    unanswered = len(questions) - len(answered)
    assert unit.examples == count == unit.instances + missing + unanswered
    wanted = {"image_missing": missing, "no_answer": unanswered}
    assert reasons(unit, tmp_path) == {reason: n for reason, n in wanted.items() if n}
    asked = {str(q["question_id"]): q["question"] for q in questions}
    index = pq.read_table(tmp_path / "okvqa" / unit.index["path"]).to_pylist()
    assert all(row["inputs"] == asked[row["id"]] for row in index)
    assert all(row["outputs"] == f"answer {row['id']}" for row in index)


def test_nlvr2_dev_slice(tmp_path: Path) -> None:
    sources = overlay(tmp_path / "src", ["nlvr2-annotations"])
    rows = [json.loads(line) for line in (sources / "nlvr2-annotations/dev.json").open()]
    pairs = sorted({row["identifier"].rpartition("-")[0] for row in rows})
    names = [f"dev/{pair}-img{side}.png" for pair in pairs for side in (0, 1)]
    write_stand_ins(sources / "nlvr2-images" / "dev_img.zip", names, PNG)
    unit = build("nlvr", "validation", sources, tmp_path)
    assert (unit.examples, unit.instances, unit.pictures) == (60, 60, 120)
    built = {row.texts["id"]: row.texts for row in read_rows(tmp_path / "nlvr", unit)}
    assert {row["identifier"]: row["label"].lower() for row in rows} == {
        name: row["outputs"] for name, row in built.items()
    }


def test_karpathy_record_as_quoted(tmp_path: Path) -> None:
    sources = overlay(tmp_path / "src", ["karpathy-splits"])
    name = "val2014/COCO_val2014_000000391895.jpg"
    write_stand_ins(sources / "coco-2014-val-images" / "val2014.zip", [name], JPEG)
    unit = build("coco", "test", sources, tmp_path)
    captions = [row.texts["outputs"] for row in read_rows(tmp_path / "coco", unit)]
    assert len(captions) == 5
    assert captions[0] == "A man with a red helmet on a small moped on a dirt road."
