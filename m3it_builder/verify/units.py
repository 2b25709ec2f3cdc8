"""Checks on one unit as a whole: its manifest, its files, its index, its rejects."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from m3it_builder.dataset.index import REJECTS, SCHEMA
from m3it_builder.shards.formats import FORMATS
from m3it_builder.verify.duplicates import check_repeated
from m3it_builder.verify.faults import Tally
from m3it_builder.verify.manifest_schema import FileClaim, UnitClaim
from m3it_builder.verify.privacy import Watch
from m3it_builder.verify.read_tables import batch_rows, table_batches
from m3it_builder.verify.shard import check_digest
from m3it_builder.verify.stored_row import UNREADABLE, Broken, said

_BATCH = 10_000  # rejects at once


@dataclass(frozen=True, slots=True)
class UnitFolder:
    """A unit on the disk."""

    folder: Path  # of its task
    claim: UnitClaim
    watch: Watch

    def path(self, claim: FileClaim) -> Path:
        """Return where a file of the meta folder lies, whatever path is claimed."""
        return self.folder / "meta" / self.claim.split / Path(claim.path).name


Groups = dict[int, tuple[int, ...]]  # row groups of an index, by shard


def check_unit(place: UnitFolder, tally: Tally) -> Groups | None:
    """Check all of a unit but its rows; return the groups of its index, None where it has none."""
    claim, name = place.claim, place.claim.name
    tally.extend(f"{name} manifest", _numbers(claim))
    tally.extend(f"{name} manifest", _paths(claim))
    _check_sizes(place, tally)
    _check_rejects(place, tally)
    path = place.path(claim.index)
    if not path.is_file():
        return None
    check_digest(path, claim.index, f"{name} index", tally)
    try:
        return _check_index(place, path, tally)
    except UNREADABLE as error:
        tally.add("index_unreadable", f"{name} index", said(error))
        return None


def _numbers(claim: UnitClaim) -> Iterator[tuple[str, str]]:
    rows = sum(shard.rows for shard in claim.shards)
    if claim.instances != rows:
        yield "manifest_counts", f"{claim.instances:,} instances, {rows:,} rows in shards"
    met = claim.instances + sum(claim.rejects.values())
    if claim.examples != met:
        yield "manifest_counts", f"{claim.examples:,} examples, {met:,} instances and rejects"


def _paths(claim: UnitClaim) -> Iterator[tuple[str, str]]:
    numbers = [shard.shard for shard in claim.shards]
    if numbers != list(range(len(numbers))):
        yield "manifest_paths", f"shards are numbered {numbers[:20]}"
    for shard in claim.shards:
        if set(shard.files) != set(claim.plan.formats):
            yield "manifest_paths", f"shard {shard.shard} is in {', '.join(shard.files) or 'none'}"
        for name, file in shard.files.items():
            if name in FORMATS and file.path != FORMATS[name].path(claim.split, shard.shard, name):
                yield "manifest_paths", f"shard {shard.shard} as {name}: {file.path}"
    for file, wanted in ((claim.index, "index"), (claim.reject_table, "rejects")):
        if file.path != f"meta/{claim.split}/{wanted}.parquet":
            yield "manifest_paths", file.path


def _check_sizes(place: UnitFolder, tally: Tally) -> None:
    claim = place.claim
    files = [(place.path(file), file) for file in (claim.index, claim.reject_table)]
    for shard in claim.shards:
        for name, file in shard.files.items():
            if name in FORMATS:
                relative = FORMATS[name].path(claim.split, shard.shard, name)
                files.append((place.folder / relative, file))
    for path, file in files:
        where = f"{claim.task}/{path.relative_to(place.folder).as_posix()}"
        if not path.is_file():
            tally.add("file_missing", where, "")
        elif path.stat().st_size != file.bytes:
            size = f"{path.stat().st_size:,} bytes, the manifest says {file.bytes:,}"
            tally.add("file_size", where, size)


def _check_index(place: UnitFolder, path: Path, tally: Tally) -> Groups | None:
    claim = place.claim
    where = f"{claim.name} index"
    with pq.ParquetFile(path) as index:
        if not index.schema_arrow.equals(SCHEMA):
            odd = {str(f) for f in index.schema_arrow} ^ {str(f) for f in SCHEMA}
            tally.add("index_schema", where, ", ".join(sorted(odd)[:4]) or "their order")
            return None
        groups: defaultdict[int, list[int]] = defaultdict(list)
        order = _Order()
        for number in range(index.num_row_groups):
            table = index.read_row_group(number, columns=["shard", "row"])
            shards, rows = (table[name].to_pylist() for name in ("shard", "row"))
            tally.extend(where, order.follow(shards, rows))
            present = set(shards) - {None}
            if len(present) > 1:
                held = ", ".join(map(str, sorted(present)))
                tally.add("index_order", where, f"row group {number} holds shards {held}")
            for shard in present:
                groups[shard].append(number)
    _compare_counts(claim, order.counts, where, tally)
    check_repeated(path, where, tally)
    return {shard: tuple(numbers) for shard, numbers in groups.items()}


def _compare_counts(claim: UnitClaim, counts: Counter[int], where: str, tally: Tally) -> None:
    stated = {shard.shard: shard.rows for shard in claim.shards}
    for shard in sorted({*stated, *counts}):
        if stated.get(shard, 0) != counts[shard]:
            rows = f"{counts[shard]:,} rows, the manifest says {stated.get(shard, 0):,}"
            tally.add("manifest_counts", where, f"shard {shard}: {rows}")


class _Order:
    """Follows the numbers of shards and rows, which only ever rise by one."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self._at = (-1, 0)

    def follow(
        self, shards: Sequence[int | None], rows: Sequence[int | None]
    ) -> Iterator[tuple[str, str]]:
        for shard, row in zip(shards, rows, strict=True):
            if shard is None or row is None:
                continue  # the row itself is found faulty
            last, wanted = self._at
            if (shard, row) != (last, wanted) and not (shard > last and row == 0):
                yield "index_order", f"row {row} of shard {shard} after row {wanted - 1} of {last}"
            self._at = shard, row + 1
            self.counts[shard] += 1


def _check_rejects(place: UnitFolder, tally: Tally) -> None:
    claim = place.claim
    path, where = place.path(claim.reject_table), f"{claim.name} rejects"
    if not path.is_file():
        return
    check_digest(path, claim.reject_table, where, tally)
    try:
        with pq.ParquetFile(path) as table:
            if not table.schema_arrow.equals(REJECTS):
                tally.add("rejects_schema", where, ", ".join(table.schema_arrow.names))
                return
            counts = _count_rejects(table, place, tally)
    except (Broken, *UNREADABLE) as error:
        tally.add("rejects_unreadable", where, said(error))
        return
    for reason in sorted({*counts, *claim.rejects}):
        listed, stated = counts[reason], claim.rejects.get(reason, 0)
        if listed != stated:
            told = f"{reason}: {listed:,} are listed, the manifest says {stated:,}"
            tally.add("manifest_counts", where, told)


def _count_rejects(table: pq.ParquetFile, place: UnitFolder, tally: Tally) -> Counter[str]:
    counts: Counter[str] = Counter()
    claim = place.claim
    for batch in table_batches(table, range(table.num_row_groups), _BATCH):
        for row in batch_rows(batch):
            where = f"{claim.name} reject {row['id']}"
            if None in row.values() or not row["id"] or not row["reason"]:
                tally.add("rejects_rows", where, "a value is missing")
            elif (row["task"], row["split"]) != (claim.task, claim.split):
                tally.add("rejects_rows", where, f"of {row['task']}/{row['split']}")
            else:
                tally.extend(where, place.watch.in_document(f"{row['id']}\n{row['detail']}"))
            counts[str(row["reason"])] += 1
    return counts
