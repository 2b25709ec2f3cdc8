"""Filters of LAION-400M's columns, and builds of more than one shard."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.reader import read_rows, read_units
from m3it_builder.samples.laion_400m import download, metadata, write_stats, write_tar
from m3it_builder.samples.world import World
from tests.support import genuine
from tests.support.conversion import convert
from tests.support.paths import FIXTURES
from tests.support.slices import real_folder

WORLD = World(width=48, height=36)
ROWS = {
    "000000": {"NSFW": "UNLIKELY", "similarity": 0.31},
    "000001": {"NSFW": "UNSURE", "similarity": 0.33},
    "000002": {"NSFW": "NSFW", "similarity": 0.35},
    "000003": {"NSFW": None, "similarity": 0.37},
    "000004": {"NSFW": "UNLIKELY", "similarity": None},
    "000005": {"NSFW": "UNLIKELY", "similarity": 6016.0},
    "000006": {"NSFW": "UNLIKELY", "similarity": -2.5},
    "000007": {"NSFW": "UNLIKELY", "similarity": float("nan")},
}


def write_rows(sources: Path) -> None:
    groups = []
    for key, fields in ROWS.items():
        files = download(WORLD, int(key), key)
        files["json"] = metadata(json.loads(files["json"]) | fields)
        groups.append((key, files))
    write_tar(sources / "laion-400m" / "00000.tar", groups)


@pytest.mark.parametrize(
    ("options", "kept", "rejects"),
    [
        ({}, "04", {"nsfw": 3, "similarity_invalid": 3}),
        ({"nsfw": "unsure"}, "014", {"nsfw": 2, "similarity_invalid": 3}),
        ({"nsfw": "any"}, "01234", {"similarity_invalid": 3}),
        (
            {"nsfw": "any", "min_similarity": "0.35"},
            "23",
            {"similarity_too_low": 3, "similarity_invalid": 3},
        ),
    ],
)
def test_filters(
    options: dict[str, str], kept: str, rejects: dict[str, int], tmp_path: Path
) -> None:
    write_rows(tmp_path)
    task = load_task("laion-400m").with_options(options)
    rows, rejected = convert(task, "train", tmp_path)
    assert {row.record.id for row in rows} == {f"00000{number}" for number in kept}
    assert Counter(reason for _, reason in rejected) == rejects


def test_images_without_the_columns_pass(tmp_path: Path) -> None:
    files = download(WORLD, 1, "000001", is_laion=False)
    write_tar(tmp_path / "laion-400m" / "00000.tar", [("000001", files)])
    rows, rejected = convert(load_task("laion-400m"), "train", tmp_path)
    assert (len(rows), rejected) == (1, [])


def test_license_of_an_image(tmp_path: Path) -> None:
    source = FIXTURES / "laion-400m" / "source"
    rows, _ = convert(load_task("laion-400m"), "train", source)
    licenses = {row.record.id: row.image_license for row in rows}
    assert licenses["000010"] == "cc-by-nd/2.0/"
    others = {value for key, value in licenses.items() if key != "000010"}
    assert others == {load_task("laion-400m").card.image_license}


def test_a_new_shard_makes_a_build_stale(tmp_path: Path) -> None:
    sources = tmp_path / "src"
    write_rows(sources)
    write_stats(sources / "laion-400m", "00000", len(ROWS))
    task = load_task("laion-400m")
    plan = Plan(max_reject_share=1.0)
    Build(sources=sources, out=tmp_path / "out", plan=plan).unit(task, "train")
    group = ("000010", download(WORLD, 10, "000010"))
    write_tar(sources / "laion-400m" / "00001.tar", [group])
    write_stats(sources / "laion-400m", "00001", 1)
    Build(sources=sources, out=tmp_path / "out", plan=plan, replace=True).unit(task, "train")
    folder = tmp_path / "out" / "laion-400m"
    rows = list(read_rows(folder, read_units(folder, "train")[0]))
    assert {row.row.id for row in rows} == {"000000", "000004", "000010"}


@pytest.mark.parametrize("options", [{}, {"nsfw": "any"}], ids=["webdataset", "files"])
def test_images_and_captions_of_the_genuine_tool_belong_together(
    options: dict[str, str], tmp_path: Path
) -> None:
    case = next(
        case
        for case in genuine.slices()
        if (case.task, case.kind, case.options) == ("laion-400m", "genuine", options)
    )
    genuine.build(case, tmp_path)
    folder = tmp_path / "out" / "laion-400m"
    files = real_folder("laion400m") / "img2dataset_tool_output_files"
    expected = {
        path.stem: (path.read_bytes(), path.with_suffix(".txt").read_text())
        for path in files.rglob("*.jpg")
    }
    rows = list(read_rows(folder, read_units(folder, "train")[0]))
    assert {row.row.id: (row.images[0], row.row.outputs) for row in rows} == expected
