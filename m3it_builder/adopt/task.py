"""Make the task of one adopted unit: a card in memory, and a converter over scanned rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from m3it_builder.adopt.decompress import decompressed_name
from m3it_builder.adopt.layout import Layout, PublishedUnit
from m3it_builder.adopt.pools import read_labels, read_pool
from m3it_builder.adopt.published import TaskFacts, base_name, published
from m3it_builder.adopt.records import RowFile, UnitFiles, convert
from m3it_builder.adopt.scan import ScannedFile
from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import (
    ImageCount,
    OptionValue,
    SourceCard,
    SourceFile,
    SplitCard,
    TaskCard,
    load_task_card,
)
from m3it_builder.cards.instructions import load_instructions, plain
from m3it_builder.errors import BuildError
from m3it_builder.tasks.registry import Task

if TYPE_CHECKING:
    from m3it_builder.samples.world import World

HOME = "https://huggingface.co/datasets/MMInstruction/M3IT"
CITATION = "Li et al. 2023 (arXiv 2306.04387)"
UNKNOWN = "unknown"
_ORIGIN = "m3it_builder.adopt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedUnit:
    """A unit whose files were scanned."""

    unit: PublishedUnit
    data: Path  # the data folder with the uncompressed files
    rows: ScannedFile
    images: ScannedFile | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Return remarks on the files, for the report."""
        unit, rows, notes = self.unit, self.rows.summary, []
        if unit.superseded:
            notes.append(f"superseded and not read: {', '.join(unit.superseded)}")
        if unit.base not in published().tasks:
            notes.append("no task of the published collection has this name")
        if unit.pool_file is None and rows.with_instruction < rows.rows:
            notes.append("no instructions.json in its folder")
        if self.images and (count := self.images.summary.lines) != rows.lines:
            notes.append(f"{rows.lines:,} texts and {count:,} rows of images, joined by position")
        if rows.with_label:
            notes.append("answers are class names; the loading script added the options itself")
        return tuple(notes)

    @property
    def images_only(self) -> bool:
        """Return True for a base whose rows have no answer, or no instruction, of their own."""
        rows = self.rows.summary
        roles = {role for of_key in rows.roles.values() for role in of_key}
        has_instructions = rows.with_instruction == rows.rows or bool(pool_of(self))
        has_texts = has_instructions and bool(roles & {"outputs", "label"})
        return self.unit.is_base and not has_texts


def published_rows(unit: PublishedUnit) -> int | None:
    """Return the published number of rows of a unit, or None if there is none."""
    table = published()
    if unit.lang is not None:
        return table.translated.get(unit.base, {}).get(unit.split)
    task = table.tasks.get(unit.base)
    if unit.task != unit.base or task is None or task.rows is None:
        return None
    return task.rows.get(unit.split, 0)


def adopted_task(scanned: ScannedUnit, layout: Layout) -> Task:
    """Return the task that builds one unit.

    Raises:
        SourceError: its instructions or class names cannot be read.
    """
    unit, folder = scanned.unit, scanned.data
    pool = pool_of(scanned)
    labels: tuple[str, ...] = ()
    if unit.label_file and scanned.rows.summary.with_label:
        labels = read_labels(folder / unit.label_file)
    files = UnitFiles(
        task=unit.task,
        rows=_row_file(scanned.rows),
        images=_row_file(scanned.images) if scanned.images else None,
        labels=labels,
        has_pool=bool(pool),
        is_base=unit.is_base,
    )
    options: dict[str, OptionValue] = {"adopted_from": "M3IT-80" if unit.is_m3it_80 else "M3IT"}
    if unit.is_base:
        options |= {"base_of_translations": True, "images_only": scanned.images_only}
    return Task(
        name=unit.task,
        card=_card(scanned, layout.data),
        instructions=plain(pool),
        convert=partial(convert, files=files),
        sample=_no_sample,
        sources={layout.data: _source_card(unit, layout.data)},
        options=options,
        origin=_ORIGIN,
    )


def pool_of(scanned: ScannedUnit) -> tuple[str, ...]:
    """Return the instructions for the rows of a unit that have none of their own.

    Files with the images of translated sets come without instructions: they get those of this
    project that are true of every row of the task.

    Raises:
        SourceError: the file of instructions cannot be read.
    """
    unit = scanned.unit
    if unit.pool_file:
        return tuple(read_pool(scanned.data / unit.pool_file, unit.base))
    path = bundled("instructions") / f"{unit.base}.json"
    if not unit.is_base or not path.exists():
        return ()
    return tuple(one.text for one in load_instructions(path) if not one.needs)


def row_name(file: ScannedFile) -> str:
    """Return the name of a file as rows give it; a copy of the data folder has the same."""
    return f"data/{file.job.state.name}"


def _row_file(file: ScannedFile) -> RowFile:
    return RowFile(name=row_name(file), path=file.job.path, rows_path=file.job.rows_path)


def _card(scanned: ScannedUnit, source: str) -> TaskCard:
    unit, rows = scanned.unit, scanned.rows.summary
    facts = facts_of(unit)
    with_images = rows if rows.max_images or not scanned.images else scanned.images.summary
    published_task = published().tasks.get(unit.base)
    min_images = published_task.min_images if published_task else 0
    count = published_rows(unit)
    return TaskCard(
        name=unit.base,
        **{name: getattr(facts, name) for name in TaskFacts.model_fields},
        sources={source: "all"},
        splits={unit.split: SplitCard(rows=rows.lines if count is None else count)},
        images=ImageCount(min=min_images, max=max(min_images, with_images.max_images)),
    )


def facts_of(unit: PublishedUnit) -> TaskFacts:
    """Return the facts of the card of a unit: those of its task, with its own title."""
    facts = _base_facts(unit.base)
    if unit.lang is not None:
        title = f"{facts.title}, translated ({unit.lang})"
        return facts.model_copy(update={"lang": unit.lang, "title": title})
    if unit.is_base:
        return facts.model_copy(update={"title": f"{facts.title}, images of M3IT-80"})
    if unit.task != unit.base:
        variant = unit.task.removeprefix(f"{unit.base}-")
        return facts.model_copy(update={"title": f"{facts.title}, {variant}"})
    return facts


def _base_facts(base: str) -> TaskFacts:
    path = bundled("task_cards") / f"{base}.yaml"
    if path.exists():
        card = load_task_card(path)
        return TaskFacts.model_validate(card.model_dump(include={*TaskFacts.model_fields}))
    if base in published().tasks:
        return published().tasks[base]
    return TaskFacts(
        title=base_name(base),
        group="vqa",
        lang="und",
        homepage=HOME,
        citation=CITATION,
        license=UNKNOWN,
        image_license=UNKNOWN,
    )


def _source_card(unit: PublishedUnit, folder: str) -> SourceCard:
    return SourceCard(
        name=folder,
        title="M3IT-80, as published" if unit.is_m3it_80 else "M3IT, as published",
        homepage=HOME,
        license=f"Instructions CC-BY-4.0; of the rows, see {unit.base}",
        files=tuple(SourceFile(file=decompressed_name(name), manual=HOME) for name in unit.files),
    )


def _no_sample(_world: World, _folder: Path, _count: int) -> None:
    raise BuildError("an adopted task has no sample data")
