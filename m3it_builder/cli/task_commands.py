"""``ls``, ``show``, ``new`` and ``lint``: the tasks there are, and new ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from m3it_builder.cli.options import AsJson, SplitName, choice
from m3it_builder.cli.output import one_line, print_json, print_message, print_table, print_text
from m3it_builder.records import JsonObject

if TYPE_CHECKING:
    from m3it_builder.dataset.index_row import IndexRow
    from m3it_builder.tasks.registry import Task


def _groups() -> Sequence[str]:
    from m3it_builder.cards.cards import Group

    return get_args(Group)


def ls(
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            callback=choice(_groups),
            help="List one group only: caption, classify, vqa, kvqa, reason or generate.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List all tasks and their variants.

    Row counts are those of the published M3IT, or the official ones for variants
    that it does not have. Tasks from installed packages are included.
    """
    from m3it_builder.tasks.registry import load_task, task_names

    tasks = [load_task(name) for name in task_names()]
    if group:
        tasks = [task for task in tasks if task.card.group == group]
    rows = []
    for task in tasks:
        rows.append(_summary(task))
        variants = [_summary(load_task(name)) for name in task.card.variants]
        rows += [row | {"variant_of": task.name} for row in variants]
    if as_json:
        print_json(rows)
        return
    cells = [
        ("└ " * bool(row["variant_of"]) + row["name"], row["group"], row["lang"],
         *(row["splits"].get(split) for split in ("train", "validation", "test")),
         row["license"], "yes" if row["held_out"] else None, row["origin"])
        for row in rows
    ]  # fmt: skip
    columns = ("task", "group", "language", "train", "validation", "test", "license", "held out",
               "origin")  # fmt: skip
    print_table(columns, cells)
    variant_count = sum(bool(row["variant_of"]) for row in rows)
    print_message(f"{len(tasks)} tasks, {variant_count} variants; details: `m3it show TASK`")


def show(
    name: Annotated[str, typer.Argument(help="A task, a variant, or the folder of a built task.")],
    rows: Annotated[int, typer.Option("--rows", min=0, help="Number of rows to show.")] = 3,
    split: SplitName = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="Write a contact sheet of built rows to this PNG file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a task, or rows of a finished build.

    For a task: its card, its instructions, and rows built from synthetic sample
    data. For the folder of a built task: rows at regular intervals over one
    split; --sheet renders their images and texts as a contact sheet.

    For example:

    m3it show okvqa

    m3it show build/okvqa --rows 12 --sheet okvqa.png
    """
    if _is_build(name):
        _show_build(Path(name), split, rows, sheet, as_json)
        return
    if sheet or split:
        raise typer.BadParameter("--sheet and --split need the folder of a built task")
    _show_task(name, rows, as_json)


def new(
    name: Annotated[str, typer.Argument(help="Task name: lowercase letters, digits, hyphens.")],
    into: Annotated[
        Path, typer.Option("--into", help="Project folder to write the files to.")
    ] = Path(),
) -> None:
    """Create the files of a new task from working templates.

    The card, source card, instruction pool, converter, sample writer and fixture
    run unchanged, on a small source of their own. The six steps in
    CONTRIBUTING.md adapt them to a real dataset; `m3it lint` lists what is left.
    """
    from m3it_builder.authoring.scaffold import write_scaffold

    for path in write_scaffold(name, into):
        print_text(path)


def lint(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder with task_cards/, instructions/ and pipelines/ "
            "(default: those of this project)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate task cards, source cards, instruction pools and pipelines.

    Reads no raw data. Exits with status 1 if a file is invalid, or still
    contains a TODO.
    """
    from m3it_builder.authoring.lint import lint_folder

    files, findings = lint_folder(folder)
    if as_json:
        messages = [f"{finding.file}: {finding.message}" for finding in findings]
        print_json({"files": files, "findings": messages})
    elif findings:
        print_table(("file", "error"), [(finding.file, finding.message) for finding in findings])
    else:
        print_text(f"{files} files checked, no errors")
    if findings:
        raise typer.Exit(1)


def _summary(task: Task) -> JsonObject:
    card = task.card
    return {
        "name": task.name,
        "variant_of": None,
        "title": card.title,
        "group": card.group,
        "lang": card.lang,
        "splits": {split: entry.rows for split, entry in card.splits.items()},
        "license": card.license,
        "held_out": card.held_out,
        "origin": task.origin,
    }


def _is_build(name: str) -> bool:
    path = Path(name)
    return path.is_dir() and (any(path.glob("meta/*/manifest.json")) or "/" in name)


def _show_task(name: str, count: int, as_json: bool) -> None:
    from m3it_builder.report.preview import sample_rows
    from m3it_builder.tasks.registry import load_task

    task = load_task(name)
    rows = sample_rows(task, count)
    if as_json:
        print_json(
            {
                "card": task.card.model_dump(mode="json"),
                "options": dict(task.options),
                "instructions": task.instructions,
                "sample_rows": rows,
            }
        )
        return
    _print_card(task)
    print_text("\nInstructions")
    for text in task.instructions:
        print_text(f"  - {text}")
    print_text("\nRows built from synthetic sample data")
    for row in rows:
        _print_row(row)


def _print_card(task: Task) -> None:
    card = task.card
    print_text(f"{task.name}: {card.title} ({task.origin})")
    for label, value in (
        ("group", card.group),
        ("language", card.lang),
        ("homepage", card.homepage),
        ("citation", card.citation),
        ("license", card.license),
        ("image license", card.image_license),
        ("rows", ", ".join(f"{split} {entry.rows:,}" for split, entry in card.splits.items())),
        ("sources", ", ".join(card.sources)),
        ("variants", ", ".join(card.variants)),
        ("notes", card.notes),
    ):
        if value:
            print_text(f"  {label:15}{value}")
    for option, entry in card.options.items():
        print_text(f"  --set {task.name}.{option}={task.options[option]}: {entry.help}")


def _show_build(
    folder: Path, split: str | None, count: int, sheet: Path | None, as_json: bool
) -> None:
    from m3it_builder.report.preview import built_rows

    rows = built_rows(folder, split, count)
    if as_json:
        print_json([_columns(built.row) for built in rows])
    else:
        for built in rows:
            _print_row(_columns(built.row) | {"images": built.captions})
    if sheet:
        from m3it_builder.report.contact_sheet import write_sheet

        write_sheet(sheet, rows)
        print_message(f"wrote {sheet}")


def _columns(row: IndexRow) -> JsonObject:
    """Return a row by column of the index, with the fields of nested values by name."""
    from msgspec.structs import asdict

    nested = ("turns", "regions", "images")
    return asdict(row) | {name: [asdict(item) for item in getattr(row, name)] for name in nested}


def _print_row(row: JsonObject) -> None:
    print_text()
    print_text(one_line(f"{row['task']}/{row['split']}/{row['id']}"))
    for field in ("instruction", "inputs", "outputs"):
        text = row[field].replace("\n", "\n" + " " * 14)
        print_text(f"  {field:12}{text}")
    for image in row["images"]:
        print_text(f"  {'image':12}{image}")
