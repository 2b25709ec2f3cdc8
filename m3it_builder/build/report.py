"""The result of building one unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from m3it_builder.dataset.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one unit."""

    task: str
    split: str
    status: Literal["built", "up to date", "planned"]
    rows: int
    shards: int  # files, in all formats
    bytes: int  # size of the shards; an estimate if the unit was only planned
    packed: int = 0  # files packed by this run; the others were reused
    rejects: dict[str, int] = field(default_factory=dict)  # by reason
    unmatched: int = 0  # ids in drop lists that matched no row
    notes: tuple[str, ...] = ()  # warnings about the sources, one sentence each


def report_of(
    manifest: Manifest, status: Literal["built", "up to date"], packed: int = 0
) -> Report:
    """Return the report of a finished unit; ``packed`` files were packed by this run."""
    return Report(
        task=manifest.task,
        split=manifest.split,
        status=status,
        rows=manifest.instances,
        shards=len(manifest.shards) * len(manifest.formats),
        bytes=manifest.shard_bytes,
        packed=packed,
        rejects=dict(manifest.rejects),
    )
