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

    A question without annotation is rejected as ``no_answer``, an annotation
    without question as ``no_question``.
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
        else:
            yield question, annotation


def most_common(answers: Sequence[str]) -> str:
    """Return the most frequent answer, stripped; of equally frequent ones the first.

    The rule is ours: these datasets publish several answers and no single one.
    """
    counts: dict[str, int] = {}
    for answer in answers:
        if stripped := answer.strip():
            counts[stripped] = counts.get(stripped, 0) + 1
    return max(counts, key=counts.__getitem__, default="")
