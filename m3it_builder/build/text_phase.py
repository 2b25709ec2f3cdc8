"""Phase A, text: raw files become instances."""

from __future__ import annotations

from collections.abc import Iterator

from m3it_builder.build.plan import Plan
from m3it_builder.records import Instance, Row
from m3it_builder.sources.source import Source
from m3it_builder.stages import RejectSink
from m3it_builder.stages.check import check
from m3it_builder.stages.convert import convert
from m3it_builder.stages.instruct import instruct
from m3it_builder.stages.locate import locate
from m3it_builder.tasks.registry import Task


def instances(task: Task, source: Source, plan: Plan, reject: RejectSink) -> Iterator[Instance]:
    """Turn the raw files of one task and split into instances, lazily.

    This function is the pipeline: each stage takes an iterator and gives one.
    """
    records = convert(task, source, reject)
    located = locate(records, source, reject)
    rows = instruct(located, task, source.split, plan.seed, plan.file.instructions)
    return check(rows, task.card, plan.file.checks, reject)


def _row(instance: Instance, task: Task) -> Row:
    record = instance.record
    return Row(
        instruction=instance.instruction,
        inputs=instance.inputs,
        outputs=instance.outputs,
        lang=instance.lang,
        license=record.license or task.card.license,
        image_license=record.image_license or task.card.image_license,
        record=record,
    )
