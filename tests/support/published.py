"""Write small downloads of M3IT and M3IT-80, with every irregularity of the published ones."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from m3it_builder.samples.world import World, paint

POOL = [f"Instruction number {n}, answer with care." for n in range(10)]
LANGUAGES = {  # code in file names: instruction, question, answer
    "zh": ("请根据图片回答问题。", "图中有什么？", "一个红色的圆。"),
    "ar": ("أجب عن السؤال حول الصورة.", "ماذا يوجد في الصورة؟", "دائرة حمراء."),
    "he": ("ענה על השאלה.", "מה יש בתמונה?", "עיגול אדום."),
    "ja": ("画像の質問に答えてください。", "何がありますか？", "赤い丸です。"),
    "zho_Hans": ("请回答。", "这是什么？", "一个圆。"),
}


@cache
def image(number: int, codec: str = "JPEG") -> bytes:
    """Return an encoded synthetic scene; the same number gives the same bytes."""
    buffer = io.BytesIO()
    paint(World(7).scene(number)).save(buffer, codec)
    return buffer.getvalue()


def b64(number: int, codec: str = "JPEG") -> str:
    """Return ``image`` in base64."""
    return base64.b64encode(image(number, codec)).decode()


def write_lines(path: Path, rows: Iterable[Any]) -> None:
    """Write JSON Lines; rows of bytes are written verbatim."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for row in rows:
            file.write(row if isinstance(row, bytes) else json.dumps(row).encode())
            file.write(b"\n")


def write_pool(folder: Path, name: str = "instructions.json") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(POOL))


def write_m3it(root: Path, count: int = 24) -> Path:
    """Write a download of M3IT; return its folder."""
    data = root / "data"
    _write_coco(data, count)
    _write_irregular_names(data, count)
    _write_irregular_rows(data)
    _write_malformed_rows(data / "vqa" / "gqa", count)
    (root / "M3IT.py").write_text(
        '_URLS = {"a-okvqa": {"train": "./data/vqa/a-okvqa/train.jsonl"}}\nraise SystemExit(1)\n'
    )
    return root


def _write_coco(data: Path, count: int) -> None:
    folder = data / "captioning" / "coco"
    write_lines(
        folder / "train.jsonl",
        ({"image_str": b64(n), "outputs": f"Caption {n}.", "image_id": n} for n in range(count)),
    )
    write_lines(
        folder / "val.jsonl",
        ({"img_str": b64(100 + n), "output": f"Caption {n}."} for n in range(6)),
    )
    write_lines(
        folder / "test.jsonl",
        ({"image_base64_str": [b64(200 + n)], "outputs": f"Caption {n}."} for n in range(6)),
    )
    write_pool(folder)
    (folder / "create_dataset.py").write_text("raise SystemExit(1)")
    (folder / "README.md").write_text("# coco")


def _write_irregular_names(data: Path, count: int) -> None:
    vqa = data / "vqa"
    row = {"image_base64_str": b64(1), "question": "Old?", "answer": "old"}
    new = ({"image_base64_str": b64(n), "question": f"New {n}?", "answer": n} for n in range(count))
    write_lines(vqa / "vqav2" / "train.jsonl", [row])
    write_lines(vqa / "vqav2" / "train_v2.jsonl", new)
    write_pool(vqa / "vqav2", "instruction.json")
    write_lines(vqa / "fm-iqa" / "train.jsonl", [row])
    write_lines(
        vqa / "fm-iqa" / "para_train.jsonl",
        (
            {"image_str": b64(n), "inputs": "图里有什么？", "outputs": f"答案{n}。"}
            for n in range(4)
        ),
    )
    write_lines(vqa / "fm-iqa" / "instructions.jsonl", POOL)
    # The loading script names the file without a version, so the newer one is not read.
    write_lines(vqa / "a-okvqa" / "train.jsonl", [row])
    write_lines(vqa / "a-okvqa" / "train_v2.jsonl", [row, row])
    write_pool(vqa / "a-okvqa")
    mocheg = data / "classification" / "mocheg"
    write_lines(mocheg / "mocheg_train.jsonl", [{"image_str": b64(3), "input": "a", "output": "b"}])
    write_pool(mocheg)
    itm = data / "classification" / "itm"
    nested = {"instruction": "Choose.", "inputs": "(A) a\n(B) b", "image_base64_str": b64(4)}
    write_lines(itm / "train.jsonl", [{"image_str": b64(4), "input": "a", "outputs": "(A)"}])
    write_lines(
        itm / "train_2023-10-08.jsonl", [{"answer": "It is (A).", "meta": {**nested, "src": 9}}]
    )
    write_pool(itm)
    write_lines(data / "vqa" / "birds-of-mine" / "train.jsonl", [{**row, "instruction": "Say."}])
    write_lines(data / "vqa" / "okvqa" / "leftovers.jsonl", [row])


def _write_irregular_rows(data: Path) -> None:
    album = [b64(n, "PNG") for n in range(5)]
    vist = data / "generation" / "vist"
    write_lines(vist / "train.jsonl", [{"image_base64_str": album, "outputs": "A story."}])
    write_lines(vist / "validation.jsonl", [{"image_base64_str": album[:3], "outputs": "Short."}])
    write_pool(vist)
    science = data / "reasoning" / "science_qa"
    rows: list[Any] = [
        {"image_base64_str": "", "inputs": "No image?", "outputs": "none"},
        {"image_base64_str": None, "inputs": "Null?", "outputs": "null"},
        {"image_base64_str": [], "inputs": "Empty list?", "outputs": 3},
        {"inputs": "No key?", "outputs": 2.5, "hint": None},
        {"image_str": b64(5), "inputs": "One?", "outputs": True, "kilt_id": "k5"},
        {"image_str": b64(6), "outputs": ["first", "second"], "nested": {"image_str": "no"}},
    ]
    write_lines(science / "train.jsonl", rows)
    write_pool(science)
    net = data / "classification" / "imagenet"
    write_lines(net / "train.jsonl", [{"img_str": b64(n), "label": n % 3} for n in range(6)])
    (net / "label2class.txt").write_text("n01440764 tench\nn01443537 goldfish\nn01484850 shark\n")
    write_pool(net)


def _write_malformed_rows(folder: Path, count: int) -> None:
    good = [{"image_str": b64(n), "inputs": f"{n}?", "outputs": f"{n}!"} for n in range(count)]
    escaped = json.dumps({"image_str": b64(60), "inputs": "e?", "outputs": "e"})
    jpeg = b64(61)
    uri = {"image_str": f"data:image/jpeg;base64,{b64(62)}", "inputs": "u?", "outputs": "u"}
    wrapped = {"image_str": "\n".join([jpeg[:76], jpeg[76:]]), "inputs": "w?", "outputs": "w"}
    cut = json.dumps(good[0]).encode()
    lines: list[Any] = [
        *good,
        escaped.replace("/", "\\/").replace("+", "\\u002b").encode(),
        wrapped,
        uri,
        b"",
        good[0],  # duplicate_row
        {"image_str": "not base64 at all!", "inputs": "b?", "outputs": "b"},
        {"image_str": base64.b64encode(b"<html>").decode(), "inputs": "h?", "outputs": "h"},
        {"image_str": b64(7), "inputs": {"a": 1}, "outputs": "o"},
        {"image_str": b64(8), "inputs": "blank?", "outputs": " "},
        ["a", "list"],
        b'{"image_str": "AAAA", "inputs": "\\ud800", "outputs": "s"}',
        b"\xff\xfe not json",
        cut[: len(cut) // 2],
    ]
    write_lines(folder / "train.jsonl", lines)
    write_pool(folder)


GQA_REJECTS = {
    "duplicate_row": 1,
    "bad_base64": 1,
    "image_unknown": 1,
    "odd_field": 1,
    "empty_output": 1,
    "not_an_object": 1,
    "damaged_text": 1,
    "bad_json": 2,
}


def write_m3it_80(root: Path, count: int = 12) -> Path:
    """Write a download of M3IT-80, texts per language and their images; return its folder."""
    folder = root / "data" / "okvqa"
    rows = [
        {"image_str": b64(300 + n), "inputs": f"Q{n}?", "outputs": f"A{n}.", "question_id": 40 + n}
        for n in range(count)
    ]
    write_lines(folder / "train_500.jsonl", rows)
    write_lines(folder / "val_500.jsonl", rows[:4])
    for code, (instruction, question, answer) in LANGUAGES.items():
        if code == "zho_Hans":
            continue
        for split, total in (("train", count), ("validation", 4)):
            write_lines(
                folder / f"okvqa_{split}_{code}.jsonl",
                (
                    {"instruction": instruction, "input": f"{question} {n}", "outputs": answer}
                    for n in range(total)
                ),
            )
        write_lines(root / "data" / "instructions" / f"{code}.jsonl", [instruction])
    winoground = root / "data" / "winoground"
    write_lines(
        winoground / "winoground_test.jsonl",
        ({"image_str": b64(n), "input": f"Q{n}?", "output": "yes"} for n in range(4)),
    )
    question, answer = LANGUAGES["zho_Hans"][1:]
    write_lines(
        winoground / "winoground_test_zho_Hans.jsonl",
        ({"input": f"{question}{n}", "output": answer} for n in range(5)),
    )
    return root
