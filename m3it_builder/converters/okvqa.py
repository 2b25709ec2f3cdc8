"""OK-VQA: questions about COCO photographs that need outside knowledge.

Questions and annotations are two files in the same order, joined by ``question_id``.
There is no single official answer: annotations have ten as typed, ``raw_answer``, and a
stemmed form that is not natural language.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import image_2014
from m3it_builder.formats.vqa import most_common, question_pairs

YEAR = {"train": "train2014", "validation": "val2014"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; the target is the raw answer most annotators gave."""
    year = YEAR[source.split]
    annotations = f"okvqa-annotations/mscoco_{year}_annotations.json"
    kinds = source.item(annotations, "question_types")
    pairs = question_pairs(
        source, f"okvqa-annotations/OpenEnded_mscoco_{year}_questions.json", annotations
    )
    for pair in pairs:
        if isinstance(pair, Reject):
            yield pair
            continue
        question, annotation = pair
        answers = [answer["raw_answer"] for answer in annotation["answers"]]
        yield Record(
            id=str(question["question_id"]),
            turns=(Turn(question["question"], most_common(answers)),),
            images=(image_2014(source, year, question["image_id"]),),
            meta={
                "image_id": question["image_id"],
                "question_type": kinds.get(annotation["question_type"]),
                "answers": answers,
            },
        )
