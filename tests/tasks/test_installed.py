"""One broken package is named with its error, and everything else works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import assert_one_line, run_m3it
from tests.support.plugins import GOOD, UNSAMPLED, environment, install

BROKEN = {
    "syntax": "def (",
    "attribute": "import os; os.does_not_exist",
    "recursion": "def f(): f()\nf()",
    "exit": "raise SystemExit(3)",
    "quit": "import sys; sys.exit()",
    "base": "class Stop(BaseException): pass\nraise Stop('a\\nb')",
    "skip": "import pytest; pytest.skip('not here', allow_module_level=True)",
    "lines": "raise ValueError('one\\ntwo\\nthree')",
    "unprintable": "class E(Exception):\n def __str__(self): raise E\nraise E",
    "missing": "import a_module_that_does_not_exist",
    "other": "TASK = 7",
    "cardless": "import m3it_builder.tasks.registry as r\n"
    "TASK = r.Task('cardless', None, (), None, None, {})",
    "nothing": "",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins") / "site"
    for name, module in BROKEN.items():
        install(folder, f"broken_{name}", module)
    install(folder, "broken_entry", "", "[m3it.tasks]\nno-equals-sign\n")
    install(folder, "broken_value", "", "[m3it.tasks]\nbroken_value = not a module!\n")
    install(folder, "broken_text", "", "[m3it.tasks]\n\xff = x:y\n")
    install(folder, "works", GOOD)
    install(folder, "unsampled", UNSAMPLED)
    return folder


def named(stderr: str) -> set[str]:
    """Return the broken packages that messages name, each on one line."""
    lines = [line for line in stderr.splitlines() if line.startswith("m3it: ")]
    names = {f"broken_{name}" for name in (*BROKEN, "entry", "value", "text")}
    found = [name for line in lines for name in names if f" {name}" in line]
    assert len(found) == len(set(found)), "one line each"
    return set(found)


def test_ls_names_the_broken_and_lists_the_rest(site: Path, tmp_path: Path) -> None:
    done = run_m3it("ls", "--json", cwd=tmp_path, env=environment(site))
    listed = {row["name"] for row in json.loads(done.stdout)}
    assert {"works", "unsampled", "okvqa", "refcoco+"} <= listed
    assert "printed on import" in done.stderr, "stdout has JSON alone"
    assert not any(name.startswith("broken") for name in listed)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert named(done.stderr) == {f"broken_{name}" for name in (*BROKEN, "entry", "value", "text")}
    assert "broken_exit failed to load: SystemExit: 3; correct or uninstall" in done.stderr


def test_lint_names_the_broken(site: Path, tmp_path: Path) -> None:
    done = run_m3it("lint", "--json", cwd=tmp_path, env=environment(site))
    assert done.returncode == 1
    findings = json.loads(done.stdout)["findings"]
    for name in (*BROKEN, "entry", "value", "text"):
        assert sum(f"broken_{name}" in finding for finding in findings) == 1, name
    assert not [finding for finding in findings if "works" in finding]


def test_check_passes_the_others(site: Path, tmp_path: Path) -> None:
    words = ("check", "works", "broken_exit", "broken_syntax", "--json")
    done = run_m3it(*words, cwd=tmp_path, env=environment(site))
    passed = {outcome["task"]: outcome["passed"] for outcome in json.loads(done.stdout)}
    assert passed == {"works": True, "broken_exit": False, "broken_syntax": False}
    assert done.returncode == 1
    assert named(done.stderr) == {"broken_exit", "broken_syntax"}


@pytest.mark.parametrize("task", ["okvqa", "refcoco+", "works"])
def test_other_tasks_are_built(site: Path, tmp_path: Path, task: str) -> None:
    words = ("build", "-t", task, "--sample", "--sample-rows", "4", "-o", "out")
    done = run_m3it(*words, cwd=tmp_path, env=environment(site))
    assert done.returncode == 0, done.stderr
    assert "broken" not in done.stderr


@pytest.mark.parametrize("name", ["exit", "base", "unprintable"])
def test_broken_task_is_one_line(site: Path, tmp_path: Path, name: str) -> None:
    words = ("build", "-t", f"broken_{name}", "--sample", "-o", "out")
    done = run_m3it(*words, cwd=tmp_path, env=environment(site))
    assert_one_line(done, 1, f"task 'broken_{name}' of package broken_{name} failed to load")


def test_unknown_name_mentions_what_was_not_searched(site: Path, tmp_path: Path) -> None:
    done = run_m3it("show", "refcoco-", cwd=tmp_path, env=environment(site))
    assert_one_line(done, 2, "did you mean refcoco", "not searched, because they fail to load")


def test_name_of_another_task(tmp_path: Path) -> None:
    """Only the name that two tasks have is unusable."""
    site = tmp_path / "site"
    install(site, "okvqa", GOOD)
    install(site, "first", "", "[m3it.tasks]\nsame = first:TASK\n")
    install(site, "second", "", "[m3it.tasks]\nsame = second:TASK\n")
    done = run_m3it("ls", "--json", cwd=tmp_path, env=environment(site))
    assert done.returncode == 1
    names = {row["name"] for row in json.loads(done.stdout)}
    assert "coco" in names
    assert not {"same", "okvqa"} & names
    assert "registers the task 'same', but another task has that name" in done.stderr
    assert "package okvqa registers the task 'okvqa', but another task has" in done.stderr
    shown = run_m3it("show", "okvqa", cwd=tmp_path, env=environment(site))
    assert_one_line(shown, 1, "package okvqa registers the task 'okvqa'")


def test_task_without_a_sample_writer(site: Path, tmp_path: Path) -> None:
    for words in (("build", "-t", "unsampled", "--sample"), ("sample", "-t", "unsampled")):
        done = run_m3it(*words, "-o", "out", cwd=tmp_path, env=environment(site))
        assert_one_line(done, 1, "unsampled has no sample writer; build it from its official files")
    shown = run_m3it("show", "unsampled", "--json", cwd=tmp_path, env=environment(site))
    assert json.loads(shown.stdout)["sample_rows"] == []
