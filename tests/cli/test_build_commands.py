"""``m3it build``: exit statuses, and one clear line for each foreseen failure."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from m3it_builder.dataset.manifest import manifests
from tests.support.command import assert_one_line, assert_usage_error, build_okvqa, run_m3it
from tests.support.paths import FIXTURES, tree


def assert_unfinished(out: Path) -> None:
    """Require that nothing below a folder looks like a finished build."""
    assert not list(out.rglob("manifest.json"))
    assert not list(out.rglob("README.md"))
    assert not [p for p in out.rglob("*.tar") if ".m3it" not in p.parts]


def test_build_and_rebuild(sources: Path, tmp_path: Path) -> None:
    done = build_okvqa(sources, tmp_path / "out", "--json")
    assert done.returncode == 0
    (report,) = json.loads(done.stdout)
    assert (report["rows"], report["status"], report["rejects"]) == (20, "built", {})
    again = build_okvqa(sources, tmp_path / "out", "--json")
    assert json.loads(again.stdout)[0]["status"] == "up to date"


def test_sample_build_is_repeatable(tmp_path: Path) -> None:
    for out in ("a", "b"):
        words = ("build", "-t", "okvqa", "-t", "nlvr-synthetic", "--sample", "--sample-rows", "6")
        assert run_m3it(*words, "--out", tmp_path / out).returncode == 0
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    again = run_m3it("build", "-t", "okvqa", "--sample", "--sample-rows", "6", "-o", tmp_path / "a")
    assert again.stdout.count("up to date") == 2


def test_plan_writes_no_shard(sources: Path, tmp_path: Path) -> None:
    done = build_okvqa(sources, tmp_path / "out", "--plan", "--json")
    (report,) = json.loads(done.stdout)
    assert (report["status"], report["rows"]) == ("planned", 20)
    assert report["bytes"] > 10_000
    assert_unfinished(tmp_path / "out")
    assert build_okvqa(sources, tmp_path / "out").returncode == 0


def test_rejects_are_reported_and_do_not_fail(tmp_path: Path) -> None:
    done = build_okvqa(FIXTURES / "okvqa" / "source", tmp_path, "--max-reject-share", "0.6")
    assert done.returncode == 0
    for reason in ("no_answer", "image_missing", "empty_output", "duplicate_id", "no_question"):
        assert f"{reason} 1" in done.stdout


def test_too_many_rejects(tmp_path: Path) -> None:
    done = build_okvqa(FIXTURES / "okvqa" / "source", tmp_path)
    assert_one_line(done, 3, "5 of 9 examples were rejected", "--max-reject-share 1")
    assert_unfinished(tmp_path)


def test_missing_source(tmp_path: Path) -> None:
    done = build_okvqa(tmp_path / "nowhere", tmp_path / "out")
    assert_one_line(
        done,
        1,
        "OpenEnded_mscoco_train2014_questions.json.zip",
        "train2014.zip",
        "m3it fetch --task okvqa",
        "m3it build --task okvqa --sample",
    )
    assert not (tmp_path / "nowhere").exists()
    assert_unfinished(tmp_path / "out")


def test_missing_annotations(sources: Path, tmp_path: Path) -> None:
    (sources / "okvqa-annotations" / "mscoco_train2014_annotations.json").unlink()
    done = build_okvqa(sources, tmp_path / "out")
    expected = ("mscoco_train2014_annotations.json is missing", "m3it fetch okvqa-annotations")
    assert_one_line(done, 1, *expected)


def test_truncated_annotations(sources: Path, tmp_path: Path) -> None:
    path = sources / "okvqa-annotations" / "mscoco_train2014_annotations.json"
    path.write_bytes(path.read_bytes()[:-3_000])
    done = build_okvqa(sources, tmp_path / "out")
    assert_one_line(done, 1, "mscoco_train2014_annotations.json", "truncated or corrupt")
    assert_unfinished(tmp_path / "out")


def zip_images(sources: Path) -> Path:
    folder = sources / "coco-2014-train-images"
    path = folder / "train2014.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for image in sorted((folder / "train2014").iterdir()):
            archive.write(image, f"train2014/{image.name}")
    shutil.rmtree(folder / "train2014")
    return path


def test_truncated_archive(sources: Path, tmp_path: Path) -> None:
    path = zip_images(sources)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = build_okvqa(sources, tmp_path / "out")
    assert_one_line(done, 1, "train2014.zip: not a complete zip file", "download it again")
    assert_unfinished(tmp_path / "out")


def test_path_traversal_in_an_archive(sources: Path, tmp_path: Path) -> None:
    path = zip_images(sources)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../evil.jpg", b"x")
    done = build_okvqa(sources, tmp_path / "out")
    assert_one_line(done, 1, "train2014.zip", "member '../../evil.jpg' is a path traversal")
    assert_unfinished(tmp_path / "out")
    assert not list(tmp_path.rglob("evil.jpg"))


def test_decompression_bomb_among_annotations(sources: Path, tmp_path: Path) -> None:
    folder = sources / "okvqa-annotations"
    name = "mscoco_train2014_annotations.json"
    (folder / name).unlink()
    with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(bytes(1 << 20))
    done = build_okvqa(sources, tmp_path / "out")
    assert_one_line(done, 1, f"{name}.zip", "looks like a decompression bomb")


def test_image_with_too_many_pixels(sources: Path, tmp_path: Path) -> None:
    """A header that declares 60,000 x 60,000 pixels makes a reject; it is never decoded."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (8, 8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = (60_000).to_bytes(4) * 2
    target = sorted((sources / "coco-2014-train-images" / "train2014").iterdir())[0]
    target.write_bytes(data)
    done = build_okvqa(sources, tmp_path / "out", "--max-reject-share", "0.1")
    assert done.returncode == 0
    assert "image_oversized 1" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--format", "parket"), "'parket' is not one of webdataset, parquet, arrow, jsonl"),
        (("--format", "parket"), "did you mean parquet?"),
        (("--images", "png"), "'png' is not one of bytes, base64"),
        (("--split", "val"), "did you mean validation?"),
        (("--set", "x"), "--set takes TASK.OPTION=VALUE"),
        (("--set", "coco.x=1"), "--set names coco, which is not being built; it can name okvqa"),
        (("--set", "ok-vqa.x=1"), "ok-vqa, which is not being built; did you mean okvqa?"),
        (("--set", "okvqa.x=1", "--set", "okvqa.x=2"), "okvqa.x two values, '1' and '2'; give one"),
        (("--sample",), "leave one of them out"),
        (("--sample-rows", "3"), "--sample-rows needs --sample"),
        (("--set", "okvqa.x=1"), "okvqa has no option 'x'"),
        (("--seed", str(10**30)), "out of range"),
        (("--seed", str(-(10**30))), "out of range"),
        (("--limit", str(10**30)), "out of range"),
        (("--sample-rows", str(10**30)), "out of range"),
        (("--workers", str(10**30)), "out of range"),
        (("--max-reject-share", "nan"), "less than or equal to 1"),
    ],
)
def test_wrong_option_values(
    sources: Path, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    done = build_okvqa(sources, tmp_path / "out", *words)
    assert_usage_error(done, words[0], expected)
    assert not (tmp_path / "out").exists()


def test_a_task_named_twice_is_built_once(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("tasks: [okvqa, okvqa]\nsplits: [train]\n")
    words = ("--sample", "--sample-rows", "3", "--json", "--pipeline", "mine.yaml")
    names = ("--task", "okvqa", "--task", "okvqa-rephrased") * 2
    for given, expected in (((), ["okvqa"]), (names, ["okvqa", "okvqa-rephrased"])):
        done = run_m3it("build", *given, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert [report["task"] for report in json.loads(done.stdout)] == expected


def test_unknown_pipeline(sources: Path, tmp_path: Path) -> None:
    done = build_okvqa(sources, tmp_path / "out", "--pipeline", "nope")
    assert_one_line(done, 2, "unknown pipeline 'nope'")


def test_task_option_errors(tmp_path: Path) -> None:
    done = run_m3it("build", "-t", "nlvr", "--set", "nlvr.form=synthetic", cwd=tmp_path)
    assert_usage_error(done, "--set", "use --task nlvr-synthetic")
    done = run_m3it("build", "-t", "imagenet", "--set", "imagenet.candidates=1", cwd=tmp_path)
    assert_usage_error(done, "--set", "it takes a number from 2 to 998")


def test_task_without_the_split(sources: Path, tmp_path: Path) -> None:
    done = run_m3it("build", "-t", "okvqa", "--split", "test", "--source", sources, cwd=tmp_path)
    assert_usage_error(done, "okvqa has no split test; it has train, validation")


def test_unknown_key_in_a_pipeline(sources: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("tasks: [okvqa]\nsplit: [train]\n")
    done = build_okvqa(sources, tmp_path / "out", "--pipeline", str(path))
    assert_one_line(done, 2, "mine.yaml: unknown key 'split' (did you mean 'splits'?)")


def test_unknown_key_that_belongs_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("format: [parquet]\n")
    done = run_m3it("build", "-t", "okvqa", "-p", "mine.yaml", cwd=tmp_path)
    assert_one_line(done, 2, "unknown key 'format' (did you mean 'output.format'?)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"seed: 1\nseed: 2\n", "duplicate key 'seed'"),
        (b"tasks: &a [*a]\n", "not valid YAML|contains itself"),
        (b"output: {shard_mb: .inf}\n", "shard_mb"),
        (b"output: {shard_mb: 1.0e+305}\n", "shard_mb"),
        (b"video: {timeout: .inf}\n", "video.timeout"),
        (b"seed: 1000000000000000000000\n", "seed"),
        (b"limit: 1000000000000000000000\n", "limit"),
        (b"max_pixels: 1000000000000000000000\n", "max_pixels"),
        (b"tasks: [caf\xe9]\n", "not UTF-8"),
        (b"- a list\n", "valid dictionary|mapping"),
        (b"", "valid dictionary|mapping"),
    ],
)
def test_malformed_pipeline_files(tmp_path: Path, text: bytes, expected: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    done = run_m3it("build", "--task", "okvqa", "--pipeline", path, cwd=tmp_path)
    assert_one_line(done, 2, "mine.yaml")
    assert re.search(expected, done.stderr), done.stderr


def test_output_path_is_a_file(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a file where a folder should be")
    done = build_okvqa(sources, out)
    assert_one_line(done, 1, str(out), "where a folder is needed")


def test_missing_sources_are_listed_once_per_task(tmp_path: Path) -> None:
    done = run_m3it("build", "-t", "okvqa", "--source", tmp_path, "-o", tmp_path.parent / "out")
    assert_one_line(
        done,
        1,
        "okvqa (train, validation): source files are missing: ",
        "train2014.zip",
        "val2014.zip",
    )
    assert done.stderr.count("okvqa-annotations/") == 1


def test_a_cause_that_units_share_is_printed_once(sources: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "okvqa"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("a file of the user")
    done = run_m3it("build", "-t", "okvqa", "--source", sources, "--out", tmp_path / "out")
    assert_one_line(
        done, 1, "files that no build wrote (mine.txt)", "the same for okvqa/validation"
    )


@pytest.mark.parametrize("out", ["src", "src/build", "src/okvqa-annotations"])
def test_output_among_the_source_files(sources: Path, tmp_path: Path, out: str) -> None:
    before = tree(tmp_path)
    done = build_okvqa(sources, tmp_path / out)
    assert_one_line(done, 2, f"--out {tmp_path / out} is the folder of the source files, or in it")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("inside", ["okvqa", "okvqa/raw", ".m3it/raw"])
def test_sources_where_the_build_writes(sources: Path, tmp_path: Path, inside: str) -> None:
    moved = tmp_path / "out" / inside
    moved.parent.mkdir(parents=True, exist_ok=True)
    sources.rename(moved)
    done = build_okvqa(moved, tmp_path / "out")
    assert_one_line(done, 2, f"--source {moved} is in ", "choose another --out")


def test_sources_beside_the_tasks_of_the_output(sources: Path, tmp_path: Path) -> None:
    assert build_okvqa(sources, tmp_path).returncode == 0


def test_one_failing_task_does_not_stop_the_others(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run_m3it("build", "-t", "coco", "-t", "okvqa", "--source", sources, "--out", out)
    assert done.returncode == 1
    assert_one_line(done, 1, "m3it: coco (train, validation, test): source files are missing")
    assert [unit.split for unit in manifests(out / "okvqa")] == ["train", "validation"]
