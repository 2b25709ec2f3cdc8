"""MSR-VTT: a caption for a short clip, with the "7k" lists of clips.

Two lists name the training clips and the test clips; a test clip comes with its caption. The
captions of the others are in one of several files, of two schemas.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.groups import one_of_each
from m3it_builder.formats.msrvtt import captions, details
from m3it_builder.formats.videos import clip_frames

LISTS = "msrvtt-split-lists"
FILES = (  # the first one present is read; only the last one is part of MSRVTT.zip
    ("msrvtt-splits-clip4clip/MSRVTT_data.json",),
    ("msrvtt-annotations-official/train_val_videodatainfo.json",
     "msrvtt-annotations-official/test_videodatainfo.json"),
    ("msrvtt-videos/MSRVTT/annotation/MSR_VTT.json",),
)  # fmt: skip


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per clip, or per caption; its images are frames of the clip."""
    files = next((names for names in FILES if source.find(names[0])), FILES[-1])
    origins = source.lookup(details(source, files))
    everything = source.option("captions") == "all"
    for video, texts in _clips(source, files, everything):
        image = clip_frames(source, f"msrvtt-videos/MSRVTT/videos/all/{video}.mp4")
        meta = {"video_id": video, **(origins.get(video) or {})}
        records = []
        for number, text in enumerate(texts):
            key = f"{video}-{number}"
            if text:
                records.append(Record(id=key, turns=(Turn("", text),), images=(image,), meta=meta))
            else:
                yield Reject(key, "no_answer")
        if records or not texts:
            yield from one_of_each(
                [(video, records)], lambda record: record, source.task, everything=everything
            )


def _clips(
    source: Source, files: tuple[str, ...], everything: bool
) -> Iterator[tuple[str, list[str]]]:
    """Yield the clips of the split with their captions; validation has those in neither list."""
    train = [row["video_id"] for row in source.csv(f"{LISTS}/MSRVTT_train.7k.csv")]
    test = {r["video_id"]: r["sentence"] for r in source.csv(f"{LISTS}/MSRVTT_JSFUSION_test.csv")}
    if source.split == "test" and not everything:
        yield from ((video, [" ".join(text.split())]) for video, text in test.items())
        return
    by_clip = source.lookup(captions(source, files))
    if source.split == "validation":
        listed = {*train, *test}
        yield from (group for group in by_clip.groups() if group[0] not in listed)
        return
    for video in train if source.split == "train" else test:
        yield video, by_clip.all(video)
