"""MSRVTT-QA: questions about short clips, answered in one word.

Questions refer to their clip by number; the file is ``video<number>.mp4``. The published
sets have one question per clip; how it was selected is not known.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.videos import generated_questions, records_by_clip

CLIP = "msrvtt-videos/MSRVTT/videos/all/video"


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per clip, or per question; its images are frames of the clip."""
    yield from records_by_clip(
        source, generated_questions(source, "msrvtt-qa-annotations", CLIP, ".mp4")
    )
