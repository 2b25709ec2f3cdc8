"""``new``, ``lint`` and ``check``: commands for the authors of tasks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson
from m3it_builder.cli.output import print_json, print_message, print_table, print_text

if TYPE_CHECKING:
    from m3it_builder.authoring.contract import Outcome, Target
    from m3it_builder.authoring.lint import Finding
    from m3it_builder.authoring.scaffold import Scaffold


def new(
    name: Annotated[str, typer.Argument(help="Task name: lowercase letters, digits, hyphens.")],
    into: Annotated[
        Path,
        typer.Option(
            "--into",
            help="Folder of a package to add the task to, or in which to create a new one.",
        ),
    ] = Path(),
) -> None:
    """Create the files of a new task from working templates.

    In the folder of a package with a pyproject.toml the task is added to that
    package; anywhere else a new package is created. The card, source card,
    instruction pool, converter, sample writer and fixture run unchanged, on a small
    source of their own: `m3it check` passes. The six steps in CONTRIBUTING.md
    adapt them to a real dataset; `m3it lint` lists what is left.
    """
    from m3it_builder.authoring.scaffold import write_scaffold

    scaffold = write_scaffold(name, into)
    for path in scaffold.created:
        print_text(_shown(path))
    for path in scaffold.changed:
        print_text(f"{_shown(path)} (entry point added)")
    if scaffold.in_package:
        _write_fixture(name, scaffold)
    else:
        print_message(f"next: `m3it check {name} --update`, `m3it lint`")


def lint(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder with task_cards/, instructions/ and pipelines/ (default: those of "
            "this project, of installed packages, and of the package in the current folder)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate task cards, source cards, instruction pools and pipelines.

    Reads no raw data. Lists every TODO, and instructions that are nearly the same,
    shorter than three words, or not in the script of the task's language. Exits
    with status 1 if there is any finding.
    """
    from m3it_builder.authoring.lint import lint_all, lint_folder

    files, findings = lint_folder(folder) if folder else lint_all(Path())
    if as_json:
        print_json({"files": files, "findings": [str(finding) for finding in findings]})
    elif findings:
        _print_findings(findings)
    else:
        print_text(f"{files} files checked, no errors")
    if findings:
        raise typer.Exit(1)


def check(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tasks to check (default: those of the package in the current folder, or else "
            "of all installed packages)."
        ),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Write missing fixtures, and expected.json; review both."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check tasks against the contract, on their fixtures.

    Builds each fixture twice in all formats and checks rows, rejects, images and
    the sample data; compares rows and rejects with expected.json. Imports the code
    of the package in the current folder, installed or not. With --update, the
    source of a fixture is written by its make.py, or by the sample writer if there
    is neither a make.py nor a source. Exits with status 1 if a task fails.

    For example:

    m3it check

    m3it check my-task --update
    """
    from m3it_builder.authoring.contract import check_targets, find_targets

    targets = find_targets(tasks or (), Path())
    outcomes = _with_progress(targets, check_targets(targets, update))
    if as_json:
        print_json([_as_json(outcome) for outcome in outcomes])
    else:
        _print_outcomes(outcomes)
    failed = [outcome.error for outcome in outcomes if outcome.error]
    for error in failed:
        print_message(f"m3it: {error}")
    if failed:
        raise typer.Exit(min(error.exit_code for error in failed))


def _write_fixture(name: str, scaffold: Scaffold) -> None:
    """Write the fixture of a new task of a package, so that its test passes as it is."""
    from m3it_builder.authoring.contract import check_targets, find_targets

    for outcome in check_targets(find_targets((name,), scaffold.folder), update=True):
        if outcome.error:
            raise outcome.error
    folder = _shown(scaffold.folder)
    print_text(folder / "tests" / "fixtures" / name / "source")
    print_text(folder / "tests" / "fixtures" / name / "expected.json")
    steps = [f"cd {folder}"] if folder != Path() else []
    steps += ["pip install -e .", "m3it check", f"m3it build --task {name} --sample", "m3it lint"]
    print_message(f"next: {'; '.join(steps)}")


def _shown(path: Path) -> Path:
    """Return a path relative to the current folder, if it is below that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _print_findings(findings: list[Finding]) -> None:
    of_tasks = any(finding.entry for finding in findings)
    columns = ("entry point", "file", "finding")
    rows = [(finding.entry or None, finding.file, finding.message) for finding in findings]
    skipped = 0 if of_tasks else 1
    print_table(columns[skipped:], [row[skipped:] for row in rows])


def _with_progress(targets: list[Target], outcomes: Iterable[Outcome]) -> list[Outcome]:
    from m3it_builder.cli.bars import progress_display

    progress = progress_display()
    done = []
    progress.start("check tasks", len(targets))
    try:
        for outcome in outcomes:
            done.append(outcome)
            progress.advance(1)
    finally:
        progress.finish()
    return done


def _print_outcomes(outcomes: list[Outcome]) -> None:
    rows = []
    for outcome in outcomes:
        checked = outcome.checked
        counts = (checked.rows, checked.rejects) if checked else (None, None)
        rows.append((outcome.name, outcome.origin, *counts, outcome.result))
    print_table(("task", "package", "rows", "rejects", "result"), rows)


def _as_json(outcome: Outcome) -> dict[str, object]:
    checked = outcome.checked
    return {
        "task": outcome.name,
        "package": outcome.origin,
        "passed": outcome.error is None,
        "result": outcome.result,
        "rows": checked.rows if checked else None,
        "rejects": checked.rejects if checked else None,
        "error": str(outcome.error) if outcome.error else None,
    }
