"""The store between the phases: one SQLite file a unit.

Rows stream in; ids are deduplicated, the published sample is taken, the order
is set and shards are cut on disk, in flat memory. Packers then read ranges.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.build.plan import Order
from m3it_builder.build.row_codec import decode, encode
from m3it_builder.build.shard_cuts import cuts, target_rows
from m3it_builder.media.reader import byte_count
from m3it_builder.records import Frames, Reject, Row

_SCHEMA = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768;
CREATE TABLE rows (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, rank INTEGER, bytes INTEGER,
                   text BLOB, places BLOB, dropped TEXT);
CREATE TABLE rejects (seq INTEGER PRIMARY KEY, stage TEXT, id TEXT, reason TEXT, detail TEXT);
CREATE TABLE placed (place INTEGER PRIMARY KEY, seq INTEGER);
CREATE TABLE facts (has_video INTEGER, unmet INTEGER);
CREATE TABLE shards (shard INTEGER PRIMARY KEY, first INTEGER, rows INTEGER, bytes INTEGER,
                     key TEXT);
"""
NOT_CHOSEN = (
    "not_sampled",
    "over_limit",
    "not_chosen",
)  # rejects that say nothing against the source


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One shard to be packed: a range of places in the spool."""

    shard: int
    first: int
    rows: int
    bytes: int  # expected, of the images and texts
    key: str  # digest of the rows' texts: equal key, equal shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How the rows of a unit are chosen, ordered and cut."""

    order: Order
    sample: int | None  # take so many rows, the first by digest, where there are more
    limit: int | None
    shard_bytes: float


class Spool:
    """Writes rows and rejects of one unit, then arranges them."""

    def __init__(self, path: Path, key: str, dropped: Mapping[str, str] | None = None) -> None:
        self._dropped = dropped or {}  # ids of rows to leave out, with the name of a list
        self._met = 0  # of them
        path.unlink(missing_ok=True)
        self.path = path
        self._key = key  # of the draw: seed, task and split
        self._base = sqlite3.connect(path)
        self._base.executescript(_SCHEMA)
        self.rows = 0
        self._has_video = False

    def add(self, row: Row) -> None:
        """Store one row; a second row of the same id becomes a reject."""
        dropped = self._dropped.get(row.record.id)
        text, places = encode(row)
        self._has_video |= any(isinstance(image.selection, Frames) for image in row.record.images)
        row_id = row.record.id
        size = byte_count(row.record) + len(text)
        done = self._base.execute(
            "INSERT OR IGNORE INTO rows (id, rank, bytes, text, places, dropped)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (row_id, self._rank(row_id), size, text, places, dropped),
        )
        if done.rowcount:
            self.rows += 1
            self._met += dropped is not None
        else:
            self.reject("spool", Reject(row_id, "duplicate_id", "the first one was kept"))

    def reject(self, stage: str, reject: Reject) -> None:
        """Write one reject down."""
        self._base.execute(
            "INSERT INTO rejects (stage, id, reason, detail) VALUES (?, ?, ?, ?)",
            (stage, reject.id, reject.reason, reject.detail),
        )

    def arrange(self, how: Arrangement) -> None:
        """Choose, order and cut the rows; afterwards the spool is complete."""
        self._base.execute("PRAGMA cache_size=-8192")  # also what a sort may hold in memory
        self._choose("not_sampled", how.sample)
        self._choose("over_limit", how.limit)
        self._leave_out()
        order = "seq" if how.order == "source" else "rank, id"
        self._base.execute(f"INSERT INTO placed (seq) SELECT seq FROM rows ORDER BY {order}")  # noqa: S608
        self._cut(how.shard_bytes)
        self._base.execute(
            "INSERT INTO facts VALUES (?, ?)", (self._has_video, len(self._dropped) - self._met)
        )
        self._base.commit()
        self._base.close()

    def discard(self) -> None:
        """Close and remove an incomplete spool."""
        self._base.close()
        self.path.unlink(missing_ok=True)

    def _rank(self, row_id: str) -> int:
        digest = hashlib.blake2b(
            f"{self._key}/{row_id}".encode(errors="surrogatepass"), digest_size=8
        )
        return int.from_bytes(digest.digest(), signed=True)

    def _choose(self, reason: str, count: int | None) -> None:
        if count is None or self.rows <= count:
            return
        self._base.execute(
            "CREATE TEMP TABLE chosen AS SELECT seq FROM rows ORDER BY rank, id LIMIT ?", (count,)
        )
        self._base.execute("CREATE UNIQUE INDEX temp.by_seq ON chosen (seq)")
        left_out = "FROM rows WHERE seq NOT IN (SELECT seq FROM chosen)"
        self._base.execute(
            f"INSERT INTO rejects (stage, id, reason, detail) SELECT 'spool', id, ?, '' {left_out}"
            " ORDER BY seq",
            (reason,),
        )
        self._base.execute(f"DELETE {left_out}")
        self._base.execute("DROP TABLE chosen")
        self.rows = count

    def _leave_out(self) -> None:
        self._base.execute(
            "INSERT INTO rejects (stage, id, reason, detail)"
            " SELECT 'drop', id, 'dropped', 'listed in ' || dropped FROM rows"
            " WHERE dropped IS NOT NULL ORDER BY seq"
        )
        self.rows -= self._base.execute("DELETE FROM rows WHERE dropped IS NOT NULL").rowcount

    def _cut(self, shard_bytes: float) -> None:
        total = self._base.execute("SELECT coalesce(sum(bytes), 0) FROM rows").fetchone()[0]
        ids = self._base.execute("SELECT id FROM placed JOIN rows USING (seq) ORDER BY place")
        sizes = cuts((row_id for (row_id,) in ids), target_rows(shard_bytes, self.rows, total))
        first = 1
        for shard, size in enumerate(list(sizes)):
            rows = self._base.execute(
                "SELECT bytes, text FROM placed JOIN rows USING (seq)"
                " WHERE place >= ? AND place < ? ORDER BY place",
                (first, first + size),
            )
            count, key = _summary(rows)
            self._base.execute(
                "INSERT INTO shards VALUES (?, ?, ?, ?, ?)", (shard, first, size, count, key)
            )
            first += size


class ReadSpool:
    """Reads a complete spool; safe from several processes at once."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def has_video(self) -> bool:
        """Tell whether a row takes frames from a video."""
        return bool(self._base.execute("SELECT has_video FROM facts").fetchone()[0])

    def unmatched(self) -> int:
        """Return how many ids to be dropped no row had."""
        return int(self._base.execute("SELECT unmet FROM facts").fetchone()[0])

    def shards(self) -> list[ShardPlan]:
        """Return the shards in order."""
        rows = self._base.execute(
            "SELECT shard, first, rows, bytes, key FROM shards ORDER BY shard"
        )
        return [ShardPlan(*row) for row in rows]

    def rows(self, shard: ShardPlan) -> Iterator[Row]:
        """Yield the rows of one shard in order."""
        rows = self._base.execute(
            "SELECT text, places FROM placed JOIN rows USING (seq) WHERE place >= ? AND place < ?"
            " ORDER BY place",
            (shard.first, shard.first + shard.rows),
        )
        for text, places in rows:
            yield decode(text, places)

    def rejects(self) -> Iterator[tuple[str, Reject]]:
        """Yield (stage, reject) in the order they were met."""
        rows = self._base.execute("SELECT stage, id, reason, detail FROM rejects ORDER BY seq")
        for stage, *reject in rows:
            yield stage, Reject(*reject)

    def reasons(self) -> Counter[str]:
        """Count the rejects by reason."""
        return Counter(
            dict(self._base.execute("SELECT reason, count(*) FROM rejects GROUP BY reason"))
        )


def _summary(rows: sqlite3.Cursor) -> tuple[int, str]:
    total, digest = 0, hashlib.blake2b(digest_size=16)
    for size, text in rows:
        total += size
        digest.update(len(text).to_bytes(8))
        digest.update(text)
    return total, digest.hexdigest()
