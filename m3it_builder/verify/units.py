"""Checks on one unit as a whole: its manifest, its files, its index, its rejects."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from m3it_builder.dataset.index import REJECTS, SCHEMA
from m3it_builder.dataset.manifest import Manifest, ShardFile
from m3it_builder.shards.formats import FORMATS
from m3it_builder.verify.duplicates import check_duplicates
from m3it_builder.verify.findings import Findings, Tally
from m3it_builder.verify.privacy import PrivacyScanner
from m3it_builder.verify.read_tables import batch_rows, schema_difference, table_batches
from m3it_builder.verify.shard import check_digest
from m3it_builder.verify.stored_row import READ_ERRORS, ReadError, first_line

_REJECT_BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class UnitFolder:
    """A unit on disk."""

    folder: Path  # of its task
    manifest: Manifest
    scanner: PrivacyScanner

    def meta_path(self, file: ShardFile) -> Path:
        """Return the path of a meta file by its name; the folder in the manifest is not trusted."""
        return self.folder / "meta" / self.manifest.split / Path(file.path).name


RowGroups = dict[int, tuple[int, ...]]  # row groups of an index, by shard


def check_unit(unit: UnitFolder, tally: Tally) -> RowGroups | None:
    """Check everything of a unit but its rows.

    Returns:
        The row groups of its index by shard; None if the index is missing or unreadable.
    """
    manifest, name = unit.manifest, unit.manifest.name
    tally.extend(f"{name} manifest", _check_sums(manifest))
    tally.extend(f"{name} manifest", _check_paths(manifest))
    _check_sizes(unit, tally)
    _check_rejects(unit, tally)
    path = unit.meta_path(manifest.index)
    if not path.is_file():
        return None
    check_digest(path, manifest.index, f"{name} index", tally)
    try:
        return _check_index(unit, path, tally)
    except READ_ERRORS as error:
        tally.add("index_unreadable", f"{name} index", first_line(error))
        return None


def _check_sums(manifest: Manifest) -> Findings:
    rows = sum(shard.rows for shard in manifest.shards)
    if manifest.instances != rows:
        yield "manifest_counts", f"{manifest.instances:,} instances, {rows:,} rows in shards"
    total = manifest.instances + sum(manifest.rejects.values())
    if manifest.examples != total:
        detail = f"{manifest.examples:,} examples, {total:,} instances and rejects"
        yield "manifest_counts", detail


def _check_paths(manifest: Manifest) -> Findings:
    split, formats = manifest.split, manifest.plan.formats
    numbers = [shard.shard for shard in manifest.shards]
    # A sibling has the numbers of its base, of which some may have no row of it.
    ordered = sorted(set(numbers)) if manifest.sibling else list(range(len(numbers)))
    if numbers != ordered:
        yield "manifest_paths", f"shards are numbered {numbers[:20]}"
    for shard in manifest.shards:
        if set(shard.files) != set(formats):
            yield "manifest_paths", f"shard {shard.shard} is in {', '.join(shard.files) or 'none'}"
        for name, file in shard.files.items():
            if name in FORMATS and file.path != FORMATS[name].path(split, shard.shard):
                yield "manifest_paths", f"shard {shard.shard} as {name}: {file.path}"
    for file, expected in ((manifest.index, "index"), (manifest.reject_table, "rejects")):
        if file.path != f"meta/{split}/{expected}.parquet":
            yield "manifest_paths", file.path


def _check_sizes(unit: UnitFolder, tally: Tally) -> None:
    manifest = unit.manifest
    files = [(unit.meta_path(file), file) for file in (manifest.index, manifest.reject_table)]
    for shard in manifest.shards:
        for name, file in shard.files.items():
            if name in FORMATS:
                relative = FORMATS[name].path(manifest.split, shard.shard)
                files.append((unit.folder / relative, file))
    for path, file in files:
        where = f"{manifest.task}/{path.relative_to(unit.folder).as_posix()}"
        if not path.is_file():
            tally.add("file_missing", where, "")
        elif path.stat().st_size != file.bytes:
            size = f"{path.stat().st_size:,} bytes, the manifest says {file.bytes:,}"
            tally.add("file_size", where, size)


def _check_index(unit: UnitFolder, path: Path, tally: Tally) -> RowGroups | None:
    where = f"{unit.manifest.name} index"
    with pq.ParquetFile(path) as index:
        if not index.schema_arrow.equals(SCHEMA):
            tally.add("index_schema", where, schema_difference(index.schema_arrow, SCHEMA))
            return None
        groups: defaultdict[int, list[int]] = defaultdict(list)
        order = _OrderChecker()
        for number in range(index.num_row_groups):
            table = index.read_row_group(number, columns=["shard", "row"])
            shards, rows = (table[name].to_pylist() for name in ("shard", "row"))
            tally.extend(where, order.check(shards, rows))
            present = set(shards) - {None}
            if len(present) > 1:
                mixed = ", ".join(map(str, sorted(present)))
                tally.add("index_order", where, f"row group {number} mixes shards {mixed}")
            for shard in present:
                groups[shard].append(number)
    _compare_counts(unit.manifest, order.counts, where, tally)
    check_duplicates(path, where, tally)
    return {shard: tuple(numbers) for shard, numbers in groups.items()}


def _compare_counts(manifest: Manifest, counts: Counter[int], where: str, tally: Tally) -> None:
    stated = {shard.shard: shard.rows for shard in manifest.shards}
    for shard in sorted({*stated, *counts}):
        if stated.get(shard, 0) != counts[shard]:
            rows = f"{counts[shard]:,} rows, the manifest says {stated.get(shard, 0):,}"
            tally.add("manifest_counts", where, f"shard {shard}: {rows}")


class _OrderChecker:
    """Checks that rows are numbered consecutively within shards, and shards ascend."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()  # rows, by shard
        self._shard, self._next_row = -1, 0

    def check(self, shards: Sequence[int | None], rows: Sequence[int | None]) -> Findings:
        for shard, row in zip(shards, rows, strict=True):
            if shard is None or row is None:
                continue  # reported as null_value
            last, expected = self._shard, self._next_row
            if (shard, row) != (last, expected) and not (shard > last and row == 0):
                detail = f"row {row} of shard {shard} after row {expected - 1} of {last}"
                yield "index_order", detail
            self._shard, self._next_row = shard, row + 1
            self.counts[shard] += 1


def _check_rejects(unit: UnitFolder, tally: Tally) -> None:
    manifest = unit.manifest
    path, where = unit.meta_path(manifest.reject_table), f"{manifest.name} rejects"
    if not path.is_file():
        return
    check_digest(path, manifest.reject_table, where, tally)
    try:
        with pq.ParquetFile(path) as table:
            if not table.schema_arrow.equals(REJECTS):
                tally.add("rejects_schema", where, schema_difference(table.schema_arrow, REJECTS))
                return
            counts = _count_rejects(table, unit, tally)
    except (ReadError, *READ_ERRORS) as error:
        tally.add("rejects_unreadable", where, first_line(error))
        return
    for reason in sorted({*counts, *manifest.rejects}):
        listed, stated = counts[reason], manifest.rejects.get(reason, 0)
        if listed != stated:
            detail = f"{reason}: {listed:,} rejects, the manifest says {stated:,}"
            tally.add("manifest_counts", where, detail)


def _count_rejects(table: pq.ParquetFile, unit: UnitFolder, tally: Tally) -> Counter[str]:
    counts: Counter[str] = Counter()
    manifest = unit.manifest
    for batch in table_batches(table, range(table.num_row_groups), _REJECT_BATCH_ROWS):
        for row in batch_rows(batch):
            where = f"{manifest.name} reject {row['id']}"
            # An example without an id is rejected for that reason.
            has_id = row["id"] or row["reason"] == "empty_id"
            if None in row.values() or not has_id or not row["reason"]:
                tally.add("rejects_rows", where, "a value is missing")
            elif (row["task"], row["split"]) != (manifest.task, manifest.split):
                tally.add("rejects_rows", where, f"of {row['task']}/{row['split']}")
            else:
                tally.extend(where, unit.scanner.scan_document(f"{row['id']}\n{row['detail']}"))
            counts[str(row["reason"])] += 1
    return counts
