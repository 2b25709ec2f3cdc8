"""``m3it new``, ``lint`` and ``check``."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.command import assert_one_line, run_m3it
from tests.support.paths import ROOT
from tests.support.plugins import environment, install


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a package as ``m3it new`` writes it."""
    folder = tmp_path_factory.mktemp("new")
    done = run_m3it("new", "birds", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "m3it-birds"


@pytest.fixture
def package(birds: Path, tmp_path: Path) -> Path:
    """Return a copy of that package, to be changed."""
    return Path(shutil.copytree(birds, tmp_path / "m3it-birds"))


def test_new_refuses_the_name_of_a_variant(tmp_path: Path) -> None:
    assert_one_line(run_m3it("new", "nlvr-synthetic", cwd=tmp_path), 1, "exists already")


def test_new_package_passes_as_it_is(birds: Path) -> None:
    done = run_m3it("check", "--json", cwd=birds)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {
            "task": "birds",
            "package": "m3it-birds",
            "passed": True,
            "result": "passed",
            "rows": 7,
            "rejects": 2,
            "error": None,
        }
    ]


def test_new_in_a_package_adds_a_task(package: Path) -> None:
    done = run_m3it("new", "crows", "--into", package, cwd=package.parent)
    assert done.returncode == 0, done.stderr
    assert "m3it-birds/pyproject.toml (entry point added)" in done.stdout
    assert "next: cd m3it-birds; pip install -e .; m3it check" in done.stderr
    assert not list(package.rglob("m3it-crows"))
    done = run_m3it("check", "--json", cwd=package)
    assert {row["task"]: row["passed"] for row in json.loads(done.stdout)} == {
        "birds": True,
        "crows": True,
    }


def test_check_lists_the_errors_of_all_tasks(package: Path) -> None:
    for name in ("crows", "daws", "ernes", "fulmars"):
        assert run_m3it("new", name, cwd=package).returncode == 0
    edits = (
        ("birds", "caption", "title"),  # not in the files
        ("crows", ".strip())", ' + "!")'),
        ("daws", 'if not row.get("caption"):', "if 1 / 0:"),
        ("ernes", 'if not row.get("caption"):', "raise SystemExit(3)\n        if False:"),
    )
    for name, old, new in edits:
        path = package / "m3it_birds" / name / "converter.py"
        path.write_text(path.read_text().replace(old, new))
    done = run_m3it("check", cwd=package)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("m3it: ")]
    assert len(errors) == 4
    assert any(line.startswith("m3it: birds: ") for line in errors)
    assert any(
        "crows: differs from expected.json at crows.train.rows[0].outputs" in e for e in errors
    )
    assert any("daws: ZeroDivisionError in converter.py line" in error for error in errors)
    assert any("ernes: SystemExit in converter.py line" in error for error in errors)
    assert "Traceback" not in done.stderr
    assert done.stdout.count("failed") == 4
    assert done.stdout.count("passed") == 1


def test_update_writes_the_expected_rows(package: Path) -> None:
    fixture = package / "tests" / "fixtures" / "birds"
    before = (fixture / "expected.json").read_text()
    done = run_m3it("check", "--update", cwd=package)
    assert "expected.json unchanged" in done.stdout
    make = fixture / "make.py"
    make.write_text(make.read_text().replace("A third one.", "A new one."))
    done = run_m3it("check", "--update", cwd=package)
    assert "expected.json written, review it" in done.stdout, done.stderr
    assert (fixture / "expected.json").read_text() == before.replace("A third one.", "A new one.")
    assert run_m3it("check", cwd=package).returncode == 0


def test_update_without_a_script_uses_the_sample_writer(package: Path) -> None:
    fixture = package / "tests" / "fixtures" / "birds"
    shutil.rmtree(fixture)
    done = run_m3it("check", cwd=package)
    assert done.returncode == 0, "a fixture is optional"
    assert "passed on its sample data; no fixture" in done.stdout
    assert run_m3it("check", "birds", "--update", cwd=package).returncode == 0
    assert sorted(path.name for path in fixture.iterdir()) == ["expected.json", "source"]
    caption = fixture / "source" / "birds-files" / "train.jsonl"
    text = caption.read_text()
    caption.write_text(text.replace("A ", "The "))
    assert run_m3it("check", cwd=package).returncode == 1
    assert run_m3it("check", "--update", cwd=package).returncode == 0
    assert caption.read_text() != text, "a source made by hand is kept"


def test_task_without_a_sample_writer(package: Path) -> None:
    module = package / "m3it_birds" / "birds" / "__init__.py"
    text = module.read_text().replace(", convert, write)", ", convert)")
    module.write_text(text.replace("from m3it_birds.birds.sample import write\n", ""))
    assert run_m3it("check", cwd=package).returncode == 0
    shutil.rmtree(package / "tests" / "fixtures")
    assert_one_line(run_m3it("check", cwd=package), 1, "neither a fixture nor a sample writer")
    done = run_m3it("check", "--update", cwd=package)
    assert_one_line(done, 1, "no sample writer to write it; create", "make.py")


def test_script_of_a_fixture_replaces_the_source(package: Path) -> None:
    """A file that the script no longer writes is removed."""
    fixture = package / "tests" / "fixtures" / "birds"
    (fixture / "source" / "birds-files" / "old.txt").write_text("of an earlier version")
    assert run_m3it("check", "--update", cwd=package).returncode == 0
    assert not (fixture / "source" / "birds-files" / "old.txt").exists()
    names = sorted(path.name for path in fixture.iterdir())
    assert names == ["expected.json", "make.py", "source"]


def test_script_of_a_fixture_that_fails(package: Path) -> None:
    fixture = package / "tests" / "fixtures" / "birds"
    (fixture / "make.py").write_text("import nothing_there")
    done = run_m3it("check", "--update", cwd=package)
    assert_one_line(done, 1, "make.py failed (ModuleNotFoundError: No module named")
    assert (fixture / "source" / "birds-files" / "train.jsonl").is_file(), "the source is kept"


def test_package_that_cannot_be_imported(package: Path) -> None:
    (package / "m3it_birds" / "birds" / "converter.py").write_text("raise SystemExit(3)")
    assert_one_line(run_m3it("check", cwd=package), 1, "failed to load: SystemExit: 3")


def test_current_folder_is_checked_instead_of_an_installed_copy(package: Path) -> None:
    site = package.parent / "site"
    shutil.copytree(package / "m3it_birds", site / "m3it_birds")
    (site / "m3it_birds" / "birds" / "converter.py").write_text("raise SystemExit(3)")
    env = {"PYTHONPATH": str(site)}
    assert run_m3it("check", cwd=package, env=env).returncode == 0


def test_sample_with_a_row_in_two_splits(package: Path) -> None:
    """The fixture has none, and is not written again."""
    path = package / "m3it_birds" / "birds" / "sample.py"
    path.write_text(path.read_text().replace("1_000_000", "0"))
    done = run_m3it("check", cwd=package)
    assert_one_line(done, 1, "birds: its sample: a row of validation is also in train: ")


def test_fixture_of_an_installed_package(package: Path) -> None:
    """One installed in editable mode, which puts its folder on the path, has its fixture there."""
    site, elsewhere = package.parent / "site", package.parent / "elsewhere"
    install(site, "m3it-birds", "", "[m3it.tasks]\nbirds = m3it_birds.birds:TASK\n")
    elsewhere.mkdir()
    editable = {"PYTHONPATH": f"{site}{os.pathsep}{package}", "M3IT_PLUGINS": "1"}
    done = run_m3it("check", "birds", "--json", cwd=elsewhere, env=editable)
    assert [row["result"] for row in json.loads(done.stdout)] == ["passed"]
    shutil.copytree(package / "m3it_birds", site / "m3it_birds")
    done = run_m3it("check", "birds", "--json", cwd=elsewhere, env=environment(site))
    note = "NOT compared: no fixture found here (run it in the package's folder)"
    assert [row["result"] for row in json.loads(done.stdout)] == [
        f"passed on its sample data; {note}"
    ]


@pytest.mark.parametrize(
    "command", [("build", "--task", "birds"), ("sample", "--task", "birds"), ("show", "birds")]
)
def test_task_that_is_registered_but_not_installed(birds: Path, command: tuple[str, ...]) -> None:
    done = run_m3it(*command, cwd=birds)
    message = "task 'birds' is registered in ./pyproject.toml, but not installed; run `pip install"
    assert_one_line(done, 2, message)


def test_check_of_nothing(tmp_path: Path) -> None:
    assert_one_line(run_m3it("check", cwd=tmp_path), 1, "nothing to check", "m3it new NAME")
    done = run_m3it("check", "okvqa", "no-such-task", "--json", cwd=tmp_path)
    passed, failed = json.loads(done.stdout)
    note = "NOT compared: no fixture found here (run it in a clone of m3it_builder)"
    assert passed["result"] == f"passed on its sample data; {note}"
    assert failed["error"].startswith("unknown task 'no-such-task'")
    assert done.returncode != 0


def test_built_in_task_in_a_checkout() -> None:
    done = run_m3it("check", "coco", "--json", cwd=ROOT)
    assert [(row["result"], row["package"]) for row in json.loads(done.stdout)] == [
        ("passed", "built in")
    ]


def test_lint_of_the_package_in_the_current_folder(package: Path) -> None:
    pool = package / "m3it_birds" / "instructions" / "birds.json"
    texts = json.loads(pool.read_text())
    texts[:4] = [
        "Describe the image in detail.",
        "Describe the picture in detail.",
        "描述图片中的全部内容。",
        "Caption it.",
    ]
    pool.write_text(json.dumps(texts))
    done = run_m3it("lint", "--json", cwd=package)
    assert done.returncode == 1
    findings = json.loads(done.stdout)["findings"]
    label = "birds = m3it_birds.birds:TASK (m3it-birds): m3it_birds/"
    assert all(finding.startswith(label) for finding in findings)
    for message in (
        "instructions 1 and 2 are nearly the same",
        "instruction 3 has Cjk letters, but the language of the task is 'en'",
        "instruction 4 has fewer than 3 words: 'Caption it.'",
        'birds.yaml: line 2 still has a TODO: title: "TODO: its usual name"',
        "converter.py: line 1 still has a TODO",
    ):
        assert sum(message in finding for finding in findings) == 1, message


def test_lint_as_json(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "instructions", tmp_path / "instructions")
    done = run_m3it("lint", tmp_path, "--json")
    assert done.returncode == 0
    count = json.loads(done.stdout)["files"]
    assert json.loads(done.stdout) == {"files": count, "findings": []}
    (tmp_path / "instructions" / "new.json").write_text('["TODO"]')
    done = run_m3it("lint", tmp_path, "--json")
    assert done.returncode == 1
    value = json.loads(done.stdout)
    assert value["files"] == count + 1
    assert value["findings"][0].startswith("instructions/new.json: ")


@pytest.mark.parametrize("value", ["", "not a module!", ":TASK"])
def test_malformed_entry_point(package: Path, value: str) -> None:
    path = package / "pyproject.toml"
    path.write_text(path.read_text().replace("m3it_birds.birds:TASK", value))
    for command in (("check",), ("lint",), ("new", "crows")):
        assert_one_line(run_m3it(*command, cwd=package), 1, f"{value!r} is not MODULE:NAME")
