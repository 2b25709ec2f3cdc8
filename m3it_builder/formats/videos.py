"""The video family: frames of a clip, and several questions about each clip."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from m3it_builder.formats.groups import one_of_each
from m3it_builder.records import Image, Record, Reject, Turn
from m3it_builder.sources.source import Source


class ClipQuestion(NamedTuple):
    """One question about a clip, with the answer of one annotation."""

    id: str
    clip: str | int  # what the annotation calls the clip
    names: Sequence[str]  # of its file, as for ``clip_frames``
    question: str
    answer: str
    meta: Mapping[str, Any]


def clip_frames(source: Source, name: str, *others: str) -> Image:
    """Return frames of a clip; the options ``frames`` and ``sampling`` of the card select them.

    Args:
        source: of the task.
        name: of the file; other video suffixes are tried, too.
        others: further names to try, in this order.
    """
    image = source.video(name, int(source.option("frames")), str(source.option("sampling")))
    return replace(image, other_names=others)


def records_by_clip(
    source: Source, questions: Iterable[ClipQuestion | Reject]
) -> Iterator[Record | Reject]:
    """Yield one record per clip, or one per question if the option ``questions`` is ``all``.

    Whitespace is normalized. A blank question is rejected as ``no_question``, a blank answer as
    ``no_answer``. A question may be repeated for the same clip, with different answers: each is
    an example of its own, and ``answers`` in its meta has all of them.
    """
    clips = source.lookup(())
    for entry in questions:
        if isinstance(entry, Reject):
            yield entry
            continue
        question, answer = (" ".join(text.split()) for text in (entry.question, entry.answer))
        if question and answer:
            clips.put(entry.clip, entry._replace(question=question, answer=answer))
        else:
            yield Reject(entry.id, "no_answer" if question else "no_question")
    yield from one_of_each(
        ((clip, _records(source, rows)) for clip, rows in clips.groups()),
        lambda record: record,
        source.task,
        everything=source.option("questions") == "all",
    )


def generated_questions(
    source: Source, annotations: str, prefix: str, suffix: str
) -> Iterator[ClipQuestion]:
    """Yield the questions of MSVD-QA or MSRVTT-QA, which were generated from captions.

    Args:
        source: of the task.
        annotations: id of the source with ``train_qa.json`` and the others.
        prefix: of the names of clips, before the number.
        suffix: after it.
    """
    for row in source.items(f"{annotations}/{source.file_split}_qa.json"):
        meta = {key: row[key] for key in ("video_id", "category_id") if key in row}
        name = f"{prefix}{row['video_id']}{suffix}"
        yield ClipQuestion(
            str(row["id"]), row["video_id"], (name,), row["question"], row["answer"], meta
        )


def _records(source: Source, rows: Iterable[Sequence[Any]]) -> list[Record]:
    """Return the records of all questions about one clip."""
    questions = [ClipQuestion(*row) for row in rows]
    answers: dict[str, list[str]] = {}
    for entry in questions:
        same = answers.setdefault(entry.question, [])
        if entry.answer not in same:
            same.append(entry.answer)
    return [
        Record(
            id=entry.id,
            turns=(Turn(entry.question, entry.answer),),
            images=(clip_frames(source, *entry.names),),
            meta={**entry.meta, "answers": answers[entry.question]},
        )
        for entry in questions
    ]
