"""Writers of sources from genuine slices about text in images: DocVQA, ST-VQA, OCR-VQA.

Of each set a third-party reshaping has genuine questions, answers and image paths; they are
written in the official container again. Images are placeholders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from m3it_builder.samples.files import write_bytes, write_json
from tests.support.genuine_sources import _real, blank
from tests.support.slices import write_placeholders


def docvqa_record(sources: Path) -> None:
    file = _real("docvqa") / "transcribed" / "train_v1.0_withQT.json"
    write_bytes(sources / "docvqa-annotations" / file.name, file.read_bytes())
    write_bytes(sources / "docvqa-images" / "xnbl0037_1.png", blank(kind="PNG"))


def docvqa(sources: Path) -> None:
    rows = []
    for number, row in enumerate(_rows("docvqa", "docVQA")):
        image = row["image_path"].partition("/val/")[2]
        document, _, page = Path(image).stem.rpartition("_")
        rows.append({"questionId": number, "question": row["question"], "image": image,
                     "docId": number, "ucsf_document_id": document, "ucsf_document_page_no": page,
                     "answers": row["gt_answers"], "data_split": "val"})  # fmt: skip
    value = {"dataset_name": "docvqa", "dataset_version": "1.0", "data": rows}
    write_json(sources / "docvqa-annotations" / "val_v1.0.json", value)
    names = sorted({Path(row["image"]).name for row in rows})
    for name in names:
        write_bytes(sources / "docvqa-images" / name, blank(kind="PNG"))


def stvqa(sources: Path) -> None:
    rows = []
    for number, row in enumerate(_rows("stvqa", "STVQA")):
        path = row["image_path"].partition("/STVQA/")[2]
        rows.append({"question": row["question"], "answers": row["gt_answers"],
                     "question_id": number, "file_path": path, "file_name": Path(path).name,
                     "dataset": path.partition("/")[0], "set_name": "train"})  # fmt: skip
    write_json(sources / "st-vqa-annotations" / "train_task_3.json", {"data": rows})
    for path in sorted({row["file_path"] for row in rows}):
        write_bytes(sources / "st-vqa-images" / path, blank())


def ocrvqa_record(sources: Path) -> None:
    file = _real("ocrvqa") / "transcribed" / "dataset.json"
    write_bytes(sources / "ocr-vqa-annotations" / file.name, file.read_bytes())
    write_bytes(sources / "ocr-vqa-images" / "images" / "761183272.jpg", blank())


def ocrvqa(sources: Path) -> None:
    """Write the genuine pairs by book; addresses, titles and genres are not known."""
    books: dict[str, Any] = {}
    for row in _rows("ocrvqa", "ocrVQA"):
        isbn = Path(row["image_path"]).stem
        book = books.setdefault(isbn, {
            "imageURL": f"http://ecx.images-amazon.com/images/I/{isbn}.jpg", "questions": [],
            "answers": [], "title": "", "authorName": "", "genre": "", "split": 3,
        })  # fmt: skip
        book["questions"].append(row["question"])
        book["answers"].append(row["gt_answers"])
    write_json(sources / "ocr-vqa-annotations" / "dataset.json", books)
    names = [f"images/{isbn}.jpg" for isbn in books]
    write_placeholders(sources / "ocr-vqa-images" / "images.zip", names, blank())


def _rows(folder: str, name: str) -> list[Any]:
    file = _real(folder) / f"LLaVAR_MultimodalOCR_{name}.first60.json"
    rows: list[Any] = json.loads(file.read_text())
    return rows
