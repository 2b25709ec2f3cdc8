"""The store between the phases: one SQLite file per unit.

Records stream in; duplicate ids are rejected. Then rows are chosen and ordered on disk,
finished into instances one by one, and cut into shards, in bounded memory for a unit of
any size. Packers read ranges of instances. Records are in a second file, deleted at the end.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from m3it_builder.build.plan import Order
from m3it_builder.build.rank import rank_of
from m3it_builder.build.row_codec import decode_record, encode, encode_record
from m3it_builder.build.shard_cuts import cuts, target_rows
from m3it_builder.build.spool_reader import BlobDigest, Facts, count_reasons
from m3it_builder.errors import ConverterError
from m3it_builder.media.reader import byte_count
from m3it_builder.records import FileIdentity, Frames, Instance, Record, Reject, Slice, Split

# No journal and no sync: a complete spool is renamed into place, an incomplete one is discarded.
# The cache holds the interior pages of the id index, to which rows are added in random order.
_SCHEMA = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768;
PRAGMA staging.journal_mode=OFF; PRAGMA staging.synchronous=OFF;
PRAGMA staging.cache_size=-32768;
CREATE TABLE staging.keys (id TEXT PRIMARY KEY, seq INTEGER, rank INTEGER, drop_list TEXT)
    WITHOUT ROWID;
CREATE TABLE staging.records (seq INTEGER PRIMARY KEY, record BLOB);
CREATE TABLE staging.chosen (position INTEGER PRIMARY KEY, seq INTEGER);
CREATE TABLE instances (position INTEGER PRIMARY KEY, id TEXT, bytes INTEGER, text BLOB,
                        refs BLOB);
CREATE TABLE rejects (seq INTEGER PRIMARY KEY, stage TEXT, id TEXT, reason TEXT, detail TEXT);
CREATE TABLE facts (json BLOB);
CREATE TABLE shards (shard INTEGER PRIMARY KEY, first INTEGER, rows INTEGER, bytes INTEGER,
                     key TEXT, refs_key TEXT);
"""
_BATCH = 100  # rows per statement, which costs as much as a row
Key = tuple[int, str]  # (rank, id): sorts in the order of deterministic sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How many rows of a unit are built: the first ones by keyed digest. None: all."""

    sample: int | None  # published number, for a split of which M3IT has a sample
    limit: int | None


class Spool:
    """Stores the records and rejects of one unit, then its chosen and finished instances."""

    def __init__(
        self,
        path: Path,
        unit: tuple[str, Split],
        seed: int,
        dropped: Mapping[str, str] | None = None,
    ) -> None:
        """Create the file.

        Args:
            path: of the spool; an existing one is replaced.
            unit: task and split.
            seed: of deterministic sampling and order.
            dropped: ids of rows to leave out, with the name of their drop list.
        """
        self.path = path
        self._records_path = path.with_name(f"{path.stem}.records{path.suffix}")
        self._unit = unit
        self._rank = rank_of(seed, *unit)
        self._dropped = dropped or {}
        self._matched = 0  # ids of ``dropped`` found so far
        self._rejected_before: Counter[str] = Counter()
        self._has_video = False
        self._embedding: dict[str, FileIdentity] = {}  # of files with base64 images, by path
        self._keys: list[tuple[str, int, int, str | None]] = []  # not yet inserted, as the
        self._blobs: list[tuple[int, bytes]] = []  # next two
        self._instances: list[tuple[str, int, bytes, bytes]] = []
        self._added = 0
        self.candidates = 0  # complete after ``choose``
        self.rejected = 0
        for stale in (path, self._records_path):
            stale.unlink(missing_ok=True)
        self._database = sqlite3.connect(path)
        self._database.execute("ATTACH ? AS staging", (str(self._records_path),))
        self._database.executescript(_SCHEMA)

    @property
    def is_empty(self) -> bool:
        """Return True if neither a record nor a reject was stored."""
        return not self._added and not self.rejected

    def add(self, record: Record) -> None:
        """Store one record; a later record with the same id becomes a reject."""
        drop_list = self._dropped.get(record.id)
        self._keys.append((record.id, self._added, self._rank(record.id), drop_list))
        self._blobs.append((self._added, encode_record(record)))
        self._added += 1
        if len(self._keys) == _BATCH:
            self._insert_records()

    def reject(self, stage: str, reject: Reject) -> None:
        """Store one reject."""
        self.rejected += 1
        self._database.execute(
            "INSERT INTO rejects (stage, id, reason, detail) VALUES (?, ?, ?, ?)",
            (stage, reject.id, reject.reason, reject.detail),
        )

    def choose(self, choice: Choice, order: Order) -> int:
        """Choose and order the rows; return their number. All others become rejects.

        Dropped rows are removed last and not replaced by others: those were not in the
        build that was searched for duplicates.
        """
        self._insert_records()
        # Sorts are bounded by the cache size, and spill to disk beyond it.
        self._database.execute("PRAGMA cache_size=-8192")
        self._rejected_before = count_reasons(self._database)
        sampled = self._key_at(choice.sample)
        limited = self._key_at(choice.limit)
        self._reject_between("not_sampled", sampled, None)
        self._reject_between("over_limit", limited, sampled)
        last = min(filter(None, (sampled, limited)), default=None)
        below, bound = ("(rank, id) < (?, ?)", last) if last else ("true", ())
        self._database.execute(
            "INSERT INTO rejects (stage, id, reason, detail)"  # noqa: S608 - no value in the text
            " SELECT 'drop', id, 'dropped', 'listed in ' || drop_list FROM keys"
            f" WHERE drop_list IS NOT NULL AND {below} ORDER BY seq",
            bound,
        )
        columns = "seq" if order == "source" else "rank, id"
        inserted = self._database.execute(
            "INSERT INTO chosen (seq)"  # noqa: S608
            f" SELECT seq FROM keys WHERE drop_list IS NULL AND {below} ORDER BY {columns}",
            bound,
        )
        return inserted.rowcount

    def chosen(self) -> Iterator[Record]:
        """Yield the chosen records in their final order.

        Raises:
            ConverterError: the converter gave a field a value of the wrong type.
        """
        rows = self._database.execute(
            "SELECT record FROM chosen JOIN records USING (seq) ORDER BY position"
        )
        for (blob,) in rows:
            try:
                yield decode_record(blob)
            except msgspec.ValidationError as error:
                raise ConverterError(
                    f"{'/'.join(self._unit)}: the converter yielded a record with wrong types "
                    f"({error}): {blob[:80]!r}",
                    "correct the converter, or report it to its author",
                ) from error

    def store(self, instance: Instance) -> None:
        """Append one instance with rendered and checked texts."""
        text, references = encode(instance)
        record = instance.record
        for image in record.images:
            self._has_video |= isinstance(image.selection, Frames)
            if isinstance(image.location, Slice) and image.location.method == "base64":
                self._identify(image.location.path)
        self._instances.append((record.id, byte_count(record) + len(text), text, references))
        if len(self._instances) == _BATCH:
            self._insert_instances()

    def complete(self, shard_bytes: float, archives: Mapping[str, FileIdentity]) -> None:
        """Cut the instances into shards and close the spool, which is complete then.

        Args:
            shard_bytes: target size of a shard.
            archives: identity of each archive when its members were listed, by path.
        """
        self._insert_instances()
        self._cut(shard_bytes)
        facts = Facts(
            task=self._unit[0],
            split=self._unit[1],
            candidates=self.candidates,
            rejected_before=dict(self._rejected_before),
            has_video=self._has_video,
            archives={**self._embedding, **archives},
            unmatched=len(self._dropped) - self._matched,
        )
        self._database.execute("INSERT INTO facts VALUES (?)", (msgspec.json.encode(facts),))
        self._database.commit()
        self._database.close()
        self._records_path.unlink()

    def discard(self) -> None:
        """Close and remove an incomplete spool."""
        self._database.close()
        self.path.unlink(missing_ok=True)
        self._records_path.unlink(missing_ok=True)

    def _insert_records(self) -> None:
        inserted = self._database.executemany(
            "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)", self._keys
        ).rowcount
        if inserted < len(self._keys):
            self._reject_repeated()
        self._database.executemany("INSERT INTO records VALUES (?, ?)", self._blobs)
        self.candidates += len(self._keys)
        self._matched += sum([drop_list is not None for *_, drop_list in self._keys])
        self._keys.clear()
        self._blobs.clear()

    def _reject_repeated(self) -> None:
        """Reject the records of the batch whose id an earlier record has."""
        keys, blobs = self._keys, self._blobs
        self._keys, self._blobs = [], []
        for key, blob in zip(keys, blobs, strict=True):
            (first,) = self._database.execute(
                "SELECT seq FROM keys WHERE id = ?", key[:1]
            ).fetchone()
            if first == key[1]:
                self._keys.append(key)
                self._blobs.append(blob)
            else:
                self.reject("spool", Reject(key[0], "duplicate_id", "the first one was kept"))

    def _insert_instances(self) -> None:
        self._database.executemany(
            "INSERT INTO instances (id, bytes, text, refs) VALUES (?, ?, ?, ?)", self._instances
        )
        self._instances.clear()

    def _identify(self, path: str) -> None:
        if path not in self._embedding:
            self._embedding[path] = FileIdentity.of(Path(path).stat())

    def _key_at(self, position: int | None) -> Key | None:
        """Return the key at a position of the sampling order; None if there are fewer rows."""
        if position is None or position >= self.candidates:
            return None
        key: Key = self._database.execute(
            "SELECT rank, id FROM keys ORDER BY rank, id LIMIT 1 OFFSET ?", (position,)
        ).fetchone()
        return key

    def _reject_between(self, reason: str, first: Key | None, end: Key | None) -> None:
        if first is None:
            return
        below, bound = (" AND (rank, id) < (?, ?)", end) if end else ("", ())
        self._database.execute(
            "INSERT INTO rejects (stage, id, reason, detail)"  # noqa: S608
            " SELECT 'spool', id, ?, '' FROM keys"
            f" WHERE (rank, id) >= (?, ?){below} ORDER BY seq",
            (reason, *first, *bound),
        )

    def _cut(self, shard_bytes: float) -> None:
        rows, total = self._database.execute(
            "SELECT count(*), coalesce(sum(bytes), 0) FROM instances"
        ).fetchone()
        ids = self._database.execute("SELECT id FROM instances ORDER BY position")
        sizes = list(cuts((row_id for (row_id,) in ids), target_rows(shard_bytes, rows, total)))
        first = 1
        for shard, size in enumerate(sizes):
            texts = self._database.execute(
                "SELECT bytes, text, refs FROM instances WHERE position >= ? AND position < ?"
                " ORDER BY position",
                (first, first + size),
            )
            self._database.execute(
                "INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?)",
                (shard, first, size, *_summary(texts)),
            )
            first += size


def _summary(rows: sqlite3.Cursor) -> tuple[int, str, str]:
    """Return the expected bytes of a shard, and the digests of its texts and references."""
    total, texts, references = 0, BlobDigest(), BlobDigest()
    for size, text, refs in rows:
        total += size
        texts.update(text)
        references.update(refs)
    return total, texts.hexdigest(), references.hexdigest()
