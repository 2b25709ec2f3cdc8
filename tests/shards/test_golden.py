"""Today's writer reproduces the committed Parquet files, and readers still read them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from tests.shards import golden
from tests.support.shards import IMAGE_COLUMN, arrow_table

REMEDY = "if the change is intended, run `python -m tests.shards.golden` and review the difference"


@pytest.mark.parametrize("name", golden.CASES)
def test_writer_reproduces_the_committed_file(name: str, tmp_path: Path) -> None:
    written = golden.write(name, tmp_path / "written.parquet").read_bytes()
    assert written == golden.path(name).read_bytes(), REMEDY


def test_all_committed_files_have_a_case() -> None:
    committed = {path.stem for path in Path(golden.__file__).parent.glob("*.parquet")}
    assert committed == set(golden.CASES)


@pytest.mark.parametrize("name", golden.CASES)
def test_committed_files_are_read(name: str) -> None:
    case = golden.CASES[name]
    path = golden.path(name)
    table = arrow_table(case.rows, case.encoding)
    assert pq.read_table(path).equals(table)
    assert pl.read_parquet(path).to_dicts() == table.to_pylist()
    column = IMAGE_COLUMN[case.encoding]
    rows = duckdb.execute(f"SELECT id, {column} FROM read_parquet(?)", [str(path)]).fetchall()
    expected = table.select(["id", column]).to_pylist()
    assert rows == [tuple(row.values()) for row in expected]
    with pq.ParquetFile(path) as file:
        assert file.num_row_groups >= (3 if name.startswith("row-groups") else len(case.rows) > 0)
