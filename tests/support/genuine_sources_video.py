"""Writers of sources from genuine slices: questions and captions of video tasks.

As in ``genuine_sources``, each function writes one source folder. Clips are public test clips,
whatever the annotations are about.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_json
from tests.support.slices import real_folder


def msvd_qa(part: str) -> Callable[[Path], None]:
    """Write genuine questions in the official container, and the genuine list of names."""

    def write(sources: Path) -> None:
        folder = real_folder("msvd_qa")
        file = folder / "reconstructed_not_original" / f"{part}_qa.json"
        write_bytes(sources / "msvd-qa-annotations" / file.name, file.read_bytes())
        mapping = folder / "youtube_mapping.txt"
        write_bytes(sources / "msvd-mapping" / mapping.name, mapping.read_bytes())
        stems = mapping.read_text().replace("\r", "").split("\n")
        for number in {row["video_id"] for row in json.loads(file.read_text())}:
            name, _, label = stems[number - 1].partition(" ")
            official = f"YouTubeClips/{name}.avi"
            path = official if number % 2 else f"video/{label}.avi"
            _link(sources / "msvd-videos" / path, "mmaction2_test.avi")  # MPEG-4 with B-frames

    return write


def activitynet_qa(part: str) -> Callable[[Path], None]:
    """Write genuine questions and answers."""

    def write(sources: Path) -> None:
        for kind in ("q", "a"):
            file = real_folder("activitynet_qa") / "dataset" / f"{part}_{kind}.json"
            write_bytes(sources / "activitynet-qa-annotations" / file.name, file.read_bytes())
        questions = sources / "activitynet-qa-annotations" / f"{part}_q.json"
        for number, row in enumerate(json.loads(questions.read_text())):
            clip = ("torchcodec_h265_video.mp4", "torchcodec_av1_video.mkv")[number % 2]
            target = f"v_{row['video_name']}{Path(clip).suffix}"
            if not list((sources / "activitynet-videos").glob(f"v_{row['video_name']}.*")):
                _link(sources / "activitynet-videos" / target, clip)

    return write


def msrvtt(sources: Path) -> None:
    """Write genuine lists, of which the test list has captions; those of training are invented."""
    for name in ("MSRVTT_train.7k.csv", "MSRVTT_JSFUSION_test.csv"):
        file = real_folder("msrvtt") / name
        write_bytes(sources / "msrvtt-split-lists" / name, file.read_bytes())
    videos: list[JsonObject] = []
    sentences: list[JsonObject] = []
    for name in ("MSRVTT_train.7k.csv", "MSRVTT_JSFUSION_test.csv"):
        with (sources / "msrvtt-split-lists" / name).open(newline="") as rows:
            for row in csv.DictReader(rows):
                video = row["video_id"]
                videos.append({"video_id": video, "id": int(video[5:])})
                caption = row.get("sentence", f"a clip, number {video[5:]}")
                sentences.append({"video_id": video, "caption": caption})
                path = sources / "msrvtt-videos" / "TrainValVideo" / f"{video}.mp4"
                _link(path, "torchcodec_h265_video.mp4")
    record: JsonObject = {  # the one genuine record, as the official readme describes it
        "category": 9, "url": "https://www.youtube.com/watch?v=9lZi22qLlEo",
        "video_id": "video0", "start time": 137.72, "end time": 149.44, "split": "train", "id": 0,
    }  # fmt: skip
    videos = [record if video["video_id"] == "video0" else video for video in videos]
    data = {"info": {}, "videos": videos, "sentences": sentences}
    write_json(sources / "msrvtt-splits-clip4clip" / "MSRVTT_data.json", data)


def _link(target: Path, clip: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(real_folder("videos") / clip)
