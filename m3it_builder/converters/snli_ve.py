"""SNLI-VE: does an image entail a hypothesis, contradict it, or leave it open?

In the files of e-SNLI-VE, which add explanations, the first column has no name; it is a row
number with gaps, so ``pairID`` is the id. Several pairs share an image, and some of them the
hypothesis as well. Images are named with their suffix there, and without it in SNLI-VE; copies in
circulation mix that, and spell the column in other ways.
"""

from collections.abc import Iterator
from typing import Any

from m3it_builder import Record, Reject, Source, Turn

LABELS = ("entailment", "neutral", "contradiction")
FILE_SPLITS = {"train": "train", "validation": "dev", "test": "test"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per pair of image and hypothesis; the explanation is in meta."""
    read = _original if source.option("release") == "snli-ve" else _explained
    for row, file, hypothesis, meta in read(source, FILE_SPLITS[source.split]):
        pair, label = row["pairID"], row["gold_label"]
        if label not in LABELS:
            yield Reject(pair, "no_answer", f"label {label!r}")
            continue
        if not hypothesis.strip():
            yield Reject(pair, "no_question")
            continue
        yield Record(
            id=pair,
            turns=(Turn(hypothesis.strip(), label, LABELS, LABELS.index(label)),),
            images=(source.image(f"flickr30k-images/flickr30k-images/{file}"),),
            meta={"image": file} | meta,
        )


IMAGE = ("Flickr30kID", "Flickr30KID", "Flickr30K_ID")  # the column, by release
Pairs = Iterator[tuple[dict[str, Any], str, str, dict[str, Any]]]  # row, image, hypothesis, meta


def _explained(source: Source, part: str) -> Pairs:
    for row in source.csv(f"esnlive-annotations/esnlive_{part}.csv"):
        yield row, _file(row), row["hypothesis"], {"explanation": row["explanation"]}


def _original(source: Source, part: str) -> Pairs:
    for row in source.jsonl(f"snli-ve-jsonl/snli_ve_{part}.jsonl"):
        meta = {"premise": row["sentence1"], "annotator_labels": row["annotator_labels"]}
        yield row, _file(row), row["sentence2"], meta


def _file(row: dict[str, Any]) -> str:
    name: str = row[next((column for column in IMAGE if column in row), IMAGE[0])]
    return f"{name.removesuffix('.jpg')}.jpg"
