"""The VQA family: questions and annotations in two files, several answers per question."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from m3it_builder.records import Reject
from m3it_builder.sources.source import Source

Row = Mapping[str, Any]


def question_pairs(
    source: Source,
    questions: str,
    annotations: str,
    paths: tuple[str, str] = ("questions", "annotations"),
) -> Iterator[tuple[Row, Row] | Reject]:
    """Yield (question, annotation) joined by ``question_id``, in the order of the questions.

    A question without annotation is rejected as ``no_answer``, an annotation without question,
    or with a blank one, as ``no_question``. Yield these rejects as they are.

    Args:
        source: of the task.
        questions: name of the file of questions.
        annotations: name of the file of annotations.
        paths: of the array in each file; "" if the file is the array.
    """
    for question, annotation in source.join(
        source.items(questions, paths[0]),
        source.items(annotations, paths[1]),
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


def question_rows(source: Source, name: str, key: str) -> Iterator[Row | Reject]:
    """Yield the rows of a file that has questions and answers together, under ``data``.

    A blank question is rejected as ``no_question``.

    Args:
        source: to read from.
        name: of the file.
        key: field with the id of the question.
    """
    for row in source.items(name, "data"):
        yield row if row["question"].strip() else Reject(str(row[key]), "no_question")


def first_answer(answers: Sequence[str]) -> str:
    """Return the first answer that is not blank, stripped, or ``""``.

    For datasets whose first answer is the main one and the others are ways of writing it.
    """
    return next((stripped for answer in answers if (stripped := answer.strip())), "")


def listed(value: Any) -> list[str]:
    """Return a list of texts, which re-releases as tables print as one: ``"['a', 'b']"``."""
    return ast.literal_eval(value) if isinstance(value, str) else list(value or ())


def most_common(answers: Sequence[str], preferred: str = "") -> str:
    """Return the most frequent answer, stripped; of equally frequent ones the first.

    Answers are stripped before they are counted; blank ones do not count, and ``""`` is returned
    if there is no other. The rule is ours, for datasets that publish several answers and no
    single one: where there is an official one, as ``multiple_choice_answer`` of VQA v2, use that.

    Args:
        answers: of one question.
        preferred: the one to return if it is among the most frequent.
    """
    counts = Counter(map(str.strip, answers))
    counts.pop("", None)
    if counts and counts.get(preferred.strip(), 0) == max(counts.values()):
        return preferred.strip()
    return max(counts, key=counts.__getitem__, default="")
