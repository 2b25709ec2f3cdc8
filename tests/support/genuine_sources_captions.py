"""Writers of sources from genuine slices: captions, objects of COCO, and downloads of the web.

As in ``genuine_sources``, each function writes one source folder, with placeholders for what
is not genuine.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.laion_400m import metadata, write_stats, write_tar
from tests.support.genuine_sources import blank
from tests.support.slices import real_folder, write_placeholders


def textcaps(sources: Path) -> None:
    """Write the quoted captions."""
    file = real_folder("textcaps") / "quoted_record" / "TextCaps_0.1_train.json"
    write_bytes(sources / "textcaps-annotations" / file.name, file.read_bytes())
    ids = {item["image_id"] for item in json.loads(file.read_text())["data"]}
    names = [f"train_images/{image_id}.jpg" for image_id in sorted(ids)]
    archive = sources / "openimages-textvqa-trainval-images" / "train_val_images.zip"
    write_placeholders(archive, names, blank())


def paragraphs(sources: Path) -> None:
    """Write the complete lists of images and the one paragraph available; others are invented."""
    folder = real_folder("image_paragraph_captioning")
    quoted = json.loads((folder / "quoted_record" / "paragraphs_v1.json").read_text())
    entries = {entry["image_id"]: entry for entry in quoted}
    for name in ("train", "val", "test"):
        file = folder / f"{name}_split.json"
        write_bytes(sources / "image-paragraph-splits" / file.name, file.read_bytes())
        for number in json.loads(file.read_text()):
            url = f"https://cs.stanford.edu/people/rak248/VG_100K/{number}.jpg"
            text = f"paragraph {number}"
            entries.setdefault(number, {"url": url, "image_id": number, "paragraph": text})
    write_json(sources / "image-paragraphs" / "paragraphs_v1.json", list(entries.values()))
    names = [f"VG_100K/{number}.jpg" for number in sorted(entries)]
    write_placeholders(sources / "visual-genome-images-1" / "images.zip", names, blank())


def coco_objects(folder: str) -> Callable[[Path], None]:
    """Write genuine instances; most of the images that they list are missing."""

    def write(sources: Path) -> None:
        slice_folder = real_folder("coco")
        name = f"annotations/instances_{folder}.json"
        write_bytes(sources / "coco-2017-annotations" / name, (slice_folder / name).read_bytes())
        images = sources / f"coco-2017-{folder.removesuffix('2017')}-images"
        shutil.copytree(slice_folder / folder, images / folder)

    return write


def img2dataset(layout: str) -> Callable[[Path], None]:
    """Write genuine output of the tool, ``webdataset`` or ``files``."""

    def write(sources: Path) -> None:
        output = real_folder("laion400m") / f"img2dataset_tool_output_{layout}"
        shutil.copytree(output, sources / "laion-400m")

    return write


def laion_rows(sources: Path) -> None:
    """Write genuine captions and their columns as if they had been downloaded."""
    folder = real_folder("laion400m")
    rows = json.loads((folder / "printed_rows.json").read_text())
    rows += pq.read_table(folder / "url_text_first200.parquet", columns=["URL", "TEXT"]).to_pylist()
    kept = ("NSFW", "similarity", "LICENSE")
    _write_downloads(
        sources / "laion-400m",
        (
            {"caption": row["TEXT"], "url": row["URL"]}
            | {key: row[key] for key in kept if key in row}
            for row in rows
        ),
    )


def cc3m(file: str, split: str) -> Callable[[Path], None]:
    """Write genuine captions of CC3M: caption first."""

    def write(sources: Path) -> None:
        lines = (real_folder("cc3m") / file).read_text(encoding="utf-8").splitlines()
        pairs = (line.split("\t") for line in lines)
        fields = ({"caption": caption, "url": url} for caption, url in pairs)
        _write_downloads(sources / f"cc3m-{split}", fields)

    return write


def cc12m(sources: Path) -> None:
    """Write genuine captions of CC12M: address first."""
    lines = (real_folder("cc12m") / "cc12m.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines)
    fields = ({"caption": caption, "url": url} for url, caption in pairs)
    _write_downloads(sources / "cc12m", fields)


def sbu(sources: Path) -> None:
    """Write genuine captions of SBU: parallel columns."""
    columns = json.loads((real_folder("sbu") / "sbu-captions-all.json").read_text())
    pairs = zip(columns["captions"], columns["image_urls"], strict=True)
    _write_downloads(sources / "sbu", ({"caption": text, "url": url} for text, url in pairs))


def _write_downloads(folder: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write a shard of the tool around genuine fields, with placeholder images."""
    groups = []
    for number, fields in enumerate(rows):
        key = f"{number:09d}"
        full = {**fields, "key": key, "status": "success", "exif": "{}"}
        groups.append((key, {"jpg": blank(), "json": metadata(full)}))
    write_tar(folder / "00000.tar", groups)
    write_stats(folder, "00000", len(groups))
