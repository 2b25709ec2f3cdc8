"""GQA: questions that were generated from scene graphs of Visual Genome photographs.

Files are objects by question id, a string of digits that may begin with zeros; copies in
circulation are arrays whose entries have a ``question_id`` and name the file of the image. All
questions of training are in ten files.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.records import JsonObject

FIELDS = {"short": "answer", "full": "fullAnswer"}
PARTS = 10  # files with all training questions
KEPT = ("isBalanced", "types", "groups", "semanticStr", "answer", "fullAnswer")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question."""
    field = FIELDS[str(source.option("answer_form"))]
    for name in _files(source):
        for number, row in source.entries(f"gqa-questions/{name}.json", "", "question_id"):
            question, answer = row["question"].strip(), (row.get(field) or "").strip()
            if not question or not answer:
                yield Reject(number, "no_answer" if question else "no_question")
                continue
            image = str(row.get("imageId") or row["image"]).removesuffix(".jpg")
            yield Record(
                id=number,
                turns=(Turn(question, answer),),
                images=(source.image(f"gqa-images/images/{image}.jpg"),),
                meta={"image_id": image} | _kept(row),
            )


def _files(source: Source) -> list[str]:
    part = "train" if source.split == "train" else str(source.option("evaluation"))
    if source.option("questions") == "balanced":
        return [f"{part}_balanced_questions"]
    if part == "train":
        return [f"train_all_questions/train_all_questions_{number}" for number in range(PARTS)]
    return [f"{part}_all_questions"]


def _kept(row: JsonObject) -> JsonObject:
    return {key: row[key] for key in KEPT if key in row}
