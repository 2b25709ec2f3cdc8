"""What several converters share: options, groups, tokens, boxes, similar texts, lookups."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import m3it_builder.sources.lookup as lookup_module
from m3it_builder.converters.shapes import english
from m3it_builder.errors import SourceError
from m3it_builder.formats.groups import one_of_each
from m3it_builder.formats.options import draw, seeded, shuffled
from m3it_builder.formats.regions import COLORS, colored, from_xywh
from m3it_builder.formats.similar import Similar
from m3it_builder.formats.tokens import sentence
from m3it_builder.media.images import COLORS as PAINTS
from m3it_builder.records import Record, Reject
from m3it_builder.samples.python2_pickle import dumps
from m3it_builder.sources.lookup import Lookup
from m3it_builder.sources.restricted_pickle import load_restricted


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("Why is he here ?", "Why is he here?"),
        ("She is n't , I guess .", "She isn't, I guess."),
        ("one ' s mind", "one's mind"),
        ("one 's mind", "one's mind"),
        ("( as if ) listening", "(as if) listening"),
        ("100 % sure !", "100% sure!"),
        ("rock ' n ' roll", "rock ' n ' roll"),
    ],
)
def test_sentence(tokens: str, said: str) -> None:
    assert sentence(tokens.split(" ")) == said


@given(st.integers(2, 40), st.integers(1, 30), st.integers())
def test_options_hold_the_gold_one_and_no_other_twice(size: int, count: int, key: int) -> None:
    pool = [f"class {n}" for n in range(size)]
    gold = pool[key % size]
    dice = seeded("task", key)
    choices, place = shuffled(dice, gold, draw(dice, pool, gold, count))
    assert choices[place] == gold
    assert len(set(choices)) == len(choices) == min(size, count + 1)
    again = seeded("task", key)
    assert shuffled(again, gold, draw(again, pool, gold, count)) == (choices, place)


def test_places_of_the_gold_one_are_spread() -> None:
    places: Counter[int] = Counter()
    for key in range(4_000):
        dice = seeded("task", key)
        places[shuffled(dice, "gold", draw(dice, ["a", "b", "c", "gold"], "gold", 3))[1]] += 1
    assert all(850 < count < 1_150 for count in places.values())


def test_one_of_each() -> None:
    def make(row: str) -> Record:
        return Record(id=row, turns=())

    groups = [("a", ["a1", "a2", "a3"]), ("b", ["b1"]), ("c", [])]
    out = list(one_of_each(groups, make, "task"))
    assert [row.id[0] for row in out if isinstance(row, Record)] == ["a", "b"]
    reasons = Counter(row.reason for row in out if isinstance(row, Reject))
    assert reasons == {"not_chosen": 2, "no_answer": 1}
    everything = list(one_of_each(groups, make, "task", everything=True))
    assert [row.id for row in everything] == ["a1", "a2", "a3", "b1", "c"]
    drawn = Counter(
        row.id
        for n in range(1_000)
        for row in one_of_each([(n, ["x", "y"])], make, "task")
        if isinstance(row, Record)
    )
    assert all(400 < count < 600 for count in drawn.values())


def test_boxes_and_colors() -> None:
    assert from_xywh([1, 2, 10, 20]) == (1, 2, 11, 22)
    regions = colored([(0, 0, 1, 1)] * 3, ["cat", "dog", "cat"])
    assert [(r.color, r.label) for r in regions] == [
        ("red", "cat"),
        ("green", "dog"),
        ("blue", "cat"),
    ]
    with pytest.raises(ValueError, match="11 boxes, 10 colors"):
        colored([(0, 0, 1, 1)] * 11)
    assert set(COLORS) == set(PAINTS), "every color has its paint"


def test_similar_texts_are_like_and_never_of_the_same_owner() -> None:
    animals = ("dog", "cat", "horse", "zebra", "train", "boat", "clock", "pizza")
    texts = [
        (f"{owner}-{n}", str(owner), f"a {animals[owner % 8]} seen by camera {owner} {n}")
        for owner in range(400)
        for n in range(3)
    ]
    similar = Similar(lambda: texts)
    alike = 0
    for owner in range(0, 400, 7):
        gold = texts[owner * 3][2]
        drawn = similar.draw(seeded("t", owner), gold, str(owner), 4)
        assert len({text for _, _, text in drawn}) == len(drawn) == 4
        assert all(entry[1] != str(owner) for entry in drawn)
        alike += sum(animals[owner % 8] in text for _, _, text in drawn)
        assert drawn == similar.draw(seeded("t", owner), gold, str(owner), 4)
    assert alike > 0.7 * 4 * 58, "most share the rare word, far more than one in eight"
    assert similar.draw(seeded("t"), "nothing of the kind", "x", 4), "others stand in"


values: Any = st.lists(
    st.tuples(st.one_of(st.integers(0, 9), st.sampled_from("abc")), st.integers(-(2**62), 2**62)),
    max_size=40,
)


@given(values, st.integers(0, 5))
def test_lookup_agrees_with_a_dictionary(pairs: list[tuple[Any, int]], in_memory: int) -> None:
    wanted: dict[Any, list[int]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup_module, "IN_MEMORY", in_memory)
        table: Lookup[int] = Lookup()
        for key, value in pairs:
            table.put(key, value)
            wanted.setdefault(key, []).append(value)
        assert [(key, found) for key, found in table.groups()] == list(wanted.items())
        for key, found in wanted.items():
            assert table.all(key) == found
            assert table[key] == table.get(key) == found[0]
            assert [table.take(key) for _ in found] == found
            assert table.take(key) is None
        assert table.get("absent") is None
        with pytest.raises(KeyError):
            table["absent"]


plain = st.recursive(
    st.integers(-(2**31), 2**31 - 1) | st.text(max_size=300) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_python_2_pickles(value: Any) -> None:
    assert load_restricted(dumps(value), "x.p") == value


@pytest.mark.parametrize(
    "attack",
    [
        b"cos\nsystem\n(S'echo hacked > /tmp/hacked'\ntR.",
        b"\x80\x02c__builtin__\neval\nX\x04\x00\x00\x001+1\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
        b"\x80\x02ccopy_reg\n_reconstructor\n.",
        b"Pid\n.",
    ],
)
def test_pickles_that_would_run_something(attack: bytes) -> None:
    with pytest.raises(SourceError, match=r"refs\.p: the pickle asks for .* was not loaded"):
        load_restricted(attack, "refs.p")


@pytest.mark.parametrize("data", [b"", b"nonsense", dumps([1, 2, 3])[:-4], b"\x80\x02]q\x00("])
def test_damaged_pickles(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"refs\.p: not a whole pickle"):
        load_restricted(data, "refs.p")


@pytest.mark.parametrize(
    ("query", "question"),
    [
        ("(is green (left_of red))", "Is a green shape left of a red shape?"),
        ("(is circle red)", "Is a circle red?"),
        ("(is blue triangle)", "Is a blue shape a triangle?"),
        ("(is red (above (below square)))", "Is a red shape above something below a square?"),
    ],
)
def test_queries_in_english(query: str, question: str) -> None:
    assert english(query) == question


@pytest.mark.parametrize("query", ["", "(is red)", "(has red blue)"])
def test_no_query(query: str) -> None:
    with pytest.raises(ValueError, match="not a query"):
        english(query)
