"""Writers of sources from genuine slices: questions about photographs, scenes, translations.

As in ``genuine_sources``, each function writes one source folder, with placeholders for what
is not genuine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from m3it_builder.samples.files import write_bytes, write_json
from tests.support.genuine_sources import blank
from tests.support.slices import real_folder, write_placeholders

PARTS = 10  # files with all training questions of GQA


def aokvqa_record(sources: Path) -> None:
    """Write the one record that is public, with a placeholder image."""
    file = real_folder("aokvqa") / "transcribed" / "aokvqa_v1p0_train.json"
    write_bytes(sources / "a-okvqa-annotations" / file.name, file.read_bytes())
    names = [f"train2017/{row['image_id']:012d}.jpg" for row in json.loads(file.read_text())]
    write_placeholders(sources / "coco-2017-train-images" / "train2017.zip", names, blank())


def gqa_record(sources: Path) -> None:
    """Write a genuine question and genuine images; all questions of training in ten files."""
    folder = real_folder("gqa") / "allennlp-models"
    target = sources / "gqa-questions"
    official = (folder / "questions.json").read_bytes()
    write_bytes(target / "train_balanced_questions.json", official)
    for number in range(PARTS):
        part = folder / "question_dir" / f"questions{number}.json"
        data = part.read_bytes() if part.exists() else b"{}"
        name = f"train_all_questions_{number}.json"
        write_bytes(target / "train_all_questions" / name, data)
    for image in (folder / "images").iterdir():
        write_bytes(sources / "gqa-images" / "images" / image.name, image.read_bytes())


def gqa_testdev(sources: Path) -> None:
    """Write genuine questions as an array, with placeholder answers and images."""
    file = real_folder("gqa") / "llava_gqa_testdev_balanced.first60.jsonl"
    rows: list[dict[str, Any]] = []
    for line in file.read_text().splitlines():
        row = json.loads(line)
        question = row["text"].partition("\n")[0]
        entry = {"question_id": row["question_id"], "image": row["image"], "question": question}
        rows.append({**entry, "answer": "answer"})
    write_json(sources / "gqa-questions" / "testdev_balanced_questions.json", rows)
    names = sorted({f"images/{row['image']}" for row in rows})
    write_placeholders(sources / "gqa-images" / "images.zip", names, blank())


def clevr_questions(sources: Path) -> None:
    """Write genuine questions with a genuine image of another scene."""
    folder = real_folder("clevr")
    target = sources / "clevr" / "CLEVR_v1.0"
    data = (folder / "ns-vqa" / "orig-val.json").read_bytes()
    write_bytes(target / "questions" / "CLEVR_val_questions.json", data)
    image = (folder / "CLEVR_v1.0" / "images" / "val" / "CLEVR_val_000013.png").read_bytes()
    write_bytes(target / "images" / "val" / "CLEVR_val_000000.png", image)


def multi30k(part: str) -> Callable[[Path], None]:
    """Write the complete files of one set, with placeholder images."""

    def write(sources: Path) -> None:
        folder = real_folder("multi30k") / "data" / "task1"
        text = sources / "multi30k-text"
        text.mkdir(parents=True)
        for name in ("raw", "image_splits"):
            (text / name).symlink_to(folder / name)
        lines = (folder / "image_splits" / f"{part}.txt").read_text().splitlines()
        files = [line.partition("#")[0] for line in lines]
        for archive, names in {
            "flickr30k-images/flickr30k-images.zip": [
                f"flickr30k-images/{name}" for name in files if not name.startswith("COCO")
            ],
            "coco-2014-train-images/train2014.zip": [
                f"train2014/{name}" for name in files if name.startswith("COCO_train2014")
            ],
            "coco-2014-val-images/val2014.zip": [
                f"val2014/{name}" for name in files if name.startswith("COCO_val2014")
            ],
        }.items():
            write_placeholders(sources / archive, names, blank())

    return write
