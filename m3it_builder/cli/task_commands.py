"""``ls``, ``show``, ``new`` and ``lint``: what tasks there are, and new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3it_builder.cli.options import AsJson

if TYPE_CHECKING:
    from m3it_builder.tasks.registry import Task


def ls(
    group: Annotated[
        str | None,
        typer.Option("--group", help="caption, classify, vqa, kvqa, reason or generate."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the tasks, with their variants below them.

    The numbers are the published rows of each split. Installed packages that
    bring tasks are listed too.
    """
    from m3it_builder.cli.output import print_json, print_table
    from m3it_builder.tasks.registry import load_task, task_names

    tasks = [load_task(name) for name in task_names()]
    if group:
        tasks = [task for task in tasks if task.card.group == group]
    rows = []
    for task in tasks:
        rows.append(_facts(task))
        rows += [_facts(load_task(name)) | {"variant_of": task.name} for name in task.card.variants]
    if as_json:
        print_json(rows)
        return
    cells = [
        ("└ " * bool(row["variant_of"]) + row["name"], row["group"], row["lang"],
         *(row["splits"].get(split) for split in ("train", "validation", "test")),
         row["license"], "held out" if row["held_out"] else "", row["origin"])
        for row in rows
    ]  # fmt: skip
    columns = ("task", "group", "lang", "train", "validation", "test", "license", "", "from")
    print_table(columns, cells)
    variants = sum(bool(row["variant_of"]) for row in rows)
    typer.echo(f"{len(tasks)} tasks, {variants} variants. `m3it show TASK` tells more.", err=True)


def show(
    name: Annotated[str, typer.Argument(help="A task, a variant, or the folder of a built task.")],
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many rows to show.")] = 3,
    split: Annotated[str | None, typer.Option("--split", help="Of a build.")] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="Write a PNG of built images with their texts here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a task, or rows of a finished build.

    Of a task: its card, its instructions, rows built from its sample source.
    Of a build: rows spread over a split, and a contact sheet of them.

    For example:

    m3it show okvqa

    m3it show build/okvqa --rows 12 --sheet okvqa.png
    """
    if _is_build(name):
        _show_build(Path(name), split, rows, sheet, as_json)
        return
    if sheet or split:
        raise typer.BadParameter("--sheet and --split need the folder of a build, not a task")
    _show_task(name, rows, as_json)


def new(
    name: Annotated[str, typer.Argument(help="Of the task, in small letters and hyphens.")],
    into: Annotated[
        Path, typer.Option("--into", help="Project folder the files are written to.")
    ] = Path(),
) -> None:
    """Write the files of a new task, running from the start.

    Card, source card, instruction pool, converter, sample writer and fixture
    run as they are, on a small source of their own; follow the six steps in
    CONTRIBUTING.md to make them yours. `m3it lint` lists what is left.
    """
    from m3it_builder.authoring.scaffold import write_scaffold

    for path in write_scaffold(name, into):
        typer.echo(path)


def lint(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A folder with task_cards/, instructions/, pipelines/ of your own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate all cards, pools and pipelines.

    Needs no raw data. Status 1 if a file is wrong, or still says TODO.
    """
    from m3it_builder.authoring.lint import lint_folder
    from m3it_builder.cli.output import print_json, print_table

    files, faults = lint_folder(folder)
    if as_json:
        print_json({"files": files, "faults": [f"{f.file}: {f.fault}" for f in faults]})
    elif faults:
        print_table(("file", "fault"), [(fault.file, fault.fault) for fault in faults])
    else:
        typer.echo(f"{files} files, all well")
    if faults:
        raise typer.Exit(1)


def _facts(task: Task) -> dict[str, Any]:
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
    from m3it_builder.cli.output import print_json
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
    typer.echo("\nInstructions")
    for text in task.instructions:
        typer.echo(f"  - {text}")
    typer.echo("\nRows built from its sample source")
    for row in rows:
        _print_row(row)


def _print_card(task: Task) -> None:
    card = task.card
    typer.echo(f"{task.name}: {card.title} ({task.origin})")
    for label, value in (
        ("group", card.group),
        ("language", card.lang),
        ("homepage", card.homepage),
        ("citation", card.citation),
        ("license", card.license),
        ("images", card.image_license),
        ("rows", ", ".join(f"{split} {entry.rows:,}" for split, entry in card.splits.items())),
        ("sources", ", ".join(card.sources)),
        ("variants", ", ".join(card.variants)),
        ("notes", card.notes),
    ):
        if value:
            typer.echo(f"  {label:10}{value}")
    for option, entry in card.options.items():
        typer.echo(f"  --set {task.name}.{option}={task.options[option]}: {entry.help}")


def _show_build(
    folder: Path, split: str | None, count: int, sheet: Path | None, as_json: bool
) -> None:
    from m3it_builder.cli.output import print_json
    from m3it_builder.report.preview import built_rows

    rows = built_rows(folder, split, count)
    if as_json:
        print_json([row.texts for row in rows])
    else:
        for row in rows:
            _print_row({**row.texts, "images": row.captions})
    if sheet:
        from m3it_builder.report.contact_sheet import write_sheet

        write_sheet(sheet, rows)
        typer.echo(f"wrote {sheet}", err=True)


def _print_row(row: dict[str, Any]) -> None:
    typer.echo(f"\n{row['task']}/{row['split']}/{row['id']}")
    for field in ("instruction", "inputs", "outputs"):
        text = row[field].replace("\n", "\n" + " " * 14)
        typer.echo(f"  {field:12}{text}")
    for image in row["images"]:
        typer.echo(f"  {'image':12}{image}")
