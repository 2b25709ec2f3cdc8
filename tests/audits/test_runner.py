"""Audits find planted errors, and nothing in a clean build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m3it_builder import load_task
from m3it_builder.audits.runner import Finding, audit, query, views
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.index import SCHEMA
from m3it_builder.dedup import DedupOptions, find_duplicates
from m3it_builder.errors import AuditError, BuildError
from m3it_builder.tasks.sampling import write_sample


@pytest.fixture
def built(tmp_path: Path) -> Path:
    task = load_task("okvqa")
    write_sample(task, tmp_path / "src", 30)
    work = Build(sources=tmp_path / "src", out=tmp_path / "out", plan=Plan(is_sample=True))
    for split in task.card.splits:
        work.unit(task, split)
    return tmp_path / "out"


def findings(build: Path) -> dict[str, Finding]:
    """Return the audits that fail or report a note."""
    return {finding.audit: finding for finding in audit(build) if finding.count}


def change(build: Path, split: str, edit: Any) -> None:
    """Rewrite the index of a split, as an incorrect build would have written it."""
    path = build / "okvqa" / "meta" / split / "index.parquet"
    rows = pq.read_table(path).to_pylist()
    edit(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)


def test_clean_build(built: Path) -> None:
    assert findings(built) == {}
    assert [finding.audit for finding in audit(built)] == sorted(
        path.stem for path in (Path(audit.__globals__["__file__"]).parent).glob("*.sql")
    )


def test_folder_names_are_not_glob_patterns(built: Path) -> None:
    """A folder named ``[x]*?`` is one build, and matches no folder beside it."""
    folder = built.rename(built.with_name("[x]*? 100%"))
    assert findings(folder) == {}
    assert query(folder, "SELECT count(*) FROM instances").rows == ((60,),)
    options = DedupOptions(builds=(folder,), report_folder=built.with_name("[report]"))
    assert find_duplicates(options)["units"]


def test_duplicate_id(built: Path) -> None:
    change(built, "train", lambda rows: rows.__setitem__(3, {**rows[3], "id": rows[4]["id"]}))
    finding = findings(built)["duplicate_id"]
    assert (finding.count, finding.level) == (1, "error")
    assert finding.about.startswith("An id occurs more than once")
    assert finding.rows[0][-1] == 2


def test_split_leak(built: Path) -> None:
    leaked: list[dict[str, Any]] = []
    change(built, "validation", lambda rows: leaked.extend(rows[:2]))
    change(built, "train", lambda rows: rows.extend({**r, "split": "train"} for r in leaked))
    finding = findings(built)["split_leak"]
    assert finding.count == 2
    assert "unaccounted_example" in findings(built), "the counts no longer add up either"


def test_leak_of_an_image_with_drawn_regions(built: Path) -> None:
    """The published bytes of one image differ if other regions are drawn; source digests do not."""
    leaked: list[dict[str, Any]] = []
    change(built, "validation", lambda rows: leaked.append(rows[0]))
    image = {**leaked[0]["images"][0], "digest": "another"}
    row = {**leaked[0], "split": "train", "images": [image]}
    change(built, "train", lambda rows: rows.append(row))
    assert findings(built)["split_leak"].count == 1


def test_duplicate_row_is_a_note(built: Path) -> None:
    change(built, "train", lambda rows: rows.append({**rows[0], "id": "again"}))
    assert findings(built)["duplicate_row"].level == "note"


def test_instruction_usage(built: Path) -> None:
    def skew(rows: list[dict[str, Any]]) -> None:
        base, pool = rows[0], load_task("okvqa").instructions
        for number in range(2_000):
            text = pool[0] if number < 900 else pool[number % 10]
            rows.append({**base, "id": f"x{number}", "instruction": text, "inputs": str(number)})

    change(built, "train", skew)
    finding = findings(built)["instruction_usage"]
    assert load_task("okvqa").instructions[0] in {row[3] for row in finding.rows}


def test_counts_against_card(tmp_path: Path) -> None:
    task = load_task("okvqa")
    write_sample(task, tmp_path / "src", 5)
    Build(sources=tmp_path / "src", out=tmp_path / "out", plan=Plan()).unit(task, "train")
    finding = findings(tmp_path / "out")["count_against_card"]
    assert finding.level == "note"
    assert finding.rows == (("okvqa", "train", 9_009, 5, -9_004),)


def test_additional_audits(built: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "short.sql").write_text("-- An answer is short.\nSELECT id FROM instances\n")
    assert {f.audit: f.count for f in audit(built, [own])}["short"] == 60
    (own / "short.sql").write_text("SELECT 1")
    with pytest.raises(AuditError, match="first line must be a comment"):
        list(audit(built, [own]))
    (own / "short.sql").write_text("-- Wrong.\nSELECT nothing FROM instances")
    with pytest.raises(AuditError, match=r"short\.sql: .*nothing"):
        list(audit(built, [own]))


def test_queries_over_one_task_and_over_all(built: Path) -> None:
    sql = "SELECT split, count(*) FROM instances GROUP BY ALL ORDER BY ALL"
    expected = (("train", 30), ("validation", 30))
    assert query(built, sql).rows == query(built / "okvqa", sql).rows == expected
    joined = "SELECT DISTINCT c.license FROM instances i JOIN cards c USING (task, split)"
    assert query(built, joined).rows == (("CC-BY-4.0",),)
    assert query(built, "SELECT * FROM rejects").rows == ()
    assert [name for name, _ in views(built)] == ["instances", "rejects", "cards"]


def test_no_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no finished build found"):
        query(tmp_path, "SELECT 1")
