"""The spool keeps the first of duplicate ids, chooses rows by digest, and loses none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.build.spool import Choice, Spool
from m3it_builder.build.spool_reader import CorruptSpoolError, ReadSpool
from m3it_builder.errors import ConvertError
from m3it_builder.records import Image, Instance, Record, Turn


def instance(record: Record) -> Instance:
    return Instance(task="t", split="train", lang="en", instruction="", inputs=record.id,
                    outputs="", license="", image_license="", record=record)  # fmt: skip


def spooled(
    ids: list[str],
    path: Path,
    order: Any = "source",
    dropped: dict[str, str] | None = None,
    **choice: int | None,
) -> tuple[list[str], list[tuple[str, str]]]:
    """Pass records through a spool; return the ids of the rows in order, and the rejects."""
    spool = Spool(path, ("t", "train"), 0, dropped)
    for row_id in ids:
        spool.add(Record(id=row_id, turns=()))
    count = spool.choose(Choice(**{"sample": None, "limit": None, **choice}), order)
    stored = 0
    for record in spool.chosen():
        spool.store(instance(record))
        stored += 1
    assert count == stored
    spool.complete(900, {})
    reader = ReadSpool(path)
    assert reader.facts.candidates == len(set(ids))
    rows = [row.record.id for shard in reader.shards() for row in reader.instances(shard)]
    rejects = [(reject.id, reject.reason) for _, reject in reader.rejects()]
    reader.close()
    assert [entry.name for entry in path.parent.glob(f"{path.name}.*")] == []
    return rows, rejects


# Records are inserted in batches of 100: ids are repeated within a batch, and in another one.
names = st.one_of(
    st.lists(st.sampled_from("abcdefghijklmnop"), max_size=40),
    st.lists(st.integers(0, 300).map(str), min_size=90, max_size=260),
)


@given(ids=names, sample=st.integers(1, 20))
def test_first_duplicate_is_kept_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], sample: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "spool.sqlite"
    distinct = list(dict.fromkeys(ids))
    order, rejects = spooled(ids, path)
    assert order == distinct
    assert len(rejects) == len(ids) - len(distinct)
    shuffled, _ = spooled(ids, path, order="digest")
    assert sorted(shuffled) == sorted(distinct)
    assert spooled(list(reversed(ids)), path, order="digest")[0] == shuffled
    chosen, left = spooled(distinct, path, sample=sample)
    assert sorted(chosen + [row_id for row_id, _ in left]) == sorted(distinct)
    assert len(chosen) == min(sample, len(distinct))
    assert set(chosen) == set(shuffled[: len(chosen)]), "the first by digest"
    assert chosen == [row_id for row_id in distinct if row_id in chosen], "in source order"


@given(ids=names, sample=st.integers(1, 20), limit=st.integers(1, 20), listed=names)
def test_sample_then_limit_then_drop(
    tmp_path_factory: pytest.TempPathFactory,
    ids: list[str],
    sample: int,
    limit: int,
    listed: list[str],
) -> None:
    path = tmp_path_factory.getbasetemp() / "spool.sqlite"
    distinct = list(dict.fromkeys(ids))
    ranked, _ = spooled(distinct, path, order="digest")
    dropped = dict.fromkeys(listed, "list.jsonl")
    rows, rejects = spooled(distinct, path, "digest", dropped, sample=sample, limit=limit)
    by_reason: dict[str, list[str]] = {}
    for row_id, reason in rejects:
        by_reason.setdefault(reason, []).append(row_id)
    kept = ranked[: min(sample, limit)]
    assert rows == [row_id for row_id in kept if row_id not in dropped], "not replaced"
    assert sorted(by_reason.get("dropped", [])) == sorted(set(kept) & set(dropped))
    assert set(by_reason.get("not_sampled", [])) == set(ranked[sample:])
    assert set(by_reason.get("over_limit", [])) == set(ranked[limit:sample])


def test_a_discarded_spool_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", ("t", "train"), 0)
    spool.add(Record(id="1", turns=()))
    spool.discard()
    assert list(tmp_path.iterdir()) == []


def test_record_of_wrong_types_names_the_task(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", ("birds", "train"), 0)
    spool.add(Record(id="1", turns=(Turn("q", "a"),), images=(Image("a", (1.5, 2)),)))  # type: ignore[arg-type]
    spool.choose(Choice(sample=None, limit=None), "source")
    with pytest.raises(ConvertError, match="birds/train: the converter yielded a record with wron"):
        list(spool.chosen())
    spool.discard()


def test_an_incomplete_spool_cannot_be_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", ("t", "train"), 0)
    spool.add(Record(id="1", turns=()))
    with pytest.raises(CorruptSpoolError, match=r"spool\.sqlite: truncated or corrupt"):
        ReadSpool(tmp_path / "spool.sqlite")
    spool.discard()
