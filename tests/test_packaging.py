"""The wheel, and tasks in other packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.command import run_m3it
from tests.support.paths import ROOT


def pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, text=True)


def build_wheel(project: Path, into: Path) -> Path:
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", into, project)
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder outside the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(ROOT, folder / "dist")
    pip("install", "--no-deps", "--target", folder / "site", wheel)
    return folder / "site"


def test_wheel_includes_its_data(installed: Path, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(installed)}
    script = [sys.executable, "-c", "import m3it_builder; print(m3it_builder.__file__)"]
    path = subprocess.run(
        script, cwd=tmp_path, env={**os.environ, **env}, capture_output=True, text=True, check=True
    ).stdout
    assert Path(path.strip()).is_relative_to(installed), "the wheel is tested, not the checkout"
    assert (installed / "m3it_builder" / "bundled" / "task_cards" / "okvqa.yaml").exists()
    assert run_m3it("lint", cwd=tmp_path, env=env).returncode == 0
    done = run_m3it(
        "build",
        "--task",
        "okvqa",
        "--sample",
        "--sample-rows",
        "5",
        "--json",
        cwd=tmp_path,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    assert [report["rows"] for report in json.loads(done.stdout)] == [5, 5]
    assert run_m3it("audit", "build", cwd=tmp_path, env=env).returncode == 0
    report = run_m3it("dedup", "build", "--out", "duplicates", cwd=tmp_path, env=env)
    assert report.returncode == 0, "the template of the HTML report is in the wheel"
    scaffold = run_m3it("new", "birds", cwd=tmp_path, env=env)
    assert scaffold.returncode == 0, "templates are in the wheel"


def test_wheel_contains_nothing_else(installed: Path) -> None:
    (wheel,) = (installed.parent / "dist").glob("*.whl")
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"m3it_builder"}


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scaffold a package with a task, fill in its TODOs, build and install it."""
    folder = tmp_path_factory.mktemp("birds")
    assert run_m3it("new", "birds-of-asia", "--into", folder).returncode == 0
    project = folder / "m3it-birds-of-asia"
    for path in [*project.rglob("*.yaml"), *project.rglob("*.py")]:
        path.write_text(path.read_text().replace("TODO: ", "").replace("TODO", "done"))
    pool = project / "m3it_birds_of_asia" / "instructions" / "birds-of-asia.json"
    shutil.copy(ROOT / "instructions" / "coco.json", pool)
    wheel = build_wheel(project, folder / "dist")
    pip("install", "--no-deps", "--target", folder / "site", wheel)
    return folder


def plugins(birds: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(birds / "site"), "M3IT_PLUGINS": "1"}


def lint_findings(birds: Path, folder: Path) -> list[str]:
    done = run_m3it("lint", "--json", cwd=folder, env=plugins(birds))
    return list(json.loads(done.stdout)["findings"])


def test_installed_task_is_listed_built_and_checked(birds: Path, tmp_path: Path) -> None:
    env = plugins(birds)
    listed = json.loads(run_m3it("ls", "--json", env=env).stdout)
    (entry,) = [row for row in listed if row["name"] == "birds-of-asia"]
    assert entry["origin"] == "m3it-birds-of-asia"
    done = run_m3it("build", "-t", "birds-of-asia", "--sample", "-o", tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "200" in done.stdout
    project = birds / "m3it-birds-of-asia"
    assert run_m3it("check", "--update", cwd=project, env=env).returncode == 0
    assert run_m3it("check", "birds-of-asia", cwd=tmp_path, env=env).returncode == 0
    expected = json.loads(
        (project / "tests" / "fixtures" / "birds-of-asia" / "expected.json").read_text()
    )
    train = expected["birds-of-asia"]["train"]
    assert [row["outputs"] for row in train["rows"]].count("Another one.") == 1
    assert {row["reason"] for row in train["rejects"]} == {"no_answer", "image_missing"}
    assert lint_findings(birds, tmp_path) == []


def test_installed_tasks_can_be_disabled(birds: Path) -> None:
    env = {**plugins(birds), "M3IT_PLUGINS": "0"}
    assert "birds-of-asia" not in run_m3it("ls", env=env).stdout


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise RuntimeError('no database')", "failed to load: RuntimeError: no database"),
        ("TASK = 7", "is not an m3it_builder.Task"),
    ],
)
def test_broken_package_fails_only_if_its_task_is_loaded(
    tmp_path: Path, module: str, message: str
) -> None:
    (tmp_path / "broken.py").write_text(module)
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[m3it.tasks]\nbroken = broken:TASK\n")
    env = {"PYTHONPATH": str(tmp_path), "M3IT_PLUGINS": "1"}
    assert run_m3it("show", "okvqa", env=env).returncode == 0
    done = run_m3it("show", "broken", env=env)
    assert done.returncode == 1
    assert "package broken" in done.stderr
    assert message in done.stderr
    missing = run_m3it("show", "okvqqa", env=env)
    assert "did you mean okvqa" in missing.stderr


@pytest.mark.slow
def test_newcomer(tmp_path: Path) -> None:
    """From an empty folder to a verified build, in a fresh environment, without changing a line."""
    python = tmp_path / "venv" / "bin" / "python"
    command = [sys.executable, "-m", "venv", str(tmp_path / "venv")]
    subprocess.run(command, check=True, capture_output=True)
    wheel = build_wheel(ROOT, tmp_path / "dist")
    work = tmp_path / "work"
    work.mkdir()
    env = {key: value for key, value in os.environ.items() if not key.startswith("M3IT_")}

    def run(*words: str | Path, folder: Path = work) -> str:
        done = subprocess.run(
            [str(python), "-m", *map(str, words)],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    run("pip", "install", "-q", wheel, "pytest")
    run("m3it_builder", "new", "birds")
    project = work / "m3it-birds"
    run("pip", "install", "-q", ".", folder=project)
    shutil.rmtree(project / "build", ignore_errors=True)
    assert "passed" in run("m3it_builder", "check", folder=project)
    assert "passed" in run("m3it_builder", "check")
    assert "1 passed" in run("pytest", folder=project)
    run("m3it_builder", "build", "--task", "birds", "--sample", "-o", "out", "-f", "parquet")
    run("m3it_builder", "verify", "out")
    run("m3it_builder", "audit", "out")
    run("m3it_builder", "new", "crows", "--into", "m3it-birds")
    assert "2 passed" in run("pytest", folder=project)
