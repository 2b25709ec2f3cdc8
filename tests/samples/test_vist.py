"""Sentences of the synthetic stories."""

from __future__ import annotations

import re
from pathlib import Path

from m3it_builder.samples.vist import story
from m3it_builder.samples.world import World


def test_articles(tmp_path: Path) -> None:
    world = World(width=48, height=36)
    texts = [
        entry["original_text"]
        for index in range(20)
        for entry in story(world, tmp_path, "train", index)
    ]
    assert any(" an orange " in text for text in texts)
    assert not [text for text in texts if re.search(r"\ba [aeiou]|\ban [^aeiou]", text)]
