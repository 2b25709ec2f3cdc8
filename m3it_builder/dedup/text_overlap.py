"""Evaluation rows whose text stands in training rows, by grams or as a whole.

What is compared is context, questions and answers as annotated, without choices: many
tasks offer the same ones to everybody.

All texts of the evaluation splits are keyed first; the keys then wait in a file
that every process maps, while the training rows stream by, and only what meets
a key is kept. Two rules keep templates from being taken for copies:

- A gram that occurs with more than ten different images of the training rows
  (or in as many text-only rows) is a common phrase and counts for nothing; the
  number is GPT-3's.
- That question and answer are equal as a whole tells nothing while each asks
  about an image of its own ("What color is the car? red"). It counts where one
  of the two rows has no image. Where both have the same one, the images
  give them away already.

A pair of rows counts where the grams they share, common phrases left aside, are
at least ``share`` of all grams of the evaluation row.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

from m3it_builder.dedup.ngrams import grams, whole, words
from m3it_builder.dedup.spread import processes, spread
from m3it_builder.dedup.tables import BuiltUnit
from m3it_builder.progress import Progress

DEFAULT_SHARE = 0.5
COMMON = 10  # images, or text-only rows
_JOB_GROUPS = 4  # row groups of an index
_COLUMNS = ["context", "turns.list.element.question", "turns.list.element.answer",
            "images.list.element.source_digest"]  # fmt: skip
_GRAMS = pa.schema([("unit", pa.int32()), ("row", pa.int32()), ("gram", pa.uint64()),
                    ("document", pa.uint64())])  # fmt: skip
_WHOLES = pa.schema([("unit", pa.int32()), ("row", pa.int32()), ("whole", pa.uint64()),
                     ("imaged", pa.bool_())])  # fmt: skip
_KEYS = {"grams": "gram", "wholes": "whole"}
_PAIRS = """
CREATE TABLE common AS
SELECT gram FROM training_grams GROUP BY gram HAVING count(DISTINCT document) > $common;
"""
_GRAM_PAIRS = """
CREATE TABLE copied AS
WITH telling AS (SELECT * FROM evaluation_grams ANTI JOIN common USING (gram)),
     sizes AS (SELECT unit, row, count(*) AS size FROM evaluation_grams GROUP BY ALL)
SELECT e.unit AS unit, e.row AS row, t.unit AS training_unit, t.row AS training_row,
       count(*) / any_value(size) AS share
FROM telling e JOIN training_grams t USING (gram) JOIN sizes s ON s.unit = e.unit AND s.row = e.row
GROUP BY ALL
HAVING count(*) >= $share * any_value(size)
"""
_WHOLE_GROUPS = """
CREATE TABLE same AS
SELECT 'evaluation' AS side, * FROM evaluation_wholes SEMI JOIN training_wholes USING (whole)
UNION ALL
SELECT 'training' AS side, * FROM training_wholes
"""


@dataclass(frozen=True, slots=True)
class _Job:
    index: Path
    unit: int
    groups: tuple[int, ...]  # row groups of the index
    first: int  # row of the unit
    gram: int
    folder: Path
    side: str  # evaluation or training


def find_overlap(
    base: duckdb.DuckDBPyConnection,
    units: Sequence[BuiltUnit],
    measure: tuple[int, float, Path],
    work: tuple[int, Progress],
) -> None:
    """Leave the tables ``copied`` and ``same`` behind: pairs by grams, groups by whole texts.

    Args:
        base: the catalog.
        units: all of them.
        measure: words of a gram, share of grams, folder for what is written on the way.
        work: processes, and who watches.
    """
    gram, share, folder = measure
    for side in ("evaluation", "training"):
        chosen = [unit for unit in units if unit.is_evaluation == (side == "evaluation")]
        (folder / side).mkdir(parents=True)
        total, progress = sum(unit.manifest.instances for unit in chosen), work[1]
        progress.start(f"{side} texts", total)
        try:
            jobs = _jobs(chosen, side, gram, folder)
            for count in spread(_key_rows, jobs, processes(work[0], total)):
                progress.advance(count)
        finally:
            progress.finish()
        for kind in _KEYS:
            _take_in(base, folder / side, side, kind)
        if side == "evaluation":
            _write_keys(base, folder)
    base.execute(_PAIRS, {"common": COMMON})
    base.execute(_GRAM_PAIRS, {"share": share})
    base.execute(_WHOLE_GROUPS)


def _jobs(units: Sequence[BuiltUnit], side: str, gram: int, folder: Path) -> Iterator[_Job]:
    for unit in units:
        facts = pq.read_metadata(unit.index)
        first = 0
        for start in range(0, facts.num_row_groups, _JOB_GROUPS):
            groups = tuple(range(start, min(start + _JOB_GROUPS, facts.num_row_groups)))
            yield _Job(unit.index, unit.number, groups, first, gram, folder, side)
            first += sum(facts.row_group(group).num_rows for group in groups)


def _key_rows(job: _Job) -> int:
    """Write the keys of some rows that matter; return the number of rows."""
    table = pq.ParquetFile(job.index).read_row_groups(list(job.groups), columns=_COLUMNS)
    turns = table["turns"].to_pylist()
    asked = list(map(_asked, table["context"].to_pylist(), turns))
    answered = [words(row[-1]["answer"]) for row in turns]
    images = [[one["source_digest"] for one in row] for row in table["images"].to_pylist()]
    both = [question + answer for question, answer in zip(asked, answered, strict=True)]
    found = grams(both, job.gram)
    keys = np.array([whole(*pair) for pair in zip(asked, answered, strict=True)], np.uint64)
    imaged = np.array([bool(row) for row in images], bool)
    keep = np.array([bool(question) for question in asked], bool)
    if job.side == "training":
        found = found.among(np.load(job.folder / "grams.npy", mmap_mode="r"))
        keep &= _meets(keys, imaged, job.folder)
    found = found.once()
    documents = np.array([_document(row, job, n) for n, row in enumerate(images)], np.uint64)
    rows = np.arange(job.first, job.first + len(keys), dtype=np.int32)
    _write(job, "grams", _GRAMS, [rows[found.text], found.gram, documents[found.text]])
    _write(job, "wholes", _WHOLES, [rows[keep], keys[keep], imaged[keep]])
    return len(keys)


def _asked(context: str, turns: Sequence[dict[str, str]]) -> list[str]:
    """Return the words before the answer; choices and what rendering adds are not among them."""
    *history, last = turns
    past = (f"{turn['question']} {turn['answer']}" for turn in history)
    return words(" ".join([context, *past, last["question"]]))


def _meets(keys: Any, imaged: Any, folder: Path) -> Any:
    """Tell which training texts equal one of evaluation, where not both have images."""
    alone = np.isin(keys, np.load(folder / "wholes_unimaged.npy", mmap_mode="r"))
    return alone | (np.isin(keys, np.load(folder / "wholes.npy", mmap_mode="r")) & ~imaged)


def _document(images: Sequence[str], job: _Job, place: int) -> int:
    """Return a key of the images of a row; without any, of the row."""
    name = "".join(images) or f"{job.unit}/{job.first + place}"
    return int.from_bytes(blake3(name.encode()).digest(8))


def _write(job: _Job, kind: str, schema: pa.Schema, columns: list[Any]) -> None:
    path = job.folder / job.side / f"{kind}-{job.unit:05d}-{job.first:09d}.parquet"
    unit = pa.array(np.full(len(columns[0]), job.unit, np.int32))
    pq.write_table(pa.Table.from_arrays([unit, *map(pa.array, columns)], schema=schema), path)


def _take_in(base: duckdb.DuckDBPyConnection, folder: Path, side: str, kind: str) -> None:
    schema = _GRAMS if kind == "grams" else _WHOLES
    pq.write_table(schema.empty_table(), folder / f"{kind}-none.parquet")
    base.read_parquet(f"{glob.escape(str(folder))}/{kind}-*.parquet").create_view("read_keys")
    base.table("read_keys").create(f"{side}_{kind}")
    base.execute("DROP VIEW read_keys")


def _write_keys(base: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write what training rows are held against, ascending, as arrays to be mapped."""
    queries = {
        "grams": "SELECT DISTINCT gram AS key FROM evaluation_grams ORDER BY key",
        "wholes": "SELECT DISTINCT whole AS key FROM evaluation_wholes ORDER BY key",
        "wholes_unimaged": "SELECT DISTINCT whole AS key FROM evaluation_wholes"
        " WHERE NOT imaged ORDER BY key",
    }
    for name, query in queries.items():
        keys = base.execute(query).fetchnumpy()["key"]
        np.save(folder / f"{name}.npy", np.asarray(keys, np.uint64))
