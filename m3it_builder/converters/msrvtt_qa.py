"""MSRVTT-QA: questions about short clips, answered in one word.

Questions refer to their clip by number; the file is ``video<number>.mp4``. The published
sets have one question per clip; how it was selected is not known.
"""

from collections.abc import Iterator
from functools import partial

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.groups import one_of_each
from m3it_builder.records import JsonObject


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per clip, or per question; its images are frames of the clip."""
    file = f"msrvtt-qa-annotations/{source.file_split}_qa.json"
    clips = source.lookup((row["video_id"], row) for row in source.items(file))
    yield from one_of_each(
        clips.groups(),
        partial(_record, source),
        source.task,
        everything=source.option("questions") == "all",
    )


def _record(source: Source, row: JsonObject) -> Record:
    clip = source.video(
        f"msrvtt-videos/MSRVTT/videos/all/video{row['video_id']}.mp4",
        int(source.option("frames")),
        str(source.option("sampling")),
    )
    return Record(
        id=str(row["id"]),
        turns=(Turn(row["question"].strip(), row["answer"].strip()),),
        images=(clip,),
        meta={"video_id": row["video_id"], "category_id": row["category_id"]},
    )
