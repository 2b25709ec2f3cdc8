"""Image quality: databases that are not in the fixture, and scales without extent."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import CardError
from m3it_builder.records import Split
from m3it_builder.samples.files import write_bytes, write_scene
from tests.support.conversion import WORLD, convert

LISTS = {
    # The scores of A57 are differences, those of Toyama end in a blank.
    "A57": ["A57/images/dst_imgs/a.bmp,JPEG,A57/images/src_imgs/a.bmp,0.108",
            "A57/images/dst_imgs/b.bmp,Blur,A57/images/src_imgs/a.bmp,0.909"],
    "Toyama": ["Toyama/jpeg/a.bmp,JPEG,Toyama/ref_imgs/a.bmp,4.69 ",
               "Toyama/jpeg/b.bmp,JPEG,Toyama/ref_imgs/a.bmp,1.02 "],
    # The splits of UHD-IQA are its folders.
    "UHD-IQA": ["UHD-IQA/training/1.jpg,Authentic,0.76", "UHD-IQA/test/2.jpg,Authentic,0.3",
                "UHD-IQA/validation/3.jpg,Authentic,0.5"],
    "SPAQ": ["SPAQ/TestImage/1.jpg,Authentic,50", "SPAQ/TestImage/2.jpg,Authentic,50"],
    "Waterloo": ["Waterloo/1.jpg,Authentic,50"],
}  # fmt: skip


def grades(
    sources: Path, database: str, split: Split
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Write the list of one database and its images; return the grades by id, and the rejects."""
    lines = LISTS[database]
    header = "dis_img_path,dis_type,ref_img_path,score"
    if lines[0].count(",") < header.count(","):
        header = "dis_img_path,dis_type,score"
    text = "\n".join([header, *lines]).encode()
    write_bytes(sources / "iqa-dataset-scores" / f"{database}.txt", text)
    for number, line in enumerate(lines):
        write_scene(sources / "iqa-dataset-images" / line.partition(",")[0], WORLD, number)
    task = load_task("iqa-mixed").with_options({"databases": database})
    rows, rejects = convert(task, split, sources)
    return {row.record.id: row.record.turns[0].answer for row in rows}, rejects


def test_direction_of_a_scale(tmp_path: Path) -> None:
    assert grades(tmp_path, "A57", "train") == (
        {"A57/images/dst_imgs/a.bmp": "excellent", "A57/images/dst_imgs/b.bmp": "bad"},
        [],
    )
    assert grades(tmp_path, "Toyama", "train") == (
        {"Toyama/jpeg/a.bmp": "excellent", "Toyama/jpeg/b.bmp": "bad"},
        [],
    )


def test_official_splits_are_kept(tmp_path: Path) -> None:
    """The scale is that of the whole database, not of a split."""
    assert grades(tmp_path, "UHD-IQA", "train")[0] == {"UHD-IQA/training/1.jpg": "excellent"}
    assert grades(tmp_path, "UHD-IQA", "validation")[0] == {"UHD-IQA/validation/3.jpg": "fair"}
    assert grades(tmp_path, "UHD-IQA", "test")[0] == {"UHD-IQA/test/2.jpg": "bad"}


def test_equal_scores_have_no_grade(tmp_path: Path) -> None:
    rows, rejects = grades(tmp_path, "SPAQ", "train")
    assert not rows
    assert [reason for _, reason in rejects] == ["no_answer", "no_answer"]


def test_unknown_database(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"has 'Waterloo'; it takes koniq10k, SPAQ"):
        grades(tmp_path, "Waterloo", "train")
