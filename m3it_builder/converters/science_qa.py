"""ScienceQA: school questions with choices, about half of them without an image.

``problems.json`` is one object keyed by problem id; each problem has its split.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

KEPT = ("task", "grade", "subject", "topic", "category", "skill", "lecture", "solution")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per problem; its hint is context, its lecture and solution are meta."""
    for number, problem in source.entries("scienceqa-annotations/problems.json"):
        if not source.in_split(problem["split"]):
            continue
        choices = tuple(choice.strip() for choice in problem["choices"])
        gold = problem["answer"]
        if not 0 <= gold < len(choices):
            yield Reject(number, "no_answer", f"answer {gold} of {len(choices)} choices")
            continue
        if not (question := problem["question"].strip()):
            yield Reject(number, "no_question")
            continue
        image = problem["image"]
        path = f"scienceqa-images/{source.file_split}/{number}/{image}"
        yield Record(
            id=number,
            turns=(Turn(question, choices[gold], choices, gold),),
            images=(source.image(path),) if image else (),
            context=problem["hint"].strip(),
            meta={key: problem[key].strip() for key in KEPT},
        )
