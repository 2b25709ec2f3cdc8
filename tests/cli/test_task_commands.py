"""``m3it ls`` and ``show``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.support.command import assert_one_line, assert_usage_error, build_okvqa, run_m3it
from tests.support.paths import ROOT


def test_ls_and_show_task() -> None:
    listed = json.loads(run_m3it("ls", "--json").stdout)
    assert {row["name"] for row in listed} >= {"okvqa", "coco", "nlvr", "nlvr-synthetic"}
    members = {row["name"] for row in listed if row["m3it"]}
    assert len(members) == 40
    assert members.isdisjoint({"vsr", "laion-400m", "nlvr-synthetic"})
    others = sum(not row["m3it"] and not row["variant_of"] for row in listed)
    assert f"(40 of M3IT, {others} others)" in run_m3it("ls").stderr
    shown = json.loads(run_m3it("show", "nlvr-synthetic", "--json", "--rows", "2").stdout)
    assert shown["options"] == {"form": "synthetic"}
    assert len(shown["instructions"]) == 10
    assert len(shown["sample_rows"]) == 2
    assert "OK-VQA" in run_m3it("show", "okvqa").stdout


def test_show_lists_optional_sources() -> None:
    text = run_m3it("show", "a-okvqa", "--rows", "0").stdout
    assert "coco-2017-train-images (train), coco-2017-val-images (validation), " in text
    assert "of several with the same images one is needed" in text
    card = json.loads(run_m3it("show", "a-okvqa", "--rows", "0", "--json").stdout)["card"]
    assert card["optional_sources"]["coco-2017-train-images"] == ["train"]


def test_ls_of_one_group() -> None:
    listed = json.loads(run_m3it("ls", "--group", "caption", "--json").stdout)
    assert {row["group"] for row in listed} == {"caption"}
    assert_usage_error(run_m3it("ls", "--group", "captions"), "--group", "did you mean caption?")


def test_show_options_of_builds_need_a_build() -> None:
    done = run_m3it("show", "okvqa", "--split", "train")
    assert_usage_error(done, "--sheet and --split need the folder of a build")
    assert_usage_error(run_m3it("show", "okvqa", "--split", "dev"), "'dev' is not one of train")


def test_show_build_as_json(sources: Path, tmp_path: Path) -> None:
    build_okvqa(sources, tmp_path / "out")
    rows = json.loads(run_m3it("show", tmp_path / "out" / "okvqa", "--rows", "2", "--json").stdout)
    assert [row["split"] for row in rows] == ["train", "train"]
    assert rows[0]["turns"][0].keys() == {"question", "answer", "choices", "gold", "said"}
    assert rows[0]["images"][0]["mime"] == "image/jpeg"


def test_show_contact_sheet(sources: Path, tmp_path: Path) -> None:
    from PIL import Image

    build_okvqa(sources, tmp_path / "out")
    sheet = tmp_path / "sheet.png"
    done = run_m3it("show", tmp_path / "out" / "okvqa", "--rows", "5", "--sheet", sheet)
    assert done.returncode == 0
    assert done.stdout.count("instruction") == 5
    with Image.open(sheet) as image:
        assert image.width == 3 * 380
        assert len(image.getcolors(1 << 20) or ()) > 50, "images and texts are drawn"


def test_contact_sheet_with_a_damaged_image(sources: Path, tmp_path: Path) -> None:
    image = sorted((sources / "coco-2014-train-images" / "train2014").iterdir())[0]
    data = image.read_bytes()
    image.write_bytes(data[: len(data) // 2] + bytes(200) + data[len(data) // 2 + 200 :])
    build_okvqa(sources, tmp_path / "out")
    words = ("show", tmp_path / "out" / "okvqa", "--rows", "20", "--sheet", tmp_path / "s.png")
    assert run_m3it(*words).returncode == 0


def test_unknown_key_in_a_card(tmp_path: Path) -> None:
    """A copy of the project with a typo in one card: only the task of that card fails."""
    for name in ("m3it_builder", "task_cards", "instructions", "pipelines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("bundled"))
    card = tmp_path / "task_cards" / "okvqa.yaml"
    card.write_text(card.read_text().replace("license:", "licence:", 1))
    env = {"PYTHONPATH": str(tmp_path)}
    done = run_m3it("show", "okvqa", cwd=tmp_path, env=env)
    assert_one_line(
        done,
        1,
        "okvqa.yaml: ",
        "unknown key 'licence' (did you mean 'license'",
        "'license' is missing",
    )
    lint = run_m3it("lint", cwd=tmp_path, env=env)
    assert lint.returncode == 1
    assert "licence" in lint.stdout
    assert run_m3it("show", "coco", cwd=tmp_path, env=env).returncode == 0
