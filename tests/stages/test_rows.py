"""From structure to text, to the spool and back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder import load_task
from m3it_builder.build.row_codec import decode, encode
from m3it_builder.build.spool import Arrangement, ReadSpool, Spool
from m3it_builder.records import (
    File,
    Image,
    Instance,
    Record,
    Region,
    Reject,
    Row,
    Slice,
    Style,
    Turn,
)
from m3it_builder.shards.formats import row_key
from m3it_builder.stages.check import CHECKS, check
from m3it_builder.stages.instruct import pick
from m3it_builder.stages.render import letter, render

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**50), 2**50)
boxes = st.tuples(*[st.floats(-1e6, 1e6)] * 4)
places = st.one_of(
    st.builds(File, words, numbers, numbers),
    st.builds(
        Slice, words, numbers, numbers, numbers, st.sampled_from(["tar", "stored", "deflated"]),
        st.none() | numbers,
    ),
)  # fmt: skip
images = st.builds(Image, words, st.none() | st.tuples(numbers, numbers), places)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
records = st.builds(
    Record,
    id=words,
    turns=st.lists(
        st.builds(Turn, words, words, st.lists(words, max_size=3).map(tuple), st.none() | numbers),
        max_size=3,
    ).map(tuple),
    images=st.lists(images, max_size=3).map(tuple),
    regions=st.lists(st.builds(Region, boxes, words, words, numbers), max_size=2).map(tuple),
    context=words,
    meta=st.dictionaries(words, json_values, max_size=3),
)
rows = st.builds(
    Row, instruction=words, inputs=words, outputs=words, lang=words, license=words,
    image_license=words, record=records,
)  # fmt: skip


@given(rows)
def test_rows_survive_the_spool(row: Row) -> None:
    assert decode(*encode(row)) == row


@given(rows, st.text(max_size=5))
def test_where_a_image_lies_is_no_part_of_the_row(row: Row, path: str) -> None:
    """Moving the sources leaves a row's text, and with it its shard, as it was."""
    moved = tuple(
        replace(image, location=replace(image.location, path=path)) if image.location else image
        for image in row.record.images
    )
    other = replace(row, record=replace(row.record, images=moved))
    assert encode(other)[0] == encode(row)[0]


def record(*turns: Turn, **more: Any) -> Record:
    return Record(id="1", turns=turns, **more)


def test_render_a_question_with_options() -> None:
    turn = Turn("Which?", "dog", ("cat", "dog"), 1)
    for answer, said in (("text", "dog"), ("letter", "(B)"), ("both", "(B) dog")):
        inputs, outputs = render(record(turn, context="A hint."), "en", Style(answer))  # type: ignore[arg-type]
        assert inputs == "A hint.\nWhich?\nOptions:\n(A) cat\n(B) dog"
        assert outputs == said


def test_render_a_dialogue() -> None:
    turns = (Turn("Is it day?", "yes"), Turn("Any people?", "no"), Turn("Why?", "it is early"))
    inputs, outputs = render(record(*turns, context="A street."), "en", Style())
    assert inputs == (
        "A street.\nQuestion: Is it day?\nAnswer: yes\nQuestion: Any people?\nAnswer: no\nWhy?"
    )
    assert outputs == "it is early"


def test_render_regions_drawn_or_told() -> None:
    regions = (Region((1.4, 2, 30.6, 40), "red", "person"), Region((5, 6, 7, 8), "blue"))
    turn = Turn("Why does {box:0} look at {box:1}, not {box:7}?", "{box:1}")
    drawn = render(record(turn, regions=regions), "en", Style())
    assert drawn == (
        "Why does the person in the red box look at the blue box, not {box:7}?",
        "The blue box",
    )
    start = Turn("{box:1} is here. {box:0} too, and {box:1}", "{box:0}", ("{box:0}", "x"), 0)
    inputs, outputs = render(record(start, regions=regions), "en", Style("both"))
    assert inputs.splitlines()[0] == (
        "The blue box is here. The person in the red box too, and the blue box"
    )
    assert inputs.endswith("(A) The person in the red box\n(B) x")
    assert outputs == "(A) The person in the red box"
    told = render(record(turn, regions=regions), "en", Style(regions="text"))
    assert told[0] == "Why does [1, 2, 31, 40] look at [5, 6, 7, 8], not {box:7}?"
    chinese = render(record(Turn("{box:0}是谁？", "他"), regions=regions), "zh-CN", Style())
    assert chinese[0] == "红色框中的person是谁？"


def test_braces_of_the_source_are_left_alone() -> None:
    assert render(record(Turn("What is {box:0}?", "x")), "en", Style())[0] == "What is {box:0}?"


def test_letters_go_on_after_z() -> None:
    assert [letter(n) for n in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


def test_pick_is_spread_and_stable() -> None:
    pool = tuple(f"text {n}" for n in range(10))
    picks = Counter(pick(pool, f"0/t/{n}") for n in range(10_000))
    assert all(900 < count < 1_100 for count in picks.values())
    edited = (*pool[:9], "another text")
    changed = sum(pick(pool, str(n)) != pick(edited, str(n)) for n in range(10_000))
    assert 1_500 < changed < 2_300, "a tenth lose their text, a tenth gain the new one"
    kept = sum(pick(pool, str(n)) == pick(pool[:5], str(n)) for n in range(10_000))
    assert kept == sum(pick(pool, str(n)) in pool[:5] for n in range(10_000)), "pools nest"


BAD = {
    "empty_output": {"outputs": " \n"},
    "empty_input": {"inputs": " ", "record": record(Turn("", "a"))},
    "image_count": {"record": record(Turn("q", "a"), images=(Image("a"), Image("b")))},
    "gold_not_in_choices": {"record": record(Turn("q", "a", ("b", "c"), 0), images=(Image("a"),))},
    "choices_repeat": {"record": record(Turn("q", "a", ("a", "a"), 0), images=(Image("a"),))},
    "empty_choice": {"record": record(Turn("q", "a", ("a", " "), 0), images=(Image("a"),))},
    "box_outside": {
        "record": record(
            Turn("q", "a"), images=(Image("a", (10, 10)),), regions=(Region((11, 0, 12, 5)),)
        )
    },
}


def test_checks_are_all_tried_here() -> None:
    assert set(BAD) == set(CHECKS)


@pytest.mark.parametrize("reason", BAD)
def test_check(reason: str) -> None:
    good = Instance(
        task="t",
        split="train",
        lang="en",
        instruction="Do.",
        inputs="q",
        outputs="a",
        record=record(Turn("q", "a"), images=(Image("a", (10, 10)),)),
    )
    bad = replace(good, **BAD[reason])  # type: ignore[arg-type]
    found: list[str] = []

    def sink(stage: str, reject: Reject) -> None:
        found.append(reject.reason)

    kept = list(check([good, bad, good], load_task("okvqa").card, CHECKS, sink))
    assert kept == [good, good]
    assert found == [reason]


def spooled(ids: list[str], path: Path, **how: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """Put rows through a spool; return their order and the rejects."""
    spool = Spool(path, "key")
    for row_id in ids:
        spool.add(Row(instruction="", inputs=row_id, outputs="", lang="en", license="",
                      image_license="", record=Record(id=row_id, turns=())))  # fmt: skip
    defaults: dict[str, Any] = {
        "order": "source",
        "sample": None,
        "limit": None,
        "shard_bytes": 900,
    }
    spool.arrange(Arrangement(**{**defaults, **how}))
    reader = ReadSpool(path)
    order = [row.record.id for shard in reader.shards() for row in reader.rows(shard)]
    rejects = [(reject.id, reject.reason) for _, reject in reader.rejects()]
    reader.close()
    return order, rejects


@given(ids=st.lists(st.sampled_from("abcdefghijklmnop"), max_size=40), sample=st.integers(1, 20))
def test_spool_keeps_the_first_and_loses_none(
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


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30))
def test_keys_are_clean_and_distinct(ids: list[str]) -> None:
    keys = [row_key(row_id) for row_id in ids if row_id.isprintable()]
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert key.isascii()
        assert not set(key) & set("./\\ ")
        assert len(key) <= 80
