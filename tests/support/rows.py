"""Hypothesis strategies for the values of the pipeline."""

from __future__ import annotations

from hypothesis import strategies as st

from m3it_builder.records import (
    File,
    Frames,
    Image,
    Instance,
    Pixels,
    Record,
    Region,
    Slice,
    Turn,
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**50), 2**50)
boxes = st.tuples(*[st.floats(-1e6, 1e6) | st.integers(-1_000, 1_000)] * 4)
locations = st.one_of(
    st.builds(File, words, numbers, numbers, numbers),
    st.builds(
        Slice, words, numbers, numbers, numbers, st.sampled_from(["tar", "stored", "deflated"]),
        st.none() | numbers,
    ),
)  # fmt: skip
selections = st.one_of(
    st.none(),
    st.builds(Frames, numbers, st.sampled_from(["ends", "inner", "middles", "times"])),
    st.builds(Pixels, numbers, st.sampled_from(["RGB", "BGR"]), numbers),
)
images = st.builds(Image, words, st.none() | st.tuples(numbers, numbers), locations, selections)
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
instances = st.builds(
    Instance, task=words, split=st.sampled_from(["train", "validation", "test"]), lang=words,
    instruction=words, inputs=words, outputs=words, license=words, image_license=words,
    record=records,
)  # fmt: skip
