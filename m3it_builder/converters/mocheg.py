"""MOCHEG: is a claim supported, refuted or left open by text and images of a fact check?

A claim repeats over rows, one for each text evidence. Its evidence images are named
``<claim id, five digits>-proof-<number>-<description>``; other images of the folder, with the
id of a document instead of "proof", are those of the corpus for retrieval.
"""

import re
from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

LABELS = {"supported": "supported", "refuted": "refuted", "NEI": "not enough information"}
CHOICES = tuple(LABELS.values())
READ = ("Claim", "Evidence", "cleaned_truthfulness", "ruling_outline", "Origin", "Snopes URL")
PARAGRAPHS = {"all": None, "first": 1, "none": 0}
_MARKUP = re.compile(r"</?p>")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per claim with an evidence image; the others are not chosen."""
    folder = f"mocheg/mocheg/{source.file_split}"
    images = source.lookup(_evidence_images(source, folder))
    claims = source.lookup(
        (row["claim_id"], [row[key] for key in READ]) for row in source.csv(f"{folder}/Corpus2.csv")
    )
    for number, rows in claims.groups():
        claim, _, label, ruling, origin, url = rows[0]
        if label not in LABELS:
            yield Reject(number, "no_answer", f"label {label!r}")
            continue
        if not claim.strip():
            yield Reject(number, "no_question")
            continue
        if not (names := images.all(number.strip().lstrip("0"))):
            yield Reject(number, "not_chosen", "the claim has no evidence image")
            continue
        evidence = dict.fromkeys(_text(row[1]) for row in rows)
        evidence.pop("", None)
        count = PARAGRAPHS[str(source.option("evidence"))]
        answer = LABELS[label]
        yield Record(
            id=number,
            turns=(Turn(_text(claim), answer, CHOICES, CHOICES.index(answer)),),
            images=tuple(map(source.image, names[: int(source.option("images"))])),
            context="\n".join(list(evidence)[:count]),
            meta={"url": url, "ruling_outline": ruling, "origin": origin}
            | {"evidence_texts": len(evidence), "evidence_images": len(names)},
        )


def _evidence_images(source: Source, folder: str) -> Iterator[tuple[str, str]]:
    """Yield (claim id without leading zeros, name) of the evidence images, sorted."""
    for name in source.glob(f"{folder}/images/*-proof-*"):
        number, kind, *_ = name.rpartition("/")[2].split("-")  # three parts, by the pattern
        if kind == "proof":
            yield number.lstrip("0"), name


def _text(markup: str) -> str:
    """Return the text of a cell, with its paragraphs in one line."""
    return " ".join(_MARKUP.sub(" ", markup).split())
