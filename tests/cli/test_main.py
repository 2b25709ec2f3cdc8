"""The application: help, imports and usage errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.command import assert_one_line, assert_usage_error, run_m3it


def run_python(code: str) -> str:
    """Run a program in a new process and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_help_imports_no_heavy_module() -> None:
    """The cost of `m3it --help` is measured in benchmarks/."""
    output = run_python(
        "import sys\nfrom m3it_builder.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "print('MODULES', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    modules = set(output.rpartition("MODULES")[2].split())
    heavy = {"pydantic", "rich", "PIL", "pyarrow", "duckdb", "yaml", "numpy",
             "torch", "openai", "datasets", "blake3", "sqlite3", "multiprocessing", "msgspec",
             "jinja2"}  # fmt: skip
    assert not modules & heavy
    assert "typer" in modules


def test_import_of_the_package_is_light() -> None:
    modules = set(run_python("import m3it_builder, sys; print(*sorted(sys.modules))").split())
    assert not modules & {"torch", "duckdb", "pyarrow", "openai", "pydantic"}


def test_unknown_task() -> None:
    assert_one_line(run_m3it("build", "--task", "nlvr-sinthetic"), 2, "did you mean nlvr-synthetic")
    assert_one_line(run_m3it("show", "ok-vqa"), 2, "did you mean okvqa")
    assert_one_line(run_m3it("sample", "--task", "ok-vqa"), 2, "did you mean okvqa")
    assert_one_line(run_m3it("fetch", "--task", "ok-vqa"), 2, "did you mean okvqa")


def test_unknown_command() -> None:
    assert_usage_error(run_m3it("biuld"), "there is no command 'biuld'; did you mean build?")
    assert_usage_error(run_m3it("xyzzy"), "`m3it --help` lists them")


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
