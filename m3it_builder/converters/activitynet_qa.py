"""ActivityNet-QA: questions about videos of everyday activities, with short answers.

Questions and answers are two files, joined by ``question_id``. There are ten questions per
video; the published sets have one, and how it was selected is not known.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.videos import ClipQuestion, records_by_clip
from m3it_builder.formats.vqa import question_pairs

ANNOTATIONS = "activitynet-qa-annotations"
KINDS = ("motion", "spatial relation", "temporal relation", "yes/no", "color", "object",
         "location", "number", "other")  # fmt: skip


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per video, or per question; its images are frames of the video."""
    yield from records_by_clip(source, _questions(source))


def _questions(source: Source) -> Iterator[ClipQuestion | Reject]:
    stem = f"{ANNOTATIONS}/{source.file_split}"
    for pair in question_pairs(source, f"{stem}_q.json", f"{stem}_a.json", ("", "")):
        if isinstance(pair, Reject):
            yield pair
            continue
        question, answer = pair
        video = question["video_name"]
        yield ClipQuestion(
            id=question["question_id"],
            clip=video,
            names=(f"activitynet-videos/v_{video}.mp4",),
            question=question["question"],
            answer=answer["answer"],
            meta={"video_name": video, "type": KINDS[answer["type"]]},
        )
