"""``m3it audit`` and ``m3it sql``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command import assert_one_line, build_okvqa, run_m3it


def test_audit_and_sql(sources: Path, tmp_path: Path) -> None:
    build_okvqa(sources, tmp_path / "out")
    assert run_m3it("audit", tmp_path / "out").returncode == 0
    query = "SELECT id FROM instances WHERE outputs = 'grape'"
    assert run_m3it("audit", tmp_path / "out", query).returncode == 1
    rows = run_m3it("sql", tmp_path / "out", "SELECT count(*) AS n FROM instances", "--json")
    assert json.loads(rows.stdout) == [{"n": 20}]
    assert "source_digest" in run_m3it("sql", tmp_path / "out").stdout
    assert_one_line(run_m3it("sql", tmp_path / "out", "SELEC 1"), 1, "Parser Error")
    assert_one_line(run_m3it("audit", tmp_path / "none"), 1, "no finished build found")


def test_unusual_queries(sources: Path, tmp_path: Path) -> None:
    build_okvqa(sources, tmp_path / "out")
    for command in ("sql", "audit"):
        assert_one_line(run_m3it(command, tmp_path / "out", ""), 1, "nothing to run")
    done = run_m3it("sql", tmp_path / "out", "SELECT 2::HUGEINT ** 100 AS n", "--json")
    assert done.returncode == 0, done.stderr
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.sql").write_text("-- Nothing.\nSELECT 1 WHERE false;\n")
    done = run_m3it("audit", tmp_path / "out", "--audits", tmp_path / "own")
    assert done.returncode == 0, done.stderr
    (tmp_path / "out" / "okvqa" / "meta" / "train" / "index.parquet").unlink()
    assert_one_line(run_m3it("sql", tmp_path / "out", "SELECT 1"), 1, "--replace")


def test_audit_as_json(sources: Path, tmp_path: Path) -> None:
    build_okvqa(sources, tmp_path / "out")
    findings = json.loads(run_m3it("audit", tmp_path / "out", "--json").stdout)
    levels = {finding["audit"]: finding["level"] for finding in findings}
    assert levels["duplicate_id"] == "error"
    assert levels["duplicate_row"] == "note"
    assert set(findings[0]) == {"audit", "about", "level", "count", "rows"}
    done = run_m3it("audit", tmp_path / "out", "SELECT id FROM instances", "--json")
    (finding,) = json.loads(done.stdout)
    assert (finding["level"], finding["count"]) == ("error", 20)
