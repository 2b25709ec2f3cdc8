"""The steps of source cards for img2dataset, run as printed, in the folder of the sources."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import load_source_card
from m3it_builder.samples.files import write_bytes, write_json

_STEPS = re.compile(r'^(?:python -c "\n(?:[^"]*\n)*?"\n)?img2dataset (?:.*\\\n)*.*$', re.MULTILINE)
_CAPTIONS = ('"to be" or not', "plain", "", "NA", "123", 'say "when"', "a, b", "'", '"')
_TSV = {
    "cc3m-train": ("Train_GCC-training.tsv", ("caption", "url")),
    "cc3m-validation": ("Validation_GCC-1.1.0-Validation.tsv", ("caption", "url")),
    "cc12m": ("cc12m.tsv", ("url", "caption")),
}


def steps(name: str) -> str:
    card = load_source_card(bundled("task_cards") / "sources" / f"{name}.yaml")
    commands = [match[0] for file in card.files if (match := _STEPS.search(file.manual))]
    assert len(commands) == 1, name
    return commands[0]


def run_steps(name: str, sources: Path) -> dict[str, str]:
    """Run the steps with an img2dataset that does nothing, and return its options."""
    programs = sources.parent / "programs"
    write_bytes(programs / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n'.encode())
    write_bytes(programs / "img2dataset", b'#!/bin/sh\nprintf "%s\\n" "$@" > ../options\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    path = f"{programs}:/usr/bin:/bin"
    command = ["/bin/sh", "-ec", steps(name)]
    subprocess.run(command, cwd=sources, env={"PATH": path}, check=True)
    words = (sources.parent / "options").read_text().splitlines()
    return dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", _TSV)
def test_a_quotation_mark_in_a_caption_is_a_character(name: str, end: str, tmp_path: Path) -> None:
    file, columns = _TSV[name]
    rows = [
        {"caption": text, "url": f"http://a.org/{number},1.jpg"}
        for number, text in enumerate(_CAPTIONS)
    ]
    lines = ["\t".join(row[column] for column in columns) + end for row in rows]
    write_bytes(tmp_path / "sources" / name / file, "".join(lines).encode())
    options = run_steps(name, tmp_path / "sources")
    read = [options["--caption_col"], options["--url_col"]]  # as img2dataset does
    assert (
        pq.read_table(tmp_path / "sources" / options["--url_list"], columns=read).to_pylist()
        == rows
    )
    assert options["--input_format"] == "parquet"
    assert options["--output_folder"] == name


def test_addresses_of_book_covers(tmp_path: Path) -> None:
    books = {"1": {"imageURL": "http://a.org/x,1.jpg"}, "2": {"imageURL": "http://a.org/y.gif"}}
    write_json(tmp_path / "sources/ocr-vqa-annotations/dataset.json", books)
    assert urls("ocr-vqa-images", tmp_path) == ["http://a.org/x,1.jpg", "http://a.org/y.gif"]


def test_addresses_of_images_of_posts(tmp_path: Path) -> None:
    for split, text in (("train", "http://b;http://a\n\nhttp://c"), ("dev", "http://a \n")):
        path = tmp_path / f"sources/mmchat-annotations/img_url_{split}.jsonl.gz"
        write_bytes(path, gzip.compress(text.encode()))
    assert urls("mmchat-images", tmp_path) == ["http://a", "http://b", "http://c"]


def urls(name: str, folder: Path) -> list[str]:
    options = run_steps(name, folder / "sources")
    assert options["--output_folder"] == name
    table = pq.read_table(folder / "sources" / options["--url_list"], columns=["url"])
    return [str(url) for url in table["url"].to_pylist()]


@pytest.mark.parametrize(
    ("name", "urls"), [("sbu", "sbu/sbu-captions-all.json"), ("laion-400m", "laion400m-meta")]
)
def test_lists_that_img2dataset_reads_itself(name: str, urls: str, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    options = run_steps(name, tmp_path / "sources")
    assert (options["--url_list"], options["--output_folder"]) == (urls, name)
    kept = options.get("--save_additional_columns", "[]")
    assert json.loads(kept) == (["NSFW", "similarity", "LICENSE"] if name == "laion-400m" else [])
