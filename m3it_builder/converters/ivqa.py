"""iVQA: questions about short clips of instructional videos, answered by five annotators.

A clip is named by the id of its video and the seconds that were cut out of it. There is one
question per clip and no official answer among the five.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.videos import clip_frames
from m3it_builder.formats.vqa import most_common

ANSWERS = [f"answer{number}" for number in range(1, 6)]


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per clip; the target is the answer most annotators gave."""
    for row in source.csv(f"ivqa-annotations/{source.file_split}.csv"):
        times = [_whole(row[column]) for column in ("start", "end")]
        clip = "_".join([row["video_id"], *times])
        answers = [row[column] for column in ANSWERS]
        question = " ".join(row["question"].split())
        answer = most_common([answer.lower() for answer in answers])
        if not (question and answer):
            yield Reject(clip, "no_answer" if question else "no_question")
            continue
        yield Record(
            id=clip,
            turns=(Turn(question, answer),),
            images=(clip_frames(source, f"ivqa-videos/iVQA_videos/{clip}.webm"),),
            meta={
                "video_id": row["video_id"],
                "seconds": [int(time) for time in times],
                "answers": answers,
            },
        )


def _whole(seconds: str) -> str:
    """Return seconds without the zeros of a spreadsheet after the point, as files are named."""
    whole, _, fraction = seconds.strip().partition(".")
    return seconds if fraction.strip("0") else whole
