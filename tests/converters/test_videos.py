"""Video tasks: every question of a clip, names of clips, and the files that captions are in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.records import Frames, Instance, Split
from m3it_builder.samples.files import write_bytes
from tests.support.conversion import convert
from tests.support.paths import FIXTURES


def rows_of(
    task: str, split: Split = "train", source: Path | None = None, **options: str
) -> dict[str, Instance]:
    rows, _ = convert(
        load_task(task).with_options(options), split, source or FIXTURES / task / "source"
    )
    return {row.record.id: row for row in rows}


@pytest.mark.parametrize("task", ["msvd-qa", "activitynet-qa", "ivqa", "ss", "msrvtt"])
def test_frames_and_sampling_are_options(task: str) -> None:
    rows = rows_of(task, "validation", frames="3", sampling="middles")
    assert rows
    for row in rows.values():
        (clip,) = row.record.images
        assert clip.selection == Frames(3, "middles")


def test_all_questions_of_msvd() -> None:
    """A repeated question is an example each time; meta has its answers, each once."""
    rows = rows_of("msvd-qa", questions="all")
    repeated = ["2", "777", "778"]
    assert [rows[key].inputs for key in repeated] == ["what is this ?"] * 3
    assert [rows[key].outputs for key in repeated] == ["slouse", "brush", "slouse"]
    for key in repeated:
        assert rows[key].record.meta["answers"] == ["slouse", "brush"]
    assert rows["3"].record.meta["answers"] == [rows["3"].outputs]


def test_archive_of_msvd_qa_alone(tmp_path: Path) -> None:
    """The names of the mapping have no clips: those by number are used, from either source."""
    source = tmp_path / "src"
    shutil.copytree(FIXTURES / "msvd-qa" / "source", source)
    named = source / "msvd-videos" / "YouTubeClips"
    for number, path in ((1, "-a_b-c__d-1_5_15.avi"), (5, "efghijklmn5_9_12.mp4")):
        target = source / "msvd-qa-annotations" / "video" / f"vid{number}{Path(path).suffix}"
        (named / path).rename(target)
    expected = rows_of("msvd-qa")
    assert rows_of("msvd-qa", source=source).keys() == expected.keys()


def test_all_questions_of_activitynet() -> None:
    rows = rows_of("activitynet-qa", questions="all")
    pair = [rows["v_-a_b-c__d-1_1"], rows["v_-a_b-c__d-1_4"]]
    assert {row.inputs for row in pair} == {"is the shape’s direction left"}
    assert [row.outputs for row in pair] == ["yes", "no"]
    assert all(row.record.meta["answers"] == ["yes", "no"] for row in pair)
    assert pair[0].record.meta["type"] == "yes/no"


@pytest.mark.parametrize("count", [2, 10, 20])
def test_number_of_candidate_actions(count: int) -> None:
    """The fixture has twenty classes, the official list 174."""
    rows = rows_of("ss", candidates=str(count))
    for row in rows.values():
        (turn,) = row.record.turns
        assert len(set(turn.choices)) == len(turn.choices) == count
        assert turn.choices[turn.gold or 0] == turn.answer
        assert "[" not in "".join(turn.choices)


def test_captions_in_any_file_give_the_same_rows(tmp_path: Path) -> None:
    """The file of CLIP4Clip, the official ones, or the one of the videos' archive."""
    source = tmp_path / "src"
    shutil.copytree(FIXTURES / "msrvtt" / "source", source)
    splits: tuple[Split, ...] = ("train", "validation", "test")
    for removed in ("", "msrvtt-splits-clip4clip", "msrvtt-annotations-official"):
        if removed:
            shutil.rmtree(source / removed)
        for split in splits:
            for captions in ("one", "all"):
                rows = rows_of("msrvtt", split, source, captions=captions)
                expected = rows_of("msrvtt", split, captions=captions)
                assert {k: r.outputs for k, r in rows.items()} == {
                    k: r.outputs for k, r in expected.items()
                }
                has_origin = {"start time" in row.record.meta for row in rows.values()}
                assert has_origin == {removed != "msrvtt-annotations-official"}


def test_official_captions_are_detected_by_their_keys(tmp_path: Path) -> None:
    """``MSR_VTT.json`` has the schema of COCO, but what counts is the content."""
    source = tmp_path / "src"
    shutil.copytree(FIXTURES / "msrvtt" / "source", source)
    clip4clip = source / "msrvtt-splits-clip4clip"
    official = (clip4clip / "MSRVTT_data.json").read_bytes()
    shutil.rmtree(clip4clip)
    shutil.rmtree(source / "msrvtt-annotations-official")
    write_bytes(source / "msrvtt-videos" / "MSRVTT" / "annotation" / "MSR_VTT.json", official)
    expected = rows_of("msrvtt")
    assert {k: r.outputs for k, r in rows_of("msrvtt", source=source).items()} == {
        k: r.outputs for k, r in expected.items()
    }


def test_all_captions_of_msrvtt() -> None:
    """Test has a listed caption, and three in the file, the listed one among them."""
    (listed,) = {r.outputs for r in rows_of("msrvtt", "test").values() if "yellow" in r.outputs}
    rows = rows_of("msrvtt", "test", captions="all")
    assert len(rows) == 6
    assert listed in {row.outputs for row in rows.values()}
    assert len(rows_of("msrvtt", "validation", captions="all")) == 6
