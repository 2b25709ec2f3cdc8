"""VCR: questions about film stills whose people and things are named by colored boxes.

Token lists mix words with lists of 0-based object numbers; each object that is
spoken of gets a box of its own color. (The ``*_orig`` strings count from 1 and
are not used.) Sizes and boxes lie in a metadata file beside each still.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.regions import COLORS, colored
from m3it_builder.formats.tokens import sentence

Tokens = Sequence[str | list[int]]


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a question; the target is the right answer, or the right rationale."""
    target = str(source.option("target"))
    for row in source.jsonl(f"vcr-annotations/{source.file_split}.jsonl"):
        stills = "vcr-images/vcr1images/"
        if source.find(stills + row["metadata_fn"]) is None:
            yield Reject(row["annot_id"], "metadata_missing", row["metadata_fn"])
            continue
        still = source.json(stills + row["metadata_fn"])
        places: dict[int, int] = {}  # object number to box number, in the order they are met
        question = _text(row["question"], places)
        gold = row.get(f"{target}_label")
        if target == "rationale" and gold is not None:
            question += " " + _text(row["answer_choices"][row["answer_label"]], places)
        choices = tuple(_text(tokens, places) for tokens in row[f"{target}_choices"])
        if len(places) > len(COLORS):
            yield Reject(row["annot_id"], "too_many_regions", f"{len(places)} objects")
            continue
        yield Record(
            id=row["annot_id"],
            turns=(Turn(question, "" if gold is None else choices[gold], choices, gold),),
            images=(source.image(stills + row["img_fn"], size=(still["width"], still["height"])),),
            regions=colored(
                [tuple(still["boxes"][n][:4]) for n in places], [row["objects"][n] for n in places]
            ),
            meta=_meta(row, places),
        )


def _text(tokens: Tokens, places: dict[int, int]) -> str:
    words = []
    for token in tokens:
        if isinstance(token, str):
            words.append(token)
            continue
        boxes = [f"{{box:{places.setdefault(number, len(places))}}}" for number in token]
        words.append(" and ".join(boxes))
    return sentence(words)


def _meta(row: dict[str, Any], places: dict[int, int]) -> dict[str, Any]:
    kept = ("img_id", "img_fn", "movie", "question_number")
    return {key: row[key] for key in kept} | {"objects_drawn": list(places)}
