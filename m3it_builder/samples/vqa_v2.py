"""VQA v2.0's layout: one question about a color per synthetic image, with ten answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import coco_number, write_coco, write_json
from m3it_builder.samples.questions import ask, wrong_answers
from m3it_builder.samples.world import World

_FIRST = 10_000  # index of the first image; other tasks have those before it
LICENSE = {
    "url": "http://creativecommons.org/licenses/by/4.0/",
    "name": "Creative Commons Attribution 4.0 International License",
}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` training questions and ``count`` validation questions."""
    for year in ("train2014", "val2014"):
        indices = range(_FIRST, _FIRST + count)
        write_coco(sources, world, year, indices)
        pairs = [question(world, year, index) for index in indices]
        write_pairs(sources, year, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def question(world: World, year: str, index: int) -> tuple[JsonObject, JsonObject]:
    """Return the question and the annotation of one image."""
    number = coco_number(year, index)
    rng = world.rng(f"vqa-v2/{number}")
    asked = ask(world.scene(number), "color", rng)
    ids = {"image_id": number, "question_id": number * 1000}
    others = wrong_answers("color", asked.answer, rng, 2)
    answers = [asked.answer] * 7 + [others[0]] * 2 + [others[1]]
    rng.shuffle(answers)
    annotation = {
        "question_type": " ".join(asked.text.lower().split()[:3]),
        "multiple_choice_answer": asked.answer,
        "answers": numbered(answers),
        "answer_type": "other",
        **ids,
    }
    return {**ids, "question": asked.text}, annotation


def numbered(answers: list[str]) -> list[JsonObject]:
    """Return answers as the official files list them."""
    return [
        {"answer": answer, "answer_confidence": "yes", "answer_id": n}
        for n, answer in enumerate(answers, 1)
    ]


def write_pairs(
    sources: Path, year: str, questions: list[JsonObject], annotations: list[JsonObject]
) -> None:
    """Write the two official files of one split."""
    wrapper: dict[str, Any] = {
        "info": {"description": "Synthetic data in the layout of VQA v2.0.", "version": "2.0"},
        "license": LICENSE,
        "data_subtype": year,
        "data_type": "mscoco",
    }
    folder = sources / "vqa-v2-annotations"
    write_json(
        folder / f"v2_OpenEnded_mscoco_{year}_questions.json",
        {**wrapper, "task_type": "Open-Ended", "questions": questions},
    )
    write_json(
        folder / f"v2_mscoco_{year}_annotations.json", {**wrapper, "annotations": annotations}
    )
