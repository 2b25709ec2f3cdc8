"""Phase A on a million questions: peak memory, rows a second, and both against bare ijson.

The files are those of OK-VQA, written at full length: ten answers a question,
every image asked about twelve times. What is measured is ``m3it build
--plan``: convert, join, locate, instruct, check, spool and cut. Bare ijson
reads the same two files and does nothing with them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO

NAME = Path(__file__).stem
QUESTIONS = int(os.environ.get("M3IT_BENCH_QUESTIONS", "1000000"))
A_IMAGE = 12  # questions
_FEWER = 10  # a tenth of the rows, to see that memory does not grow with them
_IJSON = (
    "import sys, ijson\n"
    "rows = 0\n"
    "for path, prefix in zip(sys.argv[1::2], sys.argv[2::2]):\n"
    "    with open(path, 'rb') as file:\n"
    "        for row in ijson.items(file, prefix, use_float=True): rows += 1\n"
)
_MEASURED = (
    "import resource, subprocess, sys\n"
    "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    "sys.exit(done.returncode)\n"
)


def run() -> dict[str, object]:
    """Return peaks in MB, rows a second, and the ratio to bare ijson in the same run."""
    with tempfile.TemporaryDirectory() as folder:
        small, few = _measure(Path(folder) / "few", QUESTIONS // _FEWER)[:2]
        peak, seconds, bare, size = _measure(Path(folder) / "all", QUESTIONS)
    return {
        "questions": QUESTIONS,
        "annotation bytes": size,
        "peak MB": round(peak / 1e3, 1),
        "peak, against a tenth of the questions": round(peak / small, 3),
        "rows a second": round(QUESTIONS / seconds),
        "rows a second at a tenth": round(QUESTIONS / _FEWER / few),
        "speed, against bare ijson over the same files": round(bare / seconds, 3),
    }


def _measure(folder: Path, count: int) -> tuple[int, float, float, int]:
    """Return peak kB, seconds of phase A, seconds of bare ijson, bytes of annotations."""
    questions, annotations = write(folder / "src", count)
    bare = [sys.executable, "-c", _IJSON, str(questions), "questions.item"]
    bare += [str(annotations), "annotations.item"]
    build = [sys.executable, "-m", "m3it_builder", "build", "--task", "okvqa", "--split", "train"]
    build += ["--plan", "--source", str(folder / "src"), "--out", str(folder / "out")]
    _, before = _timed(bare)
    peak, seconds = _timed(build)
    _, after = _timed(bare)
    size = questions.stat().st_size + annotations.stat().st_size
    return peak, seconds, (before + after) / 2, size


def _timed(words: list[str]) -> tuple[int, float]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(done.stdout), time.perf_counter() - began


def write(sources: Path, count: int) -> tuple[Path, Path]:
    """Write a source of so many questions in the official layout; return its two files."""
    folder = sources / "okvqa-annotations"
    folder.mkdir(parents=True)
    files = (
        folder / "OpenEnded_mscoco_train2014_questions.json",
        folder / "mscoco_train2014_annotations.json",
    )
    heads = (
        b'{"info": {}, "questions": [',
        b'{"question_types": {"six": "Food"}, "annotations": [',
    )
    for path, head, kind in zip(files, heads, (_question, _annotation), strict=True):
        with path.open("wb") as file:
            _write_list(file, head, (kind(n) for n in range(count)))
    images = sources / "coco-2014-train-images" / "train2014.zip"
    images.parent.mkdir()
    with zipfile.ZipFile(images, "w") as archive:
        for number in range(count // A_IMAGE + 1):
            archive.writestr(f"train2014/COCO_train2014_{number:012d}.jpg", b"never opened here")
    return files


def _write_list(file: IO[bytes], head: bytes, rows: Iterator[str]) -> None:
    file.write(head)
    first = next(rows)
    file.writelines(row.encode() for row in chain([first], (", " + row for row in rows)))
    file.write(b"]}")


def _question(number: int) -> str:
    asked = f"What would happen to the {number:x}th thing in the image if somebody pushed it?"
    return (
        f'{{"image_id": {number // A_IMAGE}, "question": "{asked}", '
        f'"question_id": {number * 10 + 5}}}'
    )


def _annotation(number: int) -> str:
    answers = ", ".join(
        f'{{"answer_id": {n}, "raw_answer": "falls {(number * n) % 97}", '
        f'"answer": "fall {(number * n) % 97}", "answer_confidence": "yes"}}'
        for n in range(1, 11)
    )
    return (
        f'{{"image_id": {number // A_IMAGE}, "question_id": {number * 10 + 5}, '
        f'"question_type": "six", "answer_type": "other", "answers": [{answers}], '
        '"confidence": 3}'
    )
