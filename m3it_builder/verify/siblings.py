"""Checks of a sibling against its base: every row, and every image of it, is in the base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.parquet as pq

from m3it_builder.dataset.base import BaseUnit, base_of
from m3it_builder.dataset.index import groups_by_shard
from m3it_builder.errors import BuildError
from m3it_builder.verify.findings import Findings, Tally
from m3it_builder.verify.stored_row import READ_ERRORS, first_line
from m3it_builder.verify.units import UnitFolder

_COLUMNS = ("id", "images")


@dataclass(frozen=True, slots=True)
class _Images:
    """The images of one row, as the index describes them."""

    digests: tuple[str, ...]
    sizes: tuple[tuple[int, int, int], ...]  # width, height, bytes


_Rows = dict[str, _Images]  # by id


def check_sibling(unit: UnitFolder, tally: Tally) -> None:
    """Check that the base exists, is the one the unit was made from, and has its rows."""
    where = f"{unit.manifest.name} base"
    try:
        base = base_of(unit.folder, unit.manifest)
    except (BuildError, *READ_ERRORS) as error:
        tally.add("base", where, first_line(error))
        return
    sibling = unit.manifest.sibling
    if sibling is not None and sibling.manifest != base.digest:
        detail = f"{base.manifest.name} was rebuilt since; rebuild the sibling with --replace"
        tally.add("base", where, detail)
    try:
        tally.extend(where, _row_findings(unit, base))
    except (BuildError, *READ_ERRORS) as error:
        tally.add("index_unreadable", where, first_line(error))


def _row_findings(unit: UnitFolder, base: BaseUnit) -> Findings:
    own_path = unit.meta_path(unit.manifest.index)
    base_path = base.folder / "meta" / base.manifest.split / "index.parquet"
    if not own_path.is_file():
        return  # reported as file_missing
    with pq.ParquetFile(own_path) as own, pq.ParquetFile(base_path) as other:
        base_groups = groups_by_shard(other)
        for shard, groups in groups_by_shard(own).items():
            expected = dict(_images(other, base_groups.get(shard, [])))
            for row_id, images in _images(own, groups):
                yield from _compare(row_id, shard, images, expected.get(row_id))


def _images(index: pq.ParquetFile, groups: list[int]) -> Iterator[tuple[str, _Images]]:
    for group in groups:
        for row in index.read_row_group(group, columns=list(_COLUMNS)).to_pylist():
            digests = tuple(image["digest"] for image in row["images"])
            sizes = tuple((one["width"], one["height"], one["bytes"]) for one in row["images"])
            yield row["id"], _Images(digests, sizes)


def _compare(row_id: str, shard: int, own: _Images, expected: _Images | None) -> Findings:
    if expected is None:
        yield "base_row", f"{row_id} is not in shard {shard} of the base"
        return
    if len(own.digests) != len(expected.digests):
        detail = f"{len(own.digests)} images, the base has {len(expected.digests)}"
        yield "base_image", f"{row_id}: {detail}"
        return
    for position, (one, other) in enumerate(zip(own.digests, expected.digests, strict=True)):
        if one != other:
            yield "base_image", f"{row_id}: image {position} is {one}, in the base {other}"
    if own.digests == expected.digests and own.sizes != expected.sizes:
        yield "base_image", f"{row_id}: an image has another size in the base"
