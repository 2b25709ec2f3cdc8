"""Read the complete spool of a unit: facts, shards, instances and rejects."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from m3it_builder.build.row_codec import decode
from m3it_builder.errors import BuildError
from m3it_builder.records import FileIdentity, Instance, Reject, Split


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and properties of a unit after its text phase."""

    task: str
    split: Split
    candidates: int  # records from which the rows were chosen
    rejected_before: dict[str, int]  # rejects before rows were chosen, by reason
    has_video: bool  # True if a row has frames of a video
    archives: dict[str, FileIdentity]  # identities of archives with images of rows, by path
    unmatched: int  # ids in drop lists that matched no row


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """A shard to be packed: a range of positions in the spool."""

    shard: int
    first: int
    rows: int
    bytes: int  # expected size of images and texts
    key: str  # digest of the encoded instances: with equal packing, equal keys mean equal bytes


class CorruptSpoolError(BuildError):
    """A spool is truncated or corrupt; it can be filled again from the sources."""


class ReadSpool:
    """Read access to a complete spool, from any number of processes.

    Raises:
        CorruptSpoolError: the file is truncated or corrupt, from any method.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # immutable: a complete spool is never written, so no file system needs to support locks.
        uri = f"{path.resolve().as_uri()}?immutable=1"
        self._database = sqlite3.connect(uri, uri=True)
        with self._corruption_reported():
            (facts,) = self._database.execute("SELECT json FROM facts").fetchone()
            self.facts = msgspec.json.decode(facts, type=Facts)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def shards(self) -> list[ShardPlan]:
        """Return the shards in order."""
        with self._corruption_reported():
            rows = self._database.execute(
                "SELECT shard, first, rows, bytes, key FROM shards ORDER BY shard"
            )
            return [ShardPlan(*row) for row in rows]

    def instances(self, shard: ShardPlan) -> Iterator[Instance]:
        """Yield the instances of one shard in order."""
        texts, refs_digest, count = BlobDigest(), BlobDigest(), 0
        unit = self.facts.task, self.facts.split
        with self._corruption_reported():
            rows = self._database.execute(
                "SELECT text, refs FROM instances WHERE position >= ? AND position < ?"
                " ORDER BY position",
                (shard.first, shard.first + shard.rows),
            )
            for text, references in rows:
                texts.update(text)
                refs_digest.update(references)
                count += 1
                yield decode(unit, text, references)
            refs_key = self._refs_key(shard)
        found = count, texts.hexdigest(), refs_digest.hexdigest()
        if found != (shard.rows, shard.key, refs_key):
            raise self._corrupt("its rows are not those of its shards")

    def _refs_key(self, shard: ShardPlan) -> str:
        # Not part of the key: locations on this machine do not decide the bytes of a shard, but
        # a wrong one would lose a row, or look like a source that has changed.
        (key,) = self._database.execute(
            "SELECT refs_key FROM shards WHERE shard = ?", (shard.shard,)
        ).fetchone()
        return str(key)

    def rejects(self) -> Iterator[tuple[str, Reject]]:
        """Yield (stage, reject) in the order of the stages."""
        with self._corruption_reported():
            rows = self._database.execute(
                "SELECT stage, id, reason, detail FROM rejects ORDER BY seq"
            )
            for stage, *reject in rows:
                yield stage, Reject(*reject)

    def reasons(self) -> Counter[str]:
        """Count the rejects by reason."""
        with self._corruption_reported():
            return count_reasons(self._database)

    @contextmanager
    def _corruption_reported(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, msgspec.MsgspecError, TypeError) as error:
            raise self._corrupt(str(error)) from error

    def _corrupt(self, detail: str) -> CorruptSpoolError:
        return CorruptSpoolError(f"{self._path}: truncated or corrupt ({detail})")


class BlobDigest:
    """The digest of the encoded instances of one shard (its key), or of their references."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)

    def update(self, blob: bytes) -> None:
        """Add those of the next instance."""
        self._digest.update(len(blob).to_bytes(8))
        self._digest.update(blob)

    def hexdigest(self) -> str:
        """Return the digest, which of texts is the key of the shard."""
        return self._digest.hexdigest()


def count_reasons(database: sqlite3.Connection) -> Counter[str]:
    """Count the rejects of a spool by reason."""
    return Counter(dict(database.execute("SELECT reason, count(*) FROM rejects GROUP BY reason")))
