"""Audits find planted errors, and nothing in a clean build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from m3it_builder import load_task
from m3it_builder.audits.runner import Finding, audit, query, views
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.index import SCHEMA
from m3it_builder.dataset.manifest import Manifest, read_manifest, write_manifest
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


def test_split_leak_is_one_finding_for_many_rows(built: Path) -> None:
    """Five rows of train and four of validation have one image and one question."""

    def copies(prefix: str, count: int) -> Any:
        def edit(rows: list[dict[str, Any]]) -> None:
            rows += [{**rows[0], **same, "id": f"{prefix}{n}"} for n in range(count)]

        return edit

    rows: list[dict[str, Any]] = []
    change(built, "train", rows.extend)
    same = {"images": rows[0]["images"], "inputs": rows[0]["inputs"], "lang": "en"}
    change(built, "train", copies("t", 4))
    change(built, "validation", copies("v", 4))
    finding = findings(built)["split_leak"]
    assert finding.count == 1
    row = dict(zip(finding.columns, finding.rows[0], strict=True))
    assert (row["train_rows"], row["validation_rows"], row["test_rows"]) == (5, 4, 0)
    assert row["train_ids"] == sorted([rows[0]["id"], "t0", "t1", "t2", "t3"])[:3]
    assert (row["validation_ids"], row["test_ids"]) == (["v0", "v1", "v2"], None)
    assert row["inputs"] == same["inputs"]


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
        base, pool = rows[0], [one.text for one in load_task("okvqa").instructions]
        for number in range(2_000):
            text = pool[0] if number < 900 else pool[number % 10]
            rows.append({**base, "id": f"x{number}", "instruction": text, "inputs": str(number)})

    change(built, "train", skew)
    finding = findings(built)["instruction_usage"]
    assert load_task("okvqa").instructions[0].text in {row[3] for row in finding.rows}


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (9_009, "too_few_rows"),
        (12, "too_few_rows"),
        (11, "count_against_card"),
        (9, "count_against_card"),
        (10, None),
        (0, "count_against_card"),
    ],
)
def test_counts_against_card(tmp_path: Path, published: int, expected: str | None) -> None:
    """Each difference is reported by one audit: less than 90 % is an error, others are notes."""
    unit = complete_build(tmp_path / "out")
    card = replace(unit.card, rows=published)
    write_manifest(replace(unit, card=card), tmp_path / "out" / "okvqa" / "meta" / "train")
    found = findings(tmp_path / "out")
    assert list(found) == ([expected] if expected else [])
    if expected == "too_few_rows":
        assert found[expected].level == "error"
        assert found[expected].rows[0][:4] == ("okvqa", "train", published, 10)
    elif expected:
        assert found[expected].level == "note"
        assert found[expected].rows == (("okvqa", "train", published, 10, 10 - published),)


@pytest.mark.parametrize("reason", ["sample", "limit", "drop"])
def test_builds_that_are_meant_to_have_fewer_rows(tmp_path: Path, reason: str) -> None:
    unit = complete_build(tmp_path / "out")
    changed = {
        "sample": replace(unit, plan=replace(unit.plan, sample=True)),
        "limit": replace(unit, plan=replace(unit.plan, limit=10)),
        "drop": replace(unit, drop="drop.parquet: 00"),
    }
    write_manifest(changed[reason], tmp_path / "out" / "okvqa" / "meta" / "train")
    assert findings(tmp_path / "out") == {}


def complete_build(out: Path) -> Manifest:
    """Build ten rows as if they were all, and return the manifest."""
    task = load_task("okvqa")
    write_sample(task, out.with_name("src"), 10)
    Build(sources=out.with_name("src"), out=out, plan=Plan()).unit(task, "train")
    unit = read_manifest(out / "okvqa" / "meta" / "train")
    assert unit is not None
    return unit


def test_findings_are_bounded_and_counted(built: Path, tmp_path: Path) -> None:
    (tmp_path / "many.sql").write_text("-- Many.\nFROM range(3_000_000) ORDER BY 1 DESC")
    (*_, finding) = audit(built, [tmp_path])
    assert (finding.count, len(finding.rows)) == (3_000_000, 1_000)
    assert finding.rows[0] == (2_999_999,)


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT idd FROM instances", '"id"'),
        ("SELECT outpts FROM instances", '"outputs"'),
        ("SELECT instances.imputs FROM instances", '"inputs"'),
        ("SELECT cards.sede FROM cards", '"seed"'),
        ("SELECT instances.zzzzzz FROM instances", "`m3it sql BUILD`"),
        ("SELECT 1 FROM instance", '"instances"'),
        ("SELECT current_localtimestamp()::TIMESTAMPTZ", "::VARCHAR"),
    ],
)
def test_errors_in_queries_have_a_hint(built: Path, sql: str, hint: str) -> None:
    for safe in (True, False):
        with pytest.raises(AuditError) as caught:
            query(built, sql, safe=safe)
        assert hint in str(caught.value)
        assert "\n" not in str(caught.value)


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
