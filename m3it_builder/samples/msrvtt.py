"""MSR-VTT's layout: clips of one moving shape with captions, and the lists of the "7k" split."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.clips import clip, write_clip
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.world import World

FIRST = {"train": 0, "test": 200_000, "validation": 300_000}  # the last ones are in no list
CLIPS = Path("msrvtt-videos") / "MSRVTT" / "videos" / "all"
CAPTIONS = Path("msrvtt-splits-clip4clip") / "MSRVTT_data.json"


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` clips per split."""
    numbers = {split: range(first, first + count) for split, first in FIRST.items()}
    everything = [number for split in numbers.values() for number in split]
    for number in everything:
        write_clip(sources / CLIPS / f"video{number}.mp4", world, number)
    write_json(sources / CAPTIONS, captions(world, everything))
    write_lists(
        sources,
        [f"video{number}" for number in numbers["train"]],
        {f"video{number}": sentences(world, number)[0] for number in numbers["test"]},
    )


def sentences(world: World, number: int) -> list[str]:
    """Return the captions of one clip."""
    moved = clip(world, number)
    return [
        f"{moved.name} moves {moved.way}",
        f"there is {moved.name} that goes {moved.way} in front of a plain background",
        f"in this animation {moved.name} travels {moved.way}",
    ]


def captions(world: World, numbers: Iterable[int]) -> JsonObject:
    """Return the official file of captions."""
    videos: list[JsonObject] = []
    rows: list[JsonObject] = []
    for number in numbers:
        video = f"video{number}"
        times: JsonObject = {"start time": 1.5, "end time": 3.5}
        address = f"https://www.youtube.com/watch?v=clip{number:07d}"
        fields = {"category": number % 20, "url": address, "split": "train", "id": number}
        videos.append({"video_id": video, **times, **fields})
        for caption in sentences(world, number):
            rows.append({"caption": caption, "video_id": video, "sen_id": len(rows)})
    return {"info": {"version": "1.0"}, "videos": videos, "sentences": rows}


def write_lists(sources: Path, train: list[str], test: dict[str, str]) -> None:
    """Write the lists of the training and the test clips."""
    folder = sources / "msrvtt-split-lists"
    lines = ["key,vid_key,video_id,sentence"]
    for n, (video, sentence) in enumerate(test.items()):
        lines.append(f"ret{n},msr{video.removeprefix('video')},{video},{sentence}")
    write_bytes(folder / "MSRVTT_JSFUSION_test.csv", "".join(f"{x}\n" for x in lines).encode())
    text = "".join(f"{video}\n" for video in ["video_id", *train])
    write_bytes(folder / "MSRVTT_train.7k.csv", text.encode())
