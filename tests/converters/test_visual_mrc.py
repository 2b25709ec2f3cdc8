"""VisualMRC with the words recognized in the screenshots."""

from __future__ import annotations

from m3it_builder import load_task
from tests.support.conversion import convert
from tests.support.paths import FIXTURES


def test_words_precede_the_question() -> None:
    task = load_task("visual-mrc").with_options({"ocr": "words"})
    rows, _ = convert(task, "train", FIXTURES / "visual-mrc" / "source")
    contexts = {row.record.images[0].name.rpartition("/")[2]: row.record.context for row in rows}
    assert contexts.pop("..__open-education01.png") == "OCR text:\nOpen education\nContact us"
    assert set(contexts.values()) == {""}  # no region has words
