"""MSVD-QA: questions about short clips of MSVD, answered in one word.

Questions refer to a clip by its number. MSVD names its clips by the id of the YouTube video and
the seconds that were cut out of it; ``youtube_mapping.txt`` has the number of each. The authors'
own archive has ``vid<number>.avi`` instead, so those names are tried, too.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.videos import ClipQuestion, generated_questions, records_by_clip

ANNOTATIONS = "msvd-qa-annotations"


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per clip, or per question; its images are frames of the clip."""
    yield from records_by_clip(source, _questions(source))


def _questions(source: Source) -> Iterator[ClipQuestion]:
    """Yield all questions, with the names that the clip may have."""
    lines = (line.rpartition(" ") for line in source.text("msvd-mapping/youtube_mapping.txt"))
    stems = {number: stem for stem, _, number in lines}
    for entry in generated_questions(source, ANNOTATIONS, "vid", ".avi"):
        (file,) = entry.names
        numbered = (f"msvd-videos/video/{file}", f"{ANNOTATIONS}/video/{file}")
        stem = stems.get(file.removesuffix(".avi"))
        if stem is None:
            yield entry._replace(names=numbered)
            continue
        video, start, end = stem.rsplit("_", 2)  # an id may contain underscores
        meta = {**entry.meta, "youtube_id": video, "seconds": [int(start), int(end)]}
        names = (f"msvd-videos/YouTubeClips/{stem}.avi", *numbered)
        yield entry._replace(names=names, meta=meta)
