"""``m3it audit`` and ``m3it sql``."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tests.support.command import assert_one_line, assert_usage_error, build_okvqa, run_m3it

NAMED = "SELECT 1 AS a, 2 AS a, 3 AS b"
NUMBERS = (
    "SELECT 'NaN'::DOUBLE AS nan, '-Infinity'::FLOAT AS low, 2::HUGEINT ** 100 AS large,"
    " '12345678901234567890.120'::DECIMAL(30, 3) AS exact, '\\xAA\\x00'::BLOB AS bytes,"
    " 340282366920938463463374607431768211455::UHUGEINT AS digits, NULL AS nothing"
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build of synthetic sample data, which need not have all rows."""
    folder = tmp_path_factory.mktemp("audit_commands")
    words = ("build", "--task", "okvqa", "--split", "train", "--sample", "--sample-rows", "20")
    done = run_m3it(*words, "--out", folder / "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_audit_and_sql(out: Path, tmp_path: Path) -> None:
    assert run_m3it("audit", out).returncode == 0
    query = "SELECT id FROM instances WHERE row < 3"
    done = run_m3it("audit", out, query)
    assert (done.returncode, "(first 3 of 3)" in done.stdout) == (1, True)
    rows = run_m3it("sql", out, "SELECT count(*) AS n FROM instances", "--json")
    assert json.loads(rows.stdout) == [{"n": 20}]
    assert "source_digest" in run_m3it("sql", out).stdout
    assert_one_line(run_m3it("sql", out, "SELEC 1"), 1, "Parser Error")
    assert_one_line(run_m3it("audit", tmp_path / "none"), 1, "no finished build found")


def test_too_few_rows(sources: Path, tmp_path: Path) -> None:
    """Twenty rows are published as a complete build of 9,009."""
    build_okvqa(sources, tmp_path / "out")
    done = run_m3it("audit", tmp_path / "out", "--json")
    counts = {finding["audit"]: finding["count"] for finding in json.loads(done.stdout)}
    assert (done.returncode, counts["too_few_rows"]) == (1, 1)
    build_okvqa(sources, tmp_path / "limited", "--limit", "10")
    assert run_m3it("audit", tmp_path / "limited").returncode == 0


def test_unusual_queries(out: Path, tmp_path: Path) -> None:
    for command in ("sql", "audit"):
        assert_one_line(run_m3it(command, out, ""), 1, "nothing to run")
    done = run_m3it("sql", out, "SELECT 2::HUGEINT ** 100 AS n", "--json")
    assert done.returncode == 0, done.stderr
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.sql").write_text("-- Nothing.\nSELECT 1 WHERE false;\n")
    done = run_m3it("audit", out, "--audits", tmp_path / "own")
    assert done.returncode == 0, done.stderr
    broken = shutil.copytree(out, tmp_path / "broken")
    (broken / "okvqa" / "meta" / "train" / "index.parquet").unlink()
    assert_one_line(run_m3it("sql", broken, "SELECT 1"), 1, "index.parquet", "--replace")


def test_audit_as_json(out: Path) -> None:
    findings = json.loads(run_m3it("audit", out, "--json").stdout)
    levels = {finding["audit"]: finding["level"] for finding in findings}
    assert levels["duplicate_id"] == "error"
    assert levels["duplicate_row"] == "note"
    assert set(findings[0]) == {"audit", "about", "level", "count", "rows"}
    done = run_m3it("audit", out, "SELECT id FROM instances", "--json")
    (finding,) = json.loads(done.stdout)
    assert (finding["level"], finding["count"]) == ("error", 20)


def test_columns_of_the_same_name(out: Path) -> None:
    for option, expected in (
        ("--jsonl", '{"a": 1, "a_2": 2, "b": 3}\n'),
        ("--csv", "a,a_2,b\n1,2,3\n"),
        ("--tsv", "a\ta_2\tb\n1\t2\t3\n"),
    ):
        done = run_m3it("sql", out, NAMED, option)
        assert done.stdout == expected
        assert done.stderr == "m3it: several columns have the same name; renamed: a_2\n"
    done = run_m3it("sql", out, NAMED, "--json")
    assert json.loads(done.stdout) == [{"a": 1, "a_2": 2, "b": 3}]


def test_numbers_keep_their_value(out: Path) -> None:
    expected = {
        "nan": "NaN",
        "low": "-Infinity",
        "large": "1.2676506002282294e+30",
        "exact": "12345678901234567890.120",
        "bytes": "qgA=",
        "digits": 340282366920938463463374607431768211455,
        "nothing": None,
    }
    done = run_m3it("sql", out, NUMBERS, "--jsonl", "--safe")
    row = json.loads(done.stdout)
    row["large"] = str(row["large"])  # a power is a DOUBLE
    assert row == expected
    assert str(expected["digits"]) in done.stdout
    (line,) = csv.DictReader(io.StringIO(run_m3it("sql", out, NUMBERS, "--csv").stdout))
    assert line == {**{name: str(value) for name, value in expected.items()}, "nothing": ""}


def test_csv_quotes_what_it_must(out: Path) -> None:
    query = "SELECT 'a,\"b\"\nc' AS x, '\t' AS y, [1, NULL] AS z, true AS t"
    for option, delimiter in (("--csv", ","), ("--tsv", "\t")):
        done = run_m3it("sql", out, query, option)
        rows = list(csv.reader(io.StringIO(done.stdout), delimiter=delimiter))
        assert rows == [["x", "y", "z", "t"], ['a,"b"\nc', "\t", "[1, null]", "true"]]
    columns = run_m3it("sql", out, "--csv").stdout.splitlines()
    assert columns[:2] == ["view,column,type", "instances,id,VARCHAR"]


def test_wide_rows_are_blocks(out: Path) -> None:
    done = run_m3it("sql", out, "SELECT * REPLACE (E'two\nlines\x1b' AS id) FROM instances LIMIT 2")
    lines = done.stdout.splitlines()
    assert lines[0] == "--- row 1 ---"
    assert "--- row 2 ---" in lines
    assert lines[1].split(maxsplit=1) == ["id", "two"]
    assert lines[2].strip() == "lines\\x1b", "continued below, without control characters"
    assert any(line.startswith("outputs ") for line in lines)
    narrow = run_m3it("sql", out, "SELECT id, inputs, outputs FROM instances LIMIT 2")
    assert "--- row" not in narrow.stdout


def test_one_form_of_output(out: Path) -> None:
    done = run_m3it("sql", out, "SELECT 1", "--json", "--csv")
    assert_usage_error(done, "--json and --csv exclude each other")


def test_safe_queries(out: Path, tmp_path: Path) -> None:
    copy = f"COPY (SELECT id FROM instances) TO '{tmp_path / 'ids.csv'}'"
    assert_one_line(run_m3it("sql", out, copy, "--safe"), 1, "exactly one SELECT")
    assert not (tmp_path / "ids.csv").exists()
    done = run_m3it("sql", out, "FROM read_text('/etc/passwd')", "--safe")
    assert_one_line(done, 1, "Permission Error")
    assert run_m3it("sql", out, copy).returncode == 0
    assert len((tmp_path / "ids.csv").read_text().splitlines()) == 21
    assert "--safe" in run_m3it("sql", "--help").stdout
