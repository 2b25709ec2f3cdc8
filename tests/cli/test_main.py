"""The command as people meet it: statuses, one clear line for each foreseen failure, help."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.dataset.manifest import manifests
from m3it_builder.tasks.sampling import write_sample
from tests.support.command import assert_one_line, run_m3it
from tests.support.paths import FIXTURES, ROOT, tree


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    write_sample(load_task("okvqa"), tmp_path / "src", 20)
    return tmp_path / "src"


def build(sources: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = ("build", "--task", "okvqa", "--source", sources, "--out", out, "--split", "train")
    return run_m3it(*words, *more)


def assert_unfinished(out: Path) -> None:
    """Nothing that looks like a finished build is there."""
    assert not list(out.rglob("manifest.json"))
    assert not list(out.rglob("README.md"))
    assert not [p for p in out.rglob("*.tar") if ".m3it" not in p.parts]


def test_done(sources: Path, tmp_path: Path) -> None:
    done = build(sources, tmp_path / "out", "--json")
    assert done.returncode == 0
    (report,) = json.loads(done.stdout)
    assert (report["rows"], report["status"], report["rejects"]) == (20, "built", {})
    again = build(sources, tmp_path / "out", "--json")
    assert json.loads(again.stdout)[0]["status"] == "up to date"


def test_rejects_are_reported_and_do_not_fail(tmp_path: Path) -> None:
    done = build(FIXTURES / "okvqa" / "source", tmp_path, "--max-reject-share", "0.6")
    assert done.returncode == 0
    for reason in ("no_answer", "image_missing", "empty_output", "duplicate_id", "no_question"):
        assert f"{reason} 1" in done.stdout


def test_too_many_rejects(tmp_path: Path) -> None:
    done = build(FIXTURES / "okvqa" / "source", tmp_path)
    assert_one_line(done, 3, "5 of 9 examples were rejected", "--max-reject-share 1")
    assert_unfinished(tmp_path)


def test_source_absent(tmp_path: Path) -> None:
    done = build(tmp_path / "nowhere", tmp_path / "out")
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


def test_annotation_missing(sources: Path, tmp_path: Path) -> None:
    (sources / "okvqa-annotations" / "mscoco_train2014_annotations.json").unlink()
    done = build(sources, tmp_path / "out")
    said = ("mscoco_train2014_annotations.json is not there", "m3it fetch okvqa-annotations")
    assert_one_line(done, 1, *said)


def test_annotation_truncated(sources: Path, tmp_path: Path) -> None:
    path = sources / "okvqa-annotations" / "mscoco_train2014_annotations.json"
    path.write_bytes(path.read_bytes()[:-3_000])
    done = build(sources, tmp_path / "out")
    assert_one_line(done, 1, "mscoco_train2014_annotations.json", "cut short or damaged")
    assert_unfinished(tmp_path / "out")


def pack_images(sources: Path) -> Path:
    folder = sources / "coco-2014-train-images"
    path = folder / "train2014.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for image in sorted((folder / "train2014").iterdir()):
            archive.write(image, f"train2014/{image.name}")
    shutil.rmtree(folder / "train2014")
    return path


def test_archive_truncated(sources: Path, tmp_path: Path) -> None:
    path = pack_images(sources)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = build(sources, tmp_path / "out")
    assert_one_line(done, 1, "train2014.zip: not a complete zip file", "download it again")
    assert_unfinished(tmp_path / "out")


def test_unsafe_member(sources: Path, tmp_path: Path) -> None:
    path = pack_images(sources)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../evil.jpg", b"x")
    done = build(sources, tmp_path / "out")
    assert_one_line(done, 1, "train2014.zip", "'../../evil.jpg' leads outside the archive")
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
    done = build(sources, tmp_path / "out")
    assert_one_line(done, 1, f"{name}.zip", "looks like a decompression bomb")


def test_image_of_too_many_pixels(sources: Path, tmp_path: Path) -> None:
    """A few hundred bytes that claim 60,000 x 60,000 pixels are a reject, never decoded."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (8, 8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = (60_000).to_bytes(4) * 2
    target = sorted((sources / "coco-2014-train-images" / "train2014").iterdir())[0]
    target.write_bytes(data)
    done = build(sources, tmp_path / "out", "--max-reject-share", "0.1")
    assert done.returncode == 0
    assert "image_oversized 1" in done.stdout


def test_unknown_task() -> None:
    assert_one_line(run_m3it("build", "--task", "nlvr-sinthetic"), 1, "did you mean nlvr-synthetic")
    assert_one_line(run_m3it("show", "ok-vqa"), 1, "did you mean okvqa")


def test_usage_errors(tmp_path: Path) -> None:
    for words in (
        ("build",),
        ("build", "--task", "okvqa", "--split", "val"),
        ("build", "--nonsense"),
        ("nonsense",),
        ("sample",),
    ):
        done = run_m3it(*words, cwd=tmp_path)
        assert done.returncode == 2, words
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "parket"), "--format 'parket' is unknown; did you mean parquet?"),
        (("--images", "png"), "--images 'png' is unknown; it takes bytes, base64"),
        (("--set", "okvqa.x=1"), "okvqa has no option 'x'"),
        (("--set", "x"), "--set takes TASK.OPTION=VALUE"),
        (("--pipeline", "nope"), "no pipeline is called 'nope'"),
    ],
)
def test_wrong_choices(sources: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert_one_line(build(sources, tmp_path / "out", *words), 1, said)


def test_unknown_key_in_a_pipeline(sources: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("tasks: [okvqa]\nsplit: [train]\n")
    done = build(sources, tmp_path / "out", "--pipeline", str(path))
    assert_one_line(done, 1, "mine.yaml: unknown key 'split' (did you mean 'splits'?)")


def test_unknown_key_in_a_card(tmp_path: Path) -> None:
    """A copy of the project with one mistyped card: only that card's task is refused."""
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


def test_a_file_in_the_way(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a file where a folder should be")
    assert_one_line(build(sources, out), 1, str(out), "a file stands where a folder is needed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"seed: 1\nseed: 2\n", "the key 'seed' is given twice"),
        (b"tasks: &a [*a]\n", "not valid YAML|contains itself"),
        (b"output: {shard_mb: .inf}\n", "shard_mb"),
        (b"tasks: [caf\xe9]\n", "not UTF-8"),
        (b"- a list\n", "valid dictionary|mapping"),
        (b"", "valid dictionary|mapping"),
    ],
)
def test_odd_pipeline_files(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    done = run_m3it("build", "--task", "okvqa", "--pipeline", path, cwd=tmp_path)
    assert_one_line(done, 1, "mine.yaml")
    assert re.search(said, done.stderr), done.stderr


def test_odd_queries(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out")
    for command in ("sql", "audit"):
        assert_one_line(run_m3it(command, tmp_path / "out", ""), 1, "nothing to run")
    big = run_m3it("sql", tmp_path / "out", "SELECT 2::HUGEINT ** 100 AS n", "--json")
    assert big.returncode == 0, big.stderr
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.sql").write_text("-- Nothing.\nSELECT 1 WHERE false;\n")
    done = run_m3it("audit", tmp_path / "out", "--audits", tmp_path / "own")
    assert done.returncode == 0, done.stderr
    (tmp_path / "out" / "okvqa" / "meta" / "train" / "index.parquet").unlink()
    assert_one_line(run_m3it("sql", tmp_path / "out", "SELECT 1"), 1, "--replace")


def test_a_split_that_a_task_has_not(sources: Path, tmp_path: Path) -> None:
    done = run_m3it("build", "-t", "okvqa", "--split", "test", "--source", sources, cwd=tmp_path)
    assert done.returncode == 2
    assert "okvqa has no split test; it has train, validation" in done.stderr


def test_options_that_make_a_variant(tmp_path: Path) -> None:
    done = run_m3it("build", "-t", "nlvr", "--set", "nlvr.form=synthetic", cwd=tmp_path)
    assert_one_line(done, 1, "build that: --task nlvr-synthetic")
    outside = run_m3it("build", "-t", "imagenet", "--set", "imagenet.candidates=1", cwd=tmp_path)
    assert_one_line(outside, 1, "it takes a number from 2 to 998")
    assert_one_line(run_m3it("new", "nlvr-synthetic", cwd=tmp_path), 1, "exists already")


def test_another_seed_draws_other_images(tmp_path: Path) -> None:
    for seed in ("0", "5"):
        run_m3it("sample", "--task", "okvqa", "--n", "3", "--seed", seed, "--out", tmp_path / "s")
        run_m3it("sample", "--task", "okvqa", "--n", "3", "--seed", seed, "--out", tmp_path / seed)
        assert tree(tmp_path / "s") == tree(tmp_path / seed)


def test_sheet_of_a_damaged_image(sources: Path, tmp_path: Path) -> None:
    image = sorted((sources / "coco-2014-train-images" / "train2014").iterdir())[0]
    data = image.read_bytes()
    image.write_bytes(data[: len(data) // 2] + bytes(200) + data[len(data) // 2 + 200 :])
    build(sources, tmp_path / "out")
    words = ("show", tmp_path / "out" / "okvqa", "--rows", "20", "--sheet", tmp_path / "s.png")
    assert run_m3it(*words).returncode == 0


def test_one_failing_task_does_not_stop_the_others(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run_m3it("build", "-t", "coco", "-t", "okvqa", "--source", sources, "--out", out)
    assert done.returncode == 1
    assert done.stderr.count("m3it: coco/") == 3
    assert [unit.split for unit in manifests(out / "okvqa")] == ["train", "validation"]


def test_plan_writes_no_shard(sources: Path, tmp_path: Path) -> None:
    done = build(sources, tmp_path / "out", "--plan", "--json")
    (report,) = json.loads(done.stdout)
    assert (report["status"], report["rows"]) == ("planned", 20)
    assert report["bytes"] > 10_000
    assert_unfinished(tmp_path / "out")
    assert build(sources, tmp_path / "out").returncode == 0


def test_sample_build_is_repeatable(tmp_path: Path) -> None:
    for out in ("a", "b"):
        words = ("build", "-t", "okvqa", "-t", "nlvr-synthetic", "--sample", "--sample-rows", "6")
        assert run_m3it(*words, "--out", tmp_path / out).returncode == 0
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    again = run_m3it("build", "-t", "okvqa", "--sample", "--sample-rows", "6", "-o", tmp_path / "a")
    assert again.stdout.count("up to date") == 2


def test_ls_and_show() -> None:
    listed = json.loads(run_m3it("ls", "--json").stdout)
    assert {row["name"] for row in listed} >= {"okvqa", "coco", "nlvr", "nlvr-synthetic"}
    shown = json.loads(run_m3it("show", "nlvr-synthetic", "--json", "--rows", "2").stdout)
    assert shown["options"] == {"form": "synthetic"}
    assert len(shown["instructions"]) == 10
    assert len(shown["sample_rows"]) == 2
    assert "OK-VQA" in run_m3it("show", "okvqa").stdout


def test_contact_sheet(sources: Path, tmp_path: Path) -> None:
    from PIL import Image

    build(sources, tmp_path / "out")
    sheet = tmp_path / "sheet.png"
    done = run_m3it("show", tmp_path / "out" / "okvqa", "--rows", "5", "--sheet", sheet)
    assert done.returncode == 0
    assert done.stdout.count("instruction") == 5
    with Image.open(sheet) as image:
        assert image.width == 3 * 380
        assert len(image.getcolors(1 << 20) or ()) > 50, "it shows images and texts"


def test_audit_and_sql(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out")
    assert run_m3it("audit", tmp_path / "out").returncode == 0
    own = run_m3it("audit", tmp_path / "out", "SELECT id FROM instances WHERE outputs = 'grape'")
    assert own.returncode == 1
    rows = run_m3it("sql", tmp_path / "out", "SELECT count(*) AS n FROM instances", "--json")
    assert json.loads(rows.stdout) == [{"n": 20}]
    assert "source_digest" in run_m3it("sql", tmp_path / "out").stdout
    wrong = run_m3it("sql", tmp_path / "out", "SELEC 1")
    assert_one_line(wrong, 1, "Parser Error")
    assert_one_line(run_m3it("audit", tmp_path / "none"), 1, "holds no finished build")


def test_help_is_light() -> None:
    """What `m3it --help` imports; its cost is measured in benchmarks/."""
    code = (
        "import sys\nfrom m3it_builder.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "print('MODULES', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    modules = set(said.rpartition("MODULES")[2].split())
    heavy = {"pydantic", "rich", "PIL", "pyarrow", "duckdb", "yaml", "orjson", "ijson", "numpy",
             "torch", "openai", "datasets", "blake3", "sqlite3", "multiprocessing"}  # fmt: skip
    assert not modules & heavy
    assert "typer" in modules


def test_import_is_light() -> None:
    code = "import m3it_builder, sys; print(*sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(said.stdout.split()) & {"torch", "duckdb", "pyarrow", "openai", "pydantic"}
