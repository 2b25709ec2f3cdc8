"""FM-IQA: Chinese questions about COCO photographs, with typed answers.

One JSON file has a list per split, or each split is a file of its own. Ids are strings without
leading zeros, or numbers; the split decides the COCO folder. ``Question`` and ``Answer`` are
capitalized in the official file.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import named_image
from m3it_builder.records import JsonObject

FOLDER = "fm-iqa-annotations"
YEAR = {"train": "train2014", "validation": "val2014"}
MARKS = "，。、！？；：…～,.!?;:~"


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question."""
    year = YEAR[source.split]
    for row in _rows(source):
        name = str(row["question_id"])
        question, answer = _field(row, "Question"), _field(row, "Answer")
        if not question:
            yield Reject(name, "no_question")
        elif not answer.strip(MARKS):
            yield Reject(name, "no_answer")
        else:
            yield Record(
                id=name,
                turns=(Turn(question, _without_added_stop(answer)),),
                images=(named_image(source, year, f"COCO_{year}_{row['image_id']:0>12}.jpg"),),
                meta={"image_id": str(row["image_id"]), "answer": answer},
            )


def _rows(source: Source) -> Iterator[JsonObject]:
    own = f"{FOLDER}/FM-IQA_{source.file_split}.json"
    if source.glob(f"{own}*"):
        return source.items(own)
    return source.items(f"{FOLDER}/FM-IQA.json", source.file_split)


def _field(row: JsonObject, name: str) -> str:
    text = row[name] if name in row else row[name.lower()]
    return "" if text is None else str(text).strip()


def _without_added_stop(answer: str) -> str:
    """Return an answer without the stop that was added to all, if it has a mark already."""
    return answer[:-1] if answer.endswith("。") and answer[-2] in MARKS else answer
