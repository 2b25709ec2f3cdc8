"""SNLI-VE: the names of images, as copies in circulation spell them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from tests.support.conversion import convert
from tests.support.paths import FIXTURES

SOURCE = FIXTURES / "snli-ve" / "source"


def names(sources: Path) -> list[tuple[str, str]]:
    rows, _ = convert(load_task("snli-ve"), "test", sources)
    return [(row.record.id, row.record.images[0].name) for row in rows]


@pytest.mark.parametrize("column", ["Flickr30kID", "Flickr30KID", "Flickr30K_ID"])
@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_names_of_images(tmp_path: Path, column: str, suffix: str) -> None:
    shutil.copytree(SOURCE, tmp_path / "source")
    path = tmp_path / "source" / "esnlive-annotations" / "esnlive_test.csv"
    text = path.read_text().replace("Flickr30kID", column).replace(".jpg,", f"{suffix},")
    path.write_text(text)
    assert names(tmp_path / "source") == names(SOURCE) != []
