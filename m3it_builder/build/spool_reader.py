"""Read the complete spool of a unit: facts, shards, instances and rejects."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from m3it_builder.build.row_codec import decode
from m3it_builder.records import Instance, Reject, Split


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and properties of a unit after its text phase."""

    task: str
    split: Split
    candidates: int  # records from which the rows were chosen
    rejected_before: dict[str, int]  # rejects before rows were chosen, by reason
    has_video: bool  # True if a row has frames of a video
    unmatched: int  # ids in drop lists that matched no row


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """A shard to be packed: a range of positions in the spool."""

    shard: int
    first: int
    rows: int
    bytes: int  # expected size of images and texts
    key: str  # digest of the encoded instances: with equal packing, equal keys mean equal bytes


class ReadSpool:
    """Read access to a complete spool, from any number of processes."""

    def __init__(self, path: Path) -> None:
        # immutable: a complete spool is never written, so no file system needs to support locks.
        uri = f"{path.resolve().as_uri()}?immutable=1"
        self._database = sqlite3.connect(uri, uri=True)
        (facts,) = self._database.execute("SELECT json FROM facts").fetchone()
        self.facts = msgspec.json.decode(facts, type=Facts)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def shards(self) -> list[ShardPlan]:
        """Return the shards in order."""
        rows = self._database.execute(
            "SELECT shard, first, rows, bytes, key FROM shards ORDER BY shard"
        )
        return [ShardPlan(*row) for row in rows]

    def instances(self, shard: ShardPlan) -> Iterator[Instance]:
        """Yield the instances of one shard in order."""
        rows = self._database.execute(
            "SELECT text, refs FROM instances WHERE position >= ? AND position < ?"
            " ORDER BY position",
            (shard.first, shard.first + shard.rows),
        )
        unit = self.facts.task, self.facts.split
        for text, references in rows:
            yield decode(unit, text, references)

    def rejects(self) -> Iterator[tuple[str, Reject]]:
        """Yield (stage, reject) in the order of the stages."""
        rows = self._database.execute("SELECT stage, id, reason, detail FROM rejects ORDER BY seq")
        for stage, *reject in rows:
            yield stage, Reject(*reject)

    def reasons(self) -> Counter[str]:
        """Count the rejects by reason."""
        return count_reasons(self._database)


def count_reasons(database: sqlite3.Connection) -> Counter[str]:
    """Count the rejects of a spool by reason."""
    return Counter(dict(database.execute("SELECT reason, count(*) FROM rejects GROUP BY reason")))
