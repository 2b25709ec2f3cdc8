"""Stage III, quality check: errors in a single record or instance.

Records are checked before rows are chosen, texts after they are rendered. Images are
checked by the packer, which reads them; errors that involve several rows are found by
audits, in SQL over the finished build.

Other stages reject, too; converters need not check these:

| reason | stage | meaning |
|---|---|---|
| ``answer_withheld`` | convert | the card says that the answers of the split are withheld |
| ``empty_id``, ``damaged_text`` | convert | no id; NUL or a lone surrogate in a text |
| ``number_not_finite``, ``nested_too_deeply`` | convert | a value in ``meta`` |
| ``image_missing`` | locate | no source file, image or video, has this name |
| ``duplicate_id`` | spool | the id occurs before in the split; the first record is kept |
| ``not_sampled``, ``over_limit`` | spool | not in the published sample; beyond ``--limit`` |
| ``dropped`` | drop | listed in a drop list |
| ``image_damaged``, ``image_undecodable``, ``image_oversized`` | pack | an image |
| ``image_too_small``, ``image_aspect`` | pack | an image, by limits of the pipeline |
| ``video_unreadable``, ``video_damaged`` and others | pack | a video; see docs/video.md |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from m3it_builder.cards.cards import TaskCard
from m3it_builder.errors import CardError
from m3it_builder.records import Instance, Record, Reject
from m3it_builder.stages import RejectSink
from m3it_builder.stages.scripts import has_mojibake, is_in_script

MAX_OUTPUT_CHARS = 20_000  # of ``long_output``
_BOX_TOKEN = re.compile(r"\{box:(\d{1,6})\}")


@dataclass(frozen=True, slots=True)
class RowTexts:
    """What is checked of a rendered row."""

    inputs: str
    outputs: str
    lang: str  # BCP 47
    has_images: bool


Check = Callable[[Record, TaskCard], str | None]  # the detail of a reject, or None
TextCheck = Callable[[RowTexts], bool]  # True if it passes


def check_records(
    records: Iterable[Record], card: TaskCard, names: Iterable[str], reject: RejectSink
) -> Iterator[Record]:
    """Yield the records that pass all named checks.

    Raises:
        CardError: one of the names is unknown.
    """
    named = [(name, _named(name)) for name in names]
    checks = [(name, check) for name, check in named if check]  # the others are of texts
    for record in records:
        for reason, check in checks:
            if (detail := check(record, card)) is not None:
                reject("check", Reject(record.id, reason, detail))
                break
        else:
            yield record


def check_texts(
    instances: Iterable[Instance], names: Iterable[str], reject: RejectSink
) -> Iterator[Instance]:
    """Yield the rendered instances that pass those of the named checks that apply to texts."""
    names = tuple(names)
    for instance in instances:
        record = instance.record
        texts = RowTexts(instance.inputs, instance.outputs, instance.lang, bool(record.images))
        reason = text_problem(texts, names)
        if reason is None:
            yield instance
        else:
            reject("check", Reject(record.id, reason, ""))


def text_problem(texts: RowTexts, names: Iterable[str]) -> str | None:
    """Return the first of the named checks that the texts of a row do not pass."""
    for name in names:
        if name in TEXT_CHECKS and not TEXT_CHECKS[name](texts):
            return name
    return None


def empty_output(record: Record, card: TaskCard) -> str | None:
    """The target text is blank."""
    last = record.turns[-1]
    is_letter = last.gold is not None and card.render.answer != "text"
    return None if is_letter or last.answer.strip() else ""


def empty_input(record: Record, _: TaskCard) -> str | None:
    """The record has neither an image nor an input text."""
    *history, last = record.turns
    has_input = history or last.choices or last.question.strip() or record.context.strip()
    return None if record.images or has_input else ""


def image_count(record: Record, card: TaskCard) -> str | None:
    """The card does not allow this number of images; loaders would drop the surplus."""
    count = sum([image.count for image in record.images])
    fits = card.images.min <= count <= card.images.max
    return None if fits else f"{count}, not {card.images.min} to {card.images.max}"


def gold_not_in_choices(record: Record, _: TaskCard) -> str | None:
    """The gold choice does not exist, or is not the answer."""
    for turn in record.turns:
        if turn.gold is None:
            continue
        if not 0 <= turn.gold < len(turn.choices) or turn.choices[turn.gold] != turn.answer:
            return f"choice {turn.gold} of {len(turn.choices)}"
    return None


def duplicate_choice(record: Record, _: TaskCard) -> str | None:
    """Two choices of a question are equal."""
    for turn in record.turns:
        if len(set(turn.choices)) != len(turn.choices):
            return f"{len(turn.choices)} choices, {len(set(turn.choices))} distinct"
    return None


def empty_choice(record: Record, _: TaskCard) -> str | None:
    """A choice of a question is blank."""
    for turn in record.turns:
        for position, choice in enumerate(turn.choices):
            if not choice.strip():
                return f"choice {position} of {len(turn.choices)}"
    return None


def box_outside(record: Record, _: TaskCard) -> str | None:
    """A box is empty, has swapped corners, or is completely outside its image."""
    for region in record.regions:
        x0, y0, x1, y1 = region.box
        width, height = record.images[region.image].size or (inf, inf)
        if not (-inf < x0 < x1 < inf and -inf < y0 < y1 < inf):
            return f"{region.box}"
        if not (x0 < width and y0 < height and x1 > 0 and y1 > 0):
            return f"{region.box} in {width}x{height}"
    return None


def region_missing(record: Record, _: TaskCard) -> str | None:
    """A text refers to a region that the record does not have."""
    if not record.regions:
        return None  # what looks like a token is text of the source
    turns = record.turns
    texts = [record.context, *(text for turn in turns for text in (turn.question, turn.answer))]
    for number in _BOX_TOKEN.findall("\n".join(texts)):
        if int(number) >= len(record.regions):
            return f"{{box:{number}}} of {len(record.regions)} regions"
    return None


def placeholder_answer(record: Record, card: TaskCard) -> str | None:
    """The answer is one that the card lists as a placeholder, such as "unanswerable"."""
    answer = record.turns[-1].answer.strip().lower()
    return answer if answer in map(str.lower, card.placeholder_answers) else None


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        empty_output,
        empty_input,
        image_count,
        gold_not_in_choices,
        duplicate_choice,
        empty_choice,
        box_outside,
        region_missing,
        placeholder_answer,
    )
}
# The first two repeat checks of records, since a model may have rewritten the turns from which
# texts are rendered. A pipeline asks for the others: genuine sources have such rows.
TEXT_CHECKS: Mapping[str, TextCheck] = {
    "empty_output": lambda texts: bool(texts.outputs.strip()),
    "empty_input": lambda texts: texts.has_images or bool(texts.inputs.strip()),
    "long_output": lambda texts: len(texts.outputs) <= MAX_OUTPUT_CHARS,
    "wrong_language": lambda texts: is_in_script(texts.outputs, texts.lang),
    "encoding_damage": lambda texts: not has_mojibake(f"{texts.inputs}\n{texts.outputs}"),
}
KNOWN = (*CHECKS, *(name for name in TEXT_CHECKS if name not in CHECKS))


def _named(name: str) -> Check | None:
    if name not in KNOWN:
        raise CardError(f"unknown check {name!r}; available: {', '.join(KNOWN)}")
    return CHECKS.get(name)
