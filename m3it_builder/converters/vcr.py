"""VCR: questions about film stills that refer to people and objects by colored boxes.

Token lists mix words with lists of 0-based object numbers; each mentioned object gets a
box of its own color. (The ``*_orig`` strings count from 1 and are not used.) Sizes and
boxes are in a metadata file beside each still. Texts are tokenized, with sentences after the
first in lower case; names of COCO's classes have no spaces.
"""

from collections.abc import Iterator, Sequence

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.regions import COLORS, colored
from m3it_builder.formats.tokens import capitalized, sentence
from m3it_builder.records import JsonObject

Tokens = Sequence[str | list[int]]
NAMES = {
    "".join(name.lower().split()): name
    for name in (
        "traffic light", "fire hydrant", "stop sign", "parking meter", "sports ball",
        "baseball bat", "baseball glove", "tennis racket", "wine glass", "hot dog",
        "potted plant", "dining table", "TV", "cell phone", "teddy bear", "hair drier",
    )
}  # fmt: skip


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; the target is the right answer, or the right rationale."""
    target = str(source.option("target"))
    for row in source.jsonl(f"vcr-annotations/{source.file_split}.jsonl"):
        stills = "vcr-images/vcr1images/"
        if source.find(stills + row["metadata_fn"]) is None:
            yield Reject(row["annot_id"], "metadata_missing", row["metadata_fn"])
            continue
        still = source.json(stills + row["metadata_fn"])
        boxes: dict[int, int] = {}  # object number to box number, in order of first mention
        question = _text(row["question"], boxes)
        gold = row.get(f"{target}_label")
        if target == "rationale" and gold is not None:
            question += " " + _text(row["answer_choices"][row["answer_label"]], boxes)
        choices = tuple(_text(tokens, boxes) for tokens in row[f"{target}_choices"])
        if len(boxes) > len(COLORS):
            yield Reject(row["annot_id"], "too_many_regions", f"{len(boxes)} objects")
            continue
        yield Record(
            id=row["annot_id"],
            turns=(Turn(question, "" if gold is None else choices[gold], choices, gold),),
            images=(source.image(stills + row["img_fn"], size=(still["width"], still["height"])),),
            regions=colored(
                [tuple(still["boxes"][n][:4]) for n in boxes],
                [NAMES.get(row["objects"][n], row["objects"][n]) for n in boxes],
            ),
            meta=_meta(row, boxes),
        )


def _text(tokens: Tokens, boxes: dict[int, int]) -> str:
    words = []
    for token in tokens:
        if isinstance(token, str):
            words.append(token)
            continue
        *names, last = [f"{{box:{boxes.setdefault(number, len(boxes))}}}" for number in token]
        words.append(f"{', '.join(names)} and {last}" if names else last)
    return capitalized(sentence(words))


def _meta(row: JsonObject, boxes: dict[int, int]) -> JsonObject:
    kept = ("img_id", "img_fn", "movie", "question_number")
    return {key: row[key] for key in kept} | {"objects_drawn": list(boxes)}
