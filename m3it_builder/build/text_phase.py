"""Phase A: convert raw files into the instances of a spool.

All records: convert → locate → check records → spool → choose (sample, limit, drop).
Chosen records only: instruct → paraphrase → render → check texts → spool → cut into shards.
Rows that are not built are not rendered, nor rewritten by a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from m3it_builder.build.plan import Plan
from m3it_builder.build.spool import Choice, Spool
from m3it_builder.errors import SourceError, first_few
from m3it_builder.progress import Progress
from m3it_builder.records import Instance, Record, Reject, Split
from m3it_builder.sources.source import Source
from m3it_builder.stages import RejectSink
from m3it_builder.stages.check import check_records, check_texts
from m3it_builder.stages.convert import convert
from m3it_builder.stages.instruct import instruct
from m3it_builder.stages.locate import locate
from m3it_builder.stages.paraphrase import paraphrase
from m3it_builder.stages.render import render_all
from m3it_builder.tasks.registry import Task

_REPORT_EVERY = 500  # rows

Item = TypeVar("Item")


def read_records(task: Task, source: Source, plan: Plan, reject: RejectSink) -> Iterator[Record]:
    """Yield the checked records of one split, with images located."""
    converted = convert(task, source, reject)
    located = locate(converted, source, reject)
    return check_records(located, task.card, plan.file.checks, reject)


def finish(
    records: Iterable[Record], task: Task, split: Split, plan: Plan, reject: RejectSink
) -> Iterator[Instance]:
    """Yield the instances of chosen records, with texts rendered and checked."""
    instructed = instruct(records, task, split, plan.seed, plan.file.instructions)
    style = task.card.render.style()
    mode = plan.choices(task.card).paraphrase
    rendered = render_all(paraphrase(instructed, mode, style), style)
    return check_texts(rendered, plan.file.checks, reject)


def fill_spool(spool: Spool, task: Task, source: Source, plan: Plan, progress: Progress) -> None:
    """Run the text phase of one unit and complete its spool.

    It reports two phases of progress: records read, and rows finished.

    Raises:
        SourceError: a raw file is missing or corrupt, or there is no example in them.
        ConvertError: a source record does not have the structure the converter expects.
    """
    name, split = f"{task.name}/{source.split}", source.split
    entry = task.card.splits[split]
    counted = _Counted(spool, progress)
    progress.start(f"{name} text", entry.rows or None)
    try:
        for record in counted.each(read_records(task, source, plan, counted.reject)):
            spool.add(record)
    finally:
        progress.finish()
    if spool.is_empty:
        raise SourceError(
            f"{name}: {first_few(sorted(source.names_read)) or 'the source'}: no examples, where "
            f"the published split has {entry.rows:,}",
            "the files are empty or not the official ones, check them with "
            f"`m3it fetch --verify --task {task.name}`",
        )
    published = entry.rows if entry.sample and plan.file.rows == "published" else None
    order = plan.file.order.get(split, "source")
    chosen = spool.choose(Choice(sample=published, limit=plan.limit), order)
    progress.start(f"{name} rows", chosen)
    try:
        finished = finish(spool.chosen(), task, split, plan, counted.reject)
        for instance in counted.each(finished):
            spool.store(instance)
    finally:
        progress.finish()
    spool.complete(plan.file.output.shard_mb * 1e6, source.archive_identities())


class _Counted:
    """Counts rows and rejects, and reports them to the progress callback in batches."""

    def __init__(self, spool: Spool, progress: Progress) -> None:
        self._spool = spool
        self._progress = progress
        self._counts: Counter[str] = Counter()

    def reject(self, stage: str, reject: Reject) -> None:
        self._counts["rejects"] += 1
        self._spool.reject(stage, reject)

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            yield item
            self._counts["rows"] += 1
            if self._counts["rows"] == _REPORT_EVERY:
                self._report()
        self._report()

    def _report(self) -> None:
        self._progress.advance(self._counts.pop("rows", 0), rejects=self._counts.pop("rejects", 0))
