"""Random access to the rows of a build, in every format and image encoding."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from m3it_builder.dataset.reader import read_rows, read_units
from m3it_builder.errors import BuildError
from m3it_builder.shards.formats import FORMATS, ImageEncoding
from tests.support import edits
from tests.support.verifying import PLAN, build

ENCODINGS: tuple[ImageEncoding, ...] = ("bytes", "base64")


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return builds of rows with 0 to 3 images, one per encoding."""
    folder = tmp_path_factory.mktemp("reader")
    for encoding in ENCODINGS:
        build(folder / "src", folder / encoding, "mixed", replace(PLAN, images=encoding))
    return folder


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", FORMATS)
def test_images_have_the_sizes_in_the_index(
    builds: Path, name: str, encoding: ImageEncoding
) -> None:
    folder = builds / encoding / "mixed"
    for unit in read_units(folder):
        rows = list(read_rows(folder, unit, format_name=name))
        assert {len(row.images) for row in rows} == {0, 1, 2, 3}
        for row in rows:
            assert [len(image) for image in row.images] == [image.bytes for image in row.row.images]
        assert rows == list(read_rows(folder, unit))
        some = [1, len(rows) - 1]
        assert list(read_rows(folder, unit, some, name)) == [rows[n] for n in some]


def test_parquet_is_read_by_byte_range(builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = builds / "bytes" / "mixed"
    unit = read_units(folder)[0]

    def refuse(*_: Any) -> None:
        raise AssertionError("a row group was read")

    rows = list(read_rows(folder, unit, format_name="jsonl"))
    paths = {path.name for path in (folder / "parquet").iterdir()}
    opened = pq.ParquetFile

    def only_the_index(path: Path) -> pq.ParquetFile:
        return refuse() if path.name in paths else opened(path)

    monkeypatch.setattr(pq, "ParquetFile", only_the_index)
    assert list(read_rows(folder, unit, format_name="parquet")) == rows


def _truncate(folder: Path) -> None:
    path = edits.shard_path(folder, "parquet")
    path.write_bytes(path.read_bytes()[:64])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate, "truncated"),
        (lambda f: edits.edit_index(f, _set(parquet_offset=5)), "not at the byte offset"),
        (lambda f: edits.edit_index(f, _set(parquet_length=9)), "not at the byte offset"),
    ],
    ids=["truncated", "offset", "length"],
)
def test_wrong_ranges_are_an_error_that_names_the_file(
    builds: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(builds / "bytes" / "mixed", folder)
    damage(folder)
    with pytest.raises(BuildError, match=rf"train-00000\.parquet: .*{message}"):
        list(read_rows(folder, read_units(folder, "train")[0], format_name="parquet"))


def _set(**values: int) -> Callable[[edits.Rows], None]:
    def edit(rows: edits.Rows) -> None:
        next(row for row in rows if row["images"]).update(values)

    return edit
