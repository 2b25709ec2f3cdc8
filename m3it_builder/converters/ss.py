"""Something-Something v2: what is done with the things in a clip, out of lettered classes.

An annotation has a template with slots in brackets, such as ``Holding [something]``; without the
brackets it is one of the 174 class names. The test answers are a file of their own, without
header, whose cells are separated by a semicolon because class names contain commas.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.options import choice_turn, distractors, seeded
from m3it_builder.formats.videos import clip_frames
from m3it_builder.records import JsonObject

LABELS = "something-something-v2-annotations/labels"
CLIPS = "something-something-v2-videos/20bn-something-something-v2"
NO_BRACKETS = str.maketrans("", "", "[]")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per clip; the right class is always among the options."""
    numbers = source.json(f"{LABELS}/labels.json")  # class name: number, as a string
    classes, count = sorted(numbers), int(source.option("candidates"))
    for clip, name, meta in _test(source) if source.split == "test" else _labeled(source):
        if name not in numbers:
            yield Reject(clip, "no_answer", f"class {name!r} is in no list")
            continue
        rng = seeded(source.task, clip)
        yield Record(
            id=clip,
            turns=(choice_turn(rng, name, distractors(rng, classes, name, count - 1)),),
            images=(clip_frames(source, f"{CLIPS}/{clip}.webm"),),
            meta={"class": numbers[name], **meta},
        )


def _labeled(source: Source) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield (clip, class, meta)."""
    for row in source.items(f"{LABELS}/{source.split}.json"):
        meta = {"label": row["label"], "placeholders": row["placeholders"]}
        yield row["id"], row["template"].translate(NO_BRACKETS), meta


def _test(source: Source) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield the same; a clip without answer has the class ``""``."""
    lines = (line.partition(";") for line in source.text(f"{LABELS}/test-answers.csv"))
    answers = source.lookup((clip, name) for clip, _, name in lines)
    for row in source.items(f"{LABELS}/test.json"):
        yield row["id"], answers.get(row["id"]) or "", {}
