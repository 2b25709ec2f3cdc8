"""A task made for one adopted unit: its card in memory, its converter over scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m3it_builder.adopt.decompress import plain_name
from m3it_builder.adopt.layout import Layout, Part
from m3it_builder.adopt.pools import read_labels, read_pool
from m3it_builder.adopt.published import Known, base_name, published
from m3it_builder.adopt.records import Reading, Rows, records
from m3it_builder.adopt.scan import Scan, ScanJob
from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import (
    ImageCount,
    SourceCard,
    SourceFile,
    SplitCard,
    TaskCard,
    load_task_card,
)
from m3it_builder.errors import BuildError
from m3it_builder.tasks.registry import Task

if TYPE_CHECKING:
    from m3it_builder.samples.world import World

HOME = "https://huggingface.co/datasets/MMInstruction/M3IT"
CITATION = "Li et al. 2023 (arXiv 2306.04387)"
UNKNOWN = "unknown"
_ORIGIN = "m3it_builder.adopt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """The files of a unit, read once."""

    part: Part
    root: Path  # folder the data folder lies in, files unpacked
    rows: tuple[ScanJob, Scan]
    images: tuple[ScanJob, Scan] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what whoever reads the report should know of the files."""
        part, notes = self.part, []
        if part.superseded:
            notes.append(f"superseded and not read: {', '.join(part.superseded)}")
        if part.base not in published().tasks:
            notes.append("no task of the published collection has this name")
        if part.pool is None and self.rows[1].instructed < self.rows[1].usable:
            notes.append("no instructions.json beside it")
        if self.images and (count := self.images[1].lines) != self.rows[1].lines:
            notes.append(
                f"{self.rows[1].lines:,} texts and {count:,} rows of images, "
                "joined in the order they stand"
            )
        if self.rows[1].labelled:
            notes.append("answers are names of classes; the loading script listed options itself")
        return tuple(notes)


def published_rows(part: Part) -> int | None:
    """Return how many rows a unit was published with, None where nobody said."""
    table = published()
    if part.lang is not None:
        return table.translated.get(part.base, {}).get(part.split)
    known = table.tasks.get(part.base)
    if part.task != part.base or known is None or known.rows is None:
        return None
    return known.rows.get(part.split, 0)


def adopted_task(scanned: Scanned, layout: Layout) -> Task:
    """Return the task that builds one unit.

    Raises:
        SourceError: its instructions or class names cannot be read.
    """
    part, folder = scanned.part, scanned.root / layout.data
    pool = read_pool(folder / part.pool, part.base) if part.pool else ()
    labels: tuple[str, ...] = ()
    if part.labels and scanned.rows[1].labelled:
        labels = read_labels(folder / part.labels)
    reading = Reading(
        task=part.task,
        rows=_rows(scanned.rows[0], part.rows),
        images=_rows(scanned.images[0], str(part.images)) if scanned.images else None,
        labels=labels,
        has_pool=bool(pool),
    )
    return Task(
        name=part.task,
        card=_card(scanned, layout.data),
        instructions=pool,
        convert=partial(records, reading=reading),
        sample=_no_sample,
        sources={layout.data: _source(part, layout.data)},
        options={"adopted_from": "M3IT-80" if part.lang else "M3IT"},
        origin=_ORIGIN,
    )


def _rows(job: ScanJob, name: str) -> Rows:
    return Rows(file=job.file, name=f"data/{plain_name(name)}", rows=job.rows)


def _card(scanned: Scanned, source: str) -> TaskCard:
    part, scan = scanned.part, scanned.rows[1]
    facts, least = _facts(part.base)
    if part.lang is not None:
        facts = {**facts, "lang": part.lang, "title": f"{facts['title']}, translated ({part.lang})"}
    elif part.task != part.base:
        how = part.task.removeprefix(f"{part.base}-")
        facts = {**facts, "title": f"{facts['title']}, {how}"}
    counted = scan if scan.most or not scanned.images else scanned.images[1]
    rows = published_rows(part)
    return TaskCard(
        name=part.base,
        **facts,
        sources={source: "all"},
        splits={part.split: SplitCard(rows=scan.lines if rows is None else rows)},
        images=ImageCount(min=least, max=max(least, counted.most)),
    )


def _facts(base: str) -> tuple[dict[str, Any], int]:
    """Return what a card says of a task, and the fewest images a row of it has."""
    path = bundled("task_cards") / f"{base}.yaml"
    known = published().tasks.get(base)
    least = known.fewest_images if known else 0
    if path.exists():
        card = load_task_card(path)
        return _chosen(card.model_dump()), least
    if known is not None:
        return _chosen(known.model_dump()), least
    return {
        "title": base_name(base),
        "group": "vqa",
        "lang": "und",
        "homepage": HOME,
        "citation": CITATION,
        "license": UNKNOWN,
        "image_license": UNKNOWN,
    }, least


def _chosen(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = {*Known.model_fields} & {*TaskCard.model_fields}
    return {name: facts[name] for name in names}


def _source(part: Part, folder: str) -> SourceCard:
    return SourceCard(
        name=folder,
        title="M3IT-80, as published" if part.lang else "M3IT, as published",
        homepage=HOME,
        license=f"Instructions CC-BY-4.0; of the rows, see {part.base}",
        files=tuple(SourceFile(file=plain_name(name), manual=HOME) for name in part.files),
    )


def _no_sample(_world: World, _folder: Path, _count: int) -> None:
    raise BuildError("an adopted task has no sample data")
