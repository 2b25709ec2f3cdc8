"""The VQA family: questions and annotations in two files, several answers per question."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from m3it_builder.records import Reject
from m3it_builder.sources.source import Source

Row = Mapping[str, Any]


def question_pairs(
    source: Source, questions: str, annotations: str
) -> Iterator[tuple[Row, Row] | Reject]:
    """Yield (question, annotation) joined by ``question_id``, in the order of the questions.

    A question without annotation is rejected as ``no_answer``, an annotation without question,
    or with a blank one, as ``no_question``. Yield these rejects as they are.
    """
    for question, annotation in source.join(
        source.items(questions, "questions"),
        source.items(annotations, "annotations"),
        "question_id",
    ):
        if question is None:
            assert annotation is not None  # noqa: S101 - a join never yields two Nones
            yield Reject(str(annotation["question_id"]), "no_question")
        elif annotation is None:
            yield Reject(str(question["question_id"]), "no_answer")
        elif not question["question"].strip():
            yield Reject(str(question["question_id"]), "no_question")
        else:
            yield question, annotation


def most_common(answers: Sequence[str]) -> str:
    """Return the most frequent answer, stripped; of equally frequent ones the first.

    Answers are stripped before they are counted; blank ones do not count, and ``""`` is returned
    if there is no other. The rule is ours, for datasets that publish several answers and no
    single one: where there is an official one, as ``multiple_choice_answer`` of VQA v2, use that.
    """
    counts: dict[str, int] = {}
    for answer in answers:
        if stripped := answer.strip():
            counts[stripped] = counts.get(stripped, 0) + 1
    return max(counts, key=counts.__getitem__, default="")
