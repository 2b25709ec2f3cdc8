"""VQA v2.0: questions about COCO photographs, each answered by ten people.

Questions and annotations are two files joined by ``question_id``. The target is the official
``multiple_choice_answer``: it is one of the most frequent answers, and where several are equally
frequent, no rule reproduces which one. The files of version 1 lack the prefix ``v2_``.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import image_2014
from m3it_builder.formats.vqa import question_pairs

YEAR = {"train": "train2014", "validation": "val2014"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question."""
    year = YEAR[source.split]
    for pair in question_pairs(
        source,
        f"vqa-v2-annotations/v2_OpenEnded_mscoco_{year}_questions.json",
        f"vqa-v2-annotations/v2_mscoco_{year}_annotations.json",
    ):
        if isinstance(pair, Reject):
            yield pair
            continue
        question, annotation = pair
        yield Record(
            id=str(question["question_id"]),
            turns=(
                Turn(question["question"].strip(), annotation["multiple_choice_answer"].strip()),
            ),
            images=(image_2014(source, year, question["image_id"]),),
            meta={
                "image_id": question["image_id"],
                "question_type": annotation["question_type"],
                "answer_type": annotation["answer_type"],
                "answers": [answer["answer"] for answer in annotation["answers"]],
            },
        )
