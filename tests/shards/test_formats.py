"""Keys of rows, and the facts about each shard format."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.shards.formats import row_key


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30))
def test_keys_are_clean_and_distinct(ids: list[str]) -> None:
    keys = [row_key(row_id) for row_id in ids if row_id.isprintable()]
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", key)
