"""One record per group."""

from __future__ import annotations

from collections import Counter

from m3it_builder.formats.groups import one_of_each
from m3it_builder.records import Record, Reject


def make(row: str) -> Record:
    return Record(id=row, turns=())


def test_one_row_of_each_group_is_a_record() -> None:
    groups = [("a", ["a1", "a2", "a3"]), ("b", ["b1"]), ("c", [])]
    out = list(one_of_each(groups, make, "task"))
    assert [row.id[0] for row in out if isinstance(row, Record)] == ["a", "b"]
    reasons = Counter(row.reason for row in out if isinstance(row, Reject))
    assert reasons == {"not_chosen": 2, "no_answer": 1}
    everything = list(one_of_each(groups, make, "task", everything=True))
    assert [row.id for row in everything] == ["a1", "a2", "a3", "b1", "c"]


def test_selection_is_uniform() -> None:
    selected = Counter(
        row.id
        for n in range(1_000)
        for row in one_of_each([(n, ["x", "y"])], make, "task")
        if isinstance(row, Record)
    )
    assert all(400 < count < 600 for count in selected.values())
