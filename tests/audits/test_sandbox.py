"""An audit is one SELECT that can read the files of the build, and do nothing else."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from m3it_builder import load_task
from m3it_builder.audits.runner import audit, query
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.errors import AuditError
from m3it_builder.tasks.sampling import write_sample

# {out}: the build; {stolen}: a file beside it; {inside}: a new file in the build.
COPY = "COPY (SELECT 'treasure' AS a) TO '{inside}'"
ESCAPES = (
    # A query that closes the bracket of a wrapper around it.
    "select 1 as a where false) ; copy (select content from read_text('/etc/hostname')) to "
    "'{stolen}'; select * from (select 1 as a where false",
    "SELECT 1) ; COPY (SELECT 1) TO '{stolen}' --",
    "SELECT 1 WHERE false) UNION ALL (SELECT 1",
    "SELECT (1",
    # More than one statement, or another one.
    "SELECT 1 WHERE false; " + COPY,
    COPY + "; SELECT 1 WHERE false",
    "SELECT 1 WHERE false; -- \n" + COPY,
    "SELECT 1 WHERE false /* ; */ ; /* */ " + COPY,
    "SELECT 1 WHERE false;;" + COPY,
    COPY,
    "COPY (SELECT 1) TO '{stolen}'",
    "EXPLAIN ANALYZE " + COPY,
    "PREPARE p AS " + COPY,
    "ATTACH '{inside}'",
    "ATTACH '{stolen}' AS other",
    "EXPORT DATABASE '{inside}'",
    "CREATE TABLE other AS SELECT 1",
    "DELETE FROM cards",
    "DROP VIEW instances",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "SET memory_limit = '64GB'",
    "RESET lock_configuration",
    "SET enable_external_access = true",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL enable_logging(storage = 'file', storage_path = '{inside}')",
    "COMMIT",
    "CHECKPOINT",
    # Within a SELECT.
    "WITH t AS MATERIALIZED (" + COPY + ") SELECT * FROM t",
    "WITH t AS (" + COPY + ") SELECT 1 WHERE false",
    "WITH t AS (DELETE FROM cards RETURNING *) SELECT 1 FROM t WHERE false",
    "WITH t AS (INSERT INTO cards (task) VALUES ('x') RETURNING *) SELECT 1 FROM t WHERE false",
    "SELECT 1 WHERE EXISTS (WITH t AS (" + COPY + ") FROM t)",
    "FROM (" + COPY + ")",
    "SELECT (" + COPY + ")",
    "FROM (EXPLAIN ANALYZE " + COPY + ")",
    "FROM (PRAGMA database_list)",
    "FROM (CALL checkpoint())",
    "FROM (INSERT INTO cards (task) VALUES ('x') RETURNING *)",
    "WITH t AS (UPDATE cards SET rows = 0 RETURNING *) SELECT 1 FROM t WHERE false",
    "WITH t AS (CREATE TABLE u (a INT)) SELECT 1",
    "SELECT 1 AS a INTO u",
    "FROM '{inside}.db'",
    "FROM '{inside}.duckdb'",
    "FROM query($$WITH t AS (" + COPY + ") SELECT 1 WHERE false$$)",
    "FROM query('COPY (SELECT 1) TO ''{inside}''')",
    "FROM json_execute_serialized_sql(json_serialize_sql($$WITH t AS MATERIALIZED ("
    + COPY
    + ") SELECT * FROM t$$))",
    "FROM system.main.json_execute_serialized_sql('x')",
    "FROM arrow_scan(1, 2, 3)",
    "FROM pandas_scan(1)",
    "FROM enable_logging(storage := 'file', storage_path := '{inside}')",
    "FROM checkpoint()",
    "FROM force_checkpoint()",
    "FROM duckdb_secrets()",
    # Files of others.
    "SELECT content FROM read_text('/etc/hostname')",
    "SELECT content FROM read_text('{out}/../../../../../../../../../etc/hostname')",
    "SELECT content FROM read_text('{out}/okvqa/../../beside.txt')",
    "SELECT content FROM read_text('{out}2/beside.txt')",
    "SELECT content FROM read_text('file:/etc/hostname')",
    "SELECT content FROM read_text('file:///etc/hostname')",
    "SELECT content FROM read_text('/proc/self/environ')",
    "SELECT content FROM read_text('beside.txt')",
    "FROM '/etc/passwd'",
    "FROM '/etc/passwd.csv'",
    "FROM read_csv('/etc/passwd')",
    "FROM read_json('/etc/hostname')",
    "FROM read_parquet('/etc/hostname')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM glob('/etc/*')",
    "FROM glob('{out}/../*')",
    "FROM read_blob(['{out}/okvqa/README.md', '/etc/hostname'])",
    "FROM 'http://localhost:1/x.parquet'",
    "FROM read_text('https://localhost:1/x')",
    "FROM read_text('s3://bucket/x')",
    # Variables of this program.
    "FROM base",
    "FROM path",
)
ALLOWED = (
    "SELECT id FROM instances WHERE false",
    "-- a comment\nSELECT id FROM instances WHERE false; -- the end\n",
    "/* ; */ SELECT ';' AS a WHERE false",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3)"
    " SELECT * FROM r WHERE n > 3",
    "SELECT unnest(images) FROM instances WHERE false",
    "SELECT * FROM range(3), generate_series(1, 2) WHERE false",
    "FROM (DESCRIBE instances) WHERE false",
    "PIVOT (FROM instances WHERE false) ON split IN ('train', 'test') USING count(*) GROUP BY task",
    "SELECT content FROM read_text('{out}/okvqa/README.md') WHERE content = ''",
    "FROM read_parquet('{out}/okvqa/meta/*/index.parquet') WHERE false",
    "FROM '{out}/okvqa/meta/train/index.parquet' WHERE false",
    "SELECT current_date WHERE false",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("it's a [sandbox]*")
    task = load_task("okvqa")
    write_sample(task, folder / "src", 5)
    plan = Plan(is_sample=True)
    Build(sources=folder / "src", out=folder / "out", plan=plan).unit(task, "train")
    (folder / "beside.txt").write_text("treasure")
    (folder / "out2").mkdir()
    (folder / "out2" / "beside.txt").write_text("treasure")
    return folder / "out"


def digests(folder: Path) -> dict[Path, str]:
    """Return the digest of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def filled(sql: str, out: Path) -> str:
    """Return a query with the paths of this test, quoted as SQL does."""
    paths = {"out": out, "inside": out / "okvqa" / "new.csv", "stolen": out.parent / "stolen.txt"}
    for name, path in paths.items():
        sql = sql.replace(f"{{{name}}}", str(path).replace("'", "''"))
    return sql


@pytest.mark.parametrize("sql", ESCAPES)
def test_escapes(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    monkeypatch.chdir(out.parent)
    before = digests(out.parent)
    (tmp_path / "own.sql").write_text(f"-- Nothing.\n{filled(sql, out)}")
    with pytest.raises(AuditError, match=r"^own\.sql: ") as caught:
        list(audit(out, [tmp_path]))
    assert "\n" not in str(caught.value)
    assert "treasure" not in str(caught.value)
    with pytest.raises(AuditError, match=r"^the query: "):
        query(out, filled(sql, out), safe=True)
    assert digests(out.parent) == before


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_an_audit_may_do(out: Path, tmp_path: Path, sql: str) -> None:
    sql = filled(sql, Path(glob.escape(str(out))))
    (tmp_path / "own.sql").write_text(f"-- Nothing.\n{sql}")
    assert {finding.audit: finding.count for finding in audit(out, [tmp_path])}["own"] == 0
    assert query(out, sql, safe=True).rows == ()


def test_relative_folder(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out)
    for build in (Path(), Path("okvqa"), Path("../out"), Path("../out/okvqa")):
        assert query(build, "SELECT count(*) FROM instances", safe=True).rows == ((5,),)
        assert all(finding.count == 0 for finding in audit(build))


@pytest.mark.parametrize("link", ["out", "out/okvqa", "out/okvqa/meta/train/index.parquet"])
def test_links_in_the_path(out: Path, tmp_path: Path, link: str) -> None:
    """A task may be on another disk; the cache of the Hugging Face Hub consists of links."""
    shutil.copytree(out, tmp_path / "elsewhere [x]")
    shutil.copytree(out, tmp_path / "out")
    path, target = tmp_path / link, (tmp_path / "elsewhere [x]" / link).relative_to(tmp_path)
    target = tmp_path / target.parts[0] / Path(*target.parts[2:])
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(target)
    assert query(tmp_path / "out", "SELECT count(*) FROM instances", safe=True).rows == ((5,),)


@pytest.mark.skipif(duckdb.__version__ < "2", reason="older versions do not look behind links")
def test_links_out_of_the_build(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    (tmp_path / "beside.txt").write_text("treasure")
    link = tmp_path / "out" / "link.txt"
    link.symlink_to(tmp_path / "beside.txt")
    with pytest.raises(AuditError, match="Permission Error"):
        query(tmp_path / "out", f"FROM read_text('{link}')", safe=True)


def test_files_that_are_none(out: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.sql")
    with pytest.raises(AuditError, match="not a regular file"):
        list(audit(out, [tmp_path]))


def test_a_query_of_the_user_may_do_everything(out: Path, tmp_path: Path) -> None:
    target = tmp_path / "ids.csv"
    query(out, f"COPY (SELECT id FROM instances) TO '{target}'")
    assert len(target.read_text().splitlines()) == 6
    assert query(out, "SET threads = 1; SELECT 2").rows == ((2,),)
    assert query(out, "PIVOT instances ON split USING count(*) GROUP BY task").rows == (
        ("okvqa", 5),
    )


def test_scratch_folder_is_removed(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    list(audit(out))
    with pytest.raises(AuditError):
        query(out, "SELECT nothing")
    assert list(tmp_path.iterdir()) == []
