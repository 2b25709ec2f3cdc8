"""Writers of sources from genuine slices of the Chinese sets; see ``genuine_sources``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.mmchat import file_name
from tests.support.genuine_sources import blank
from tests.support.slices import real_folder, write_placeholders

COCO_CN = "coco-cn-annotations/coco-cn-version1805v1.1"


def coco_cn_extension(sources: Path) -> None:
    """Write the genuine extension beside empty lists."""
    data = (real_folder("coco_cn") / "data/coco-cn_ext.icap2020.txt").read_bytes()
    write_bytes(sources / "coco-cn-icap2020" / "coco-cn_ext.icap2020.txt", data)
    for name in ("coco-cn_train.txt", "imageid.human-written-caption.txt"):
        write_bytes(sources / COCO_CN / name, b"")
    _coco_images(sources, [line.partition("#")[0] for line in data.decode().splitlines()])


def coco_cn_merged(sources: Path) -> None:
    name = "merged_captions_coco-cn_test.json"
    data = (real_folder("coco_cn") / name).read_bytes()
    write_bytes(sources / "coco-cn-annotations" / name, data)
    images = json.loads(data)["images"]
    _coco_images(sources, [image["file_name"].removesuffix(".jpg") for image in images])


def fm_iqa(sources: Path) -> None:
    """Write genuine pairs in the official container, with invented ids."""
    text = (real_folder("fm_iqa") / "sample_qa_pairs.txt").read_text(encoding="utf-8")
    pairs = [line.split(":", 1) for line in text.splitlines() if line]
    rows = [
        {"question_id": f"{n}", "image_id": f"{n}", "Question": question, "Answer": answer}
        for n, (question, answer) in enumerate(pairs)
    ]
    write_json(sources / "fm-iqa-annotations" / "FM-IQA.json", {"train": rows, "val": []})
    _coco_images(sources, [f"COCO_train2014_{n:012d}" for n in range(len(rows))])


def chinese_foods() -> list[str]:
    """Return the genuine names of the classes, from the community's list."""
    data = (real_folder("chinesefoodnet") / "class_names.csv").read_bytes().decode("gbk")
    return [row[1] for row in csv.reader(io.StringIO(data, newline=""))]


def chinese_food(sources: Path) -> None:
    """Write an official list with one image of each class."""
    labels = range(len(chinese_foods()))
    lines = "".join(f"{label:06d}.jpg {label}\n" for label in labels)
    write_bytes(sources / "chinesefoodnet-lists" / "test_truth_list.txt", lines.encode())
    names = [f"release_data/test/{label:06d}.jpg" for label in labels]
    write_placeholders(sources / "chinesefoodnet-images/release_data.zip", names, blank())


def mmchat(sources: Path) -> None:
    """Write the printed instances in the official files."""
    folder = sources / "mmchat-annotations"
    rows = [json.loads(path.read_bytes()) for path in sorted(real_folder("mmchat").glob("*.json"))]
    for name, values in {
        "dialog_train.jsonl": [json.dumps(row["dialog"]) for row in rows],
        "weibo_train.jsonl": [json.dumps(row["weibo_content"]) for row in rows],
        "img_url_train.jsonl": [";".join(row["imgs"]) for row in rows],
    }.items():
        write_bytes(folder / name, "".join(f"{value}\n" for value in values).encode())
    names = [f"image/{file_name(url)}" for row in rows for url in row["imgs"]]
    write_placeholders(sources / "mmchat-images" / "image.zip", names, blank())


def _coco_images(sources: Path, stems: Iterable[str]) -> None:
    distinct = sorted(set(stems))
    for folder in ("train2014", "val2014"):
        names = [f"{folder}/{stem}.jpg" for stem in distinct if f"_{folder}_" in stem]
        archive = f"coco-2014-{folder.removesuffix('2014')}-images/{folder}.zip"
        write_placeholders(sources / archive, names, blank())
