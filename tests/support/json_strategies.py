"""Hypothesis strategies for JSON rows that resemble published rows with base64 images."""

from __future__ import annotations

import base64
import json

from hypothesis import strategies as st

# Strings with everything that could mislead a scanner: quotes, escapes, keys, base64.
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet='"\\/{}[]:,\n\t \u00e9\u4e2d\u0623'),
    st.sampled_from(['"image_base64_str": "AAAA"', "\\", '\\"', "data:image/png;base64,AA==", "0"]),
    st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()),
)
KEYS = st.one_of(st.sampled_from(["image_base64_str", "image_str", "inputs", "meta", "0"]), TEXTS)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
# Spellings of the same JSON value.
DUMPS = st.sampled_from(
    [
        lambda value: json.dumps(value).encode(),
        lambda value: json.dumps(value, ensure_ascii=False, indent=1).encode(),
        lambda value: json.dumps(value, separators=(" ,\t", "\r : ")).encode(),
        lambda value: json.dumps(value).replace("/", "\\/").encode(),
    ]
)
