"""``ls`` and ``show``: the tasks there are, and their rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from m3it_builder.cli.options import AsJson, SplitName, choice
from m3it_builder.cli.output import one_line, print_json, print_message, print_table, print_text
from m3it_builder.records import JsonObject

if TYPE_CHECKING:
    from m3it_builder.build.sibling_inputs import Sibling
    from m3it_builder.cards.cards import Readers
    from m3it_builder.dataset.index_row import IndexRow
    from m3it_builder.errors import M3ITError
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

    The column M3IT marks the forty datasets of M3IT, which --pipeline m3it builds.
    Row counts are those of the published M3IT, or the official ones for variants
    that it does not have. Siblings are sets made from a build of a task: TASK-rephrased
    has sentences as answers. Tasks from installed packages are included. Exits with
    status 1 if a package is broken: it is named, and all other tasks are listed.
    """
    from m3it_builder.build.plan import load_pipeline
    from m3it_builder.tasks.registry import variants_of

    tasks, errors = _load_all()
    if group:
        tasks = [task for task in tasks if task.card.group == group]
    members = load_pipeline("m3it").tasks
    rows = []
    for task in tasks:
        rows.append(_summary(task, members))
        variants = [_summary(variant, members) for variant in variants_of(task)]
        rows += [row | {"variant_of": task.name} for row in variants]
    if as_json:
        print_json(rows)
    else:
        _print_tasks(rows)
    for error in errors:
        print_message(f"m3it: {error}")
    if errors:
        raise typer.Exit(1)


def _load_all() -> tuple[list[Task], list[M3ITError]]:
    """Return all tasks that load, sorted by name, and the errors of the others."""
    from m3it_builder.errors import M3ITError
    from m3it_builder.tasks.registry import broken_plugins, load_task, task_names

    broken = broken_plugins()
    tasks: list[Task] = []
    errors: list[M3ITError] = list(broken.values())
    for name in sorted(set(task_names()) - set(broken)):
        try:
            tasks.append(load_task(name))
        except M3ITError as error:
            errors.append(error)
    return tasks, errors


def _print_tasks(rows: Sequence[JsonObject]) -> None:
    cells = [
        ("└ " * bool(row["variant_of"]) + row["name"], row["group"], row["lang"],
         *(row["splits"].get(split) for split in ("train", "validation", "test")),
         "yes" if row["m3it"] else None, row["license"], "yes" if row["held_out"] else None,
         len(row["siblings"]) or None, row["origin"])
        for row in rows
    ]  # fmt: skip
    columns = ("task", "group", "language", "train", "validation", "test", "M3IT", "license",
               "held out", "siblings", "origin")  # fmt: skip
    print_table(columns, cells)
    variants = sum(bool(row["variant_of"]) for row in rows)
    tasks, members = len(rows) - variants, sum(row["m3it"] for row in rows)
    print_message(
        f"{tasks} tasks ({members} of M3IT, {tasks - members} others), {variants} variants; "
        "details: `m3it show TASK`"
    )


def show(
    name: Annotated[
        str,
        typer.Argument(help="A task, a variant, or the output folder of a build or of one task."),
    ],
    rows: Annotated[
        int, typer.Option("--rows", min=0, max=10_000, help="Number of rows to show, per task.")
    ] = 3,
    split: SplitName = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="Write a contact sheet of built rows to this PNG file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a task, or rows of a finished build.

    For a task: its card, its instructions, and rows built from synthetic sample
    data. For the folder of a build, or of one task in it: rows at regular
    intervals over one split of each task; --sheet renders their images and texts
    as a contact sheet. `m3it info` lists what a build has.

    For example:

    m3it show okvqa

    m3it show build/okvqa --rows 12 --sheet okvqa.png
    """
    if _is_build(name):
        _show_build(Path(name), split, rows, sheet, as_json)
        return
    if sheet or split:
        raise typer.BadParameter("--sheet and --split need the folder of a build")
    _show_task(name, rows, as_json)


def _summary(task: Task, members: Collection[str]) -> JsonObject:
    from m3it_builder.build.sibling_names import sibling_names

    card = task.card
    return {
        "name": task.name,
        "variant_of": None,
        "title": card.title,
        "group": card.group,
        "lang": card.lang,
        "splits": {split: entry.rows for split, entry in card.splits.items()},
        "license": card.license,
        "m3it": task.name in members,
        "held_out": card.held_out,
        "siblings": sibling_names(task.name, card),
        "origin": task.origin,
    }


def _is_build(name: str) -> bool:
    """Return True if a name means a folder: it has the form of a path, or a build is there."""
    from m3it_builder.dataset.layout import MANIFEST

    path = Path(name)
    if "/" in name or name in (".", ".."):
        return True
    return path.is_dir() and any(
        next(path.glob(f"{prefix}meta/*/{MANIFEST}"), None) for prefix in ("", "*/")
    )


def _show_task(name: str, count: int, as_json: bool) -> None:
    from m3it_builder.build.sibling_names import find_sibling
    from m3it_builder.report.preview import sample_rows
    from m3it_builder.tasks.registry import load_task

    if sibling := find_sibling(name, Path("build")):
        _show_sibling(sibling, as_json)
        return
    task = load_task(name)
    rows = sample_rows(task, count) if task.sample else []
    if as_json:
        print_json(
            {
                "card": task.card.model_dump(mode="json"),
                "options": dict(task.options),
                "instructions": [
                    {"text": one.text, "needs": sorted(one.needs)} for one in task.instructions
                ],
                "sample_rows": rows,
            }
        )
        return
    _print_card(task)
    print_text("\nInstructions")
    for one in task.instructions:
        needs = f" (if the row has: {', '.join(sorted(one.needs))})" if one.needs else ""
        print_text(f"  - {one.text}{needs}")
    if task.sample:
        print_text("\nRows built from synthetic sample data")
    for row in rows:
        _print_row(row)


def _show_sibling(sibling: Sibling, as_json: bool) -> None:
    made_by = sibling.transformation.name
    if as_json:
        print_json({"name": sibling.name, "base": sibling.base, "transformation": made_by})
        return
    print_text(
        f"{sibling.name}: made from a build of {sibling.base} by the transformation {made_by}\n"
        f"  its rows have the ids of {sibling.base}, other texts, and digests of the same images\n"
        f"  build it:  m3it build --task {sibling.base} --task {sibling.name} --out build\n"
        f"  the base:  m3it show {sibling.base}"
    )


def _print_card(task: Task) -> None:
    from m3it_builder.tasks.options import option_cards

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
        ("optional", _optional(card.optional_sources)),
        ("variants", ", ".join(card.variants)),
        ("derivation", card.derivation),
        ("notes", card.notes),
    ):
        if value:
            print_text(f"  {label:15}{value}")
    for name, option in option_cards(card).items():
        setting = task.options.get(name, option.default)
        print_text(f"  --set {task.name}.{name}={setting}: {option.help}")


def _optional(sources: Mapping[str, Readers]) -> str:
    """Return optional sources as text, each with the splits that read it if not all do."""
    names = [
        name if splits == "all" else f"{name} ({', '.join(splits)})"
        for name, splits in sources.items()
    ]
    note = "read if present; of several with the same images one is needed"
    return f"{', '.join(names)}: {note}" if names else ""


def _show_build(
    folder: Path, split: str | None, count: int, sheet: Path | None, as_json: bool
) -> None:
    from m3it_builder.report.preview import built_rows

    if sheet:
        from m3it_builder.report.contact_sheet import require_sheet_path, write_sheet

        require_sheet_path(sheet)
    rows = built_rows(folder, split, count)
    if as_json:
        print_json([_columns(built.row) for built in rows])
    else:
        for built in rows:
            _print_row(_columns(built.row) | {"images": built.captions})
    if sheet:
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
