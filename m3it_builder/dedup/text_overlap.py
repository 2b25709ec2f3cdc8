"""Find text overlap of evaluation rows with training rows: shared n-grams or equal texts.

The compared text is context, questions and answers as annotated, without choices: many tasks
offer the same choices in every row.

N-grams and whole texts are compared by 64-bit keys, those of all evaluation splits first. Every
worker then memory-maps the file of these keys while the training rows are streamed, and only
training n-grams and texts with such a key are stored. Two rules keep templates from counting as
copies:

- An n-gram that occurs with more than ten different images of training rows (or in more than
  ten text-only rows) is a common phrase and is ignored; the number is GPT-3's.
- Equal question and answer prove nothing if each row asks about an image of its own ("What
  color is the car? red"). They count where one of the two rows has no image. Where both rows
  have the same image, the images match already.

A pair of rows overlaps if its shared n-grams, without common phrases, are at least the
configured share of all n-grams of the evaluation row.
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

from m3it_builder.dedup.ngrams import ngrams, text_key, words
from m3it_builder.dedup.options import DedupOptions
from m3it_builder.dedup.tables import BuiltUnit
from m3it_builder.executors.local import run, worker_count

_MAX_DOCUMENTS = 10  # an n-gram in more is a common phrase
_JOB_GROUPS = 4  # row groups of an index
_COLUMNS = ["context", "turns.list.element.question", "turns.list.element.answer",
            "images.list.element.source_digest"]  # fmt: skip
_NGRAMS = pa.schema([("unit", pa.int32()), ("row", pa.int32()), ("ngram", pa.uint64()),
                     ("document", pa.uint64())])  # fmt: skip
_TEXTS = pa.schema([("unit", pa.int32()), ("row", pa.int32()), ("text_key", pa.uint64()),
                    ("has_images", pa.bool_())])  # fmt: skip
_SCHEMAS = {"ngrams": _NGRAMS, "texts": _TEXTS}
_COMMON_NGRAMS = """
CREATE TABLE common_ngrams AS
SELECT ngram FROM training_ngrams GROUP BY ngram HAVING count(DISTINCT document) > $max_documents
"""
_OVERLAPS = """
CREATE TABLE text_overlaps AS
WITH specific AS (SELECT * FROM evaluation_ngrams ANTI JOIN common_ngrams USING (ngram)),
     sizes AS (SELECT unit, row, count(*) AS size FROM evaluation_ngrams GROUP BY ALL)
SELECT e.unit AS unit, e.row AS row, t.unit AS training_unit, t.row AS training_row,
       count(*) / any_value(size) AS share
FROM specific e JOIN training_ngrams t USING (ngram)
JOIN sizes s ON s.unit = e.unit AND s.row = e.row
GROUP BY ALL
HAVING count(*) >= $share * any_value(size)
"""
_EQUAL_TEXTS = """
CREATE TABLE equal_texts AS
SELECT 'evaluation' AS side, * FROM evaluation_texts SEMI JOIN training_texts USING (text_key)
UNION ALL
SELECT 'training' AS side, * FROM training_texts
"""


@dataclass(frozen=True, slots=True)
class _Job:
    index: Path
    unit: int
    groups: tuple[int, ...]  # row groups of the index
    first_row: int  # of the unit
    length: int  # words per n-gram
    folder: Path  # of the temporary files
    side: str  # evaluation or training


def find_overlaps(
    database: duckdb.DuckDBPyConnection,
    units: Sequence[BuiltUnit],
    options: DedupOptions,
    folder: Path,
) -> None:
    """Create the tables ``text_overlaps``, pairs by n-grams, and ``equal_texts``, rows by text.

    Args:
        database: receives the tables.
        units: all of them.
        options: n-gram length, minimum share, workers and progress.
        folder: for temporary files.

    Raises:
        BuildError: a worker was killed.
    """
    for side in ("evaluation", "training"):
        side_units = [unit for unit in units if unit.is_evaluation == (side == "evaluation")]
        (folder / side).mkdir(parents=True)
        total = sum(unit.manifest.instances for unit in side_units)
        options.progress.start(f"{side} texts", total)
        try:
            jobs = _jobs(side_units, side, options.ngram, folder)
            for count in run(_extract_keys, jobs, worker_count(options.workers, total)):
                options.progress.advance(count)
        finally:
            options.progress.finish()
        for kind in _SCHEMAS:
            _load_keys(database, folder / side, side, kind)
        if side == "evaluation":
            _write_evaluation_keys(database, folder)
    database.execute(_COMMON_NGRAMS, {"max_documents": _MAX_DOCUMENTS})
    database.execute(_OVERLAPS, {"share": options.share})
    database.execute(_EQUAL_TEXTS)


def _jobs(units: Sequence[BuiltUnit], side: str, length: int, folder: Path) -> Iterator[_Job]:
    for unit in units:
        metadata = pq.read_metadata(unit.index)
        first_row = 0
        for start in range(0, metadata.num_row_groups, _JOB_GROUPS):
            groups = tuple(range(start, min(start + _JOB_GROUPS, metadata.num_row_groups)))
            yield _Job(unit.index, unit.number, groups, first_row, length, folder, side)
            first_row += sum(metadata.row_group(group).num_rows for group in groups)


def _extract_keys(job: _Job) -> int:
    """Write the n-gram and text keys of the rows of a job; return the number of rows."""
    table = pq.ParquetFile(job.index).read_row_groups(list(job.groups), columns=_COLUMNS)
    turns = table["turns"].to_pylist()
    questions = list(map(_question_words, table["context"].to_pylist(), turns))
    answers = [words(row[-1]["answer"]) for row in turns]
    images = [[image["source_digest"] for image in row] for row in table["images"].to_pylist()]
    pairs = list(zip(questions, answers, strict=True))
    found = ngrams([question + answer for question, answer in pairs], job.length)
    keys = np.array([text_key(*pair) for pair in pairs], np.uint64)
    has_images = np.array([bool(row) for row in images], bool)
    keep = np.array([bool(question) for question in questions], bool)
    if job.side == "training":
        found = found.among(np.load(job.folder / "ngrams.npy", mmap_mode="r"))
        keep &= _matches_evaluation(keys, has_images, job.folder)
    found = found.distinct()
    documents = [_document(row, job, position) for position, row in enumerate(images)]
    owners = np.array(documents, np.uint64)[found.text]
    rows = np.arange(job.first_row, job.first_row + len(keys), dtype=np.int32)
    _write(job, "ngrams", [rows[found.text], found.ngram, owners])
    _write(job, "texts", [rows[keep], keys[keep], has_images[keep]])
    return len(keys)


def _question_words(context: str, turns: Sequence[dict[str, str]]) -> list[str]:
    """Return the words before the last answer, without choices and rendering."""
    *history, last = turns
    past = (f"{turn['question']} {turn['answer']}" for turn in history)
    return words(" ".join([context, *past, last["question"]]))


def _matches_evaluation(keys: Any, has_images: Any, folder: Path) -> Any:
    """Return which training texts equal an evaluation text, unless both rows have images."""
    text_only = np.isin(keys, np.load(folder / "text_only.npy", mmap_mode="r"))
    return text_only | (np.isin(keys, np.load(folder / "texts.npy", mmap_mode="r")) & ~has_images)


def _document(images: Sequence[str], job: _Job, position: int) -> int:
    """Return a key of the images of a row, or of the row itself if it has none."""
    name = "".join(images) or f"{job.unit}/{job.first_row + position}"
    return int.from_bytes(blake3(name.encode()).digest(8))


def _write(job: _Job, kind: str, columns: list[Any]) -> None:
    path = job.folder / job.side / f"{kind}-{job.unit:05d}-{job.first_row:09d}.parquet"
    unit = np.full(len(columns[0]), job.unit, np.int32)
    arrays = [pa.array(column) for column in (unit, *columns)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMAS[kind]), path)


def _load_keys(database: duckdb.DuckDBPyConnection, folder: Path, side: str, kind: str) -> None:
    # An empty file gives the table its columns even if the side has no units.
    pq.write_table(_SCHEMAS[kind].empty_table(), folder / f"{kind}-none.parquet")
    database.read_parquet(f"{glob.escape(str(folder))}/{kind}-*.parquet").create_view("keys_read")
    database.table("keys_read").create(f"{side}_{kind}")
    database.execute("DROP VIEW keys_read")


def _write_evaluation_keys(database: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the keys of evaluation rows, ascending, as arrays for memory-mapping."""
    queries = {
        "ngrams": "SELECT DISTINCT ngram AS key FROM evaluation_ngrams ORDER BY key",
        "texts": "SELECT DISTINCT text_key AS key FROM evaluation_texts ORDER BY key",
        "text_only": "SELECT DISTINCT text_key AS key FROM evaluation_texts"
        " WHERE NOT has_images ORDER BY key",
    }
    for name, query in queries.items():
        keys = database.execute(query).fetchnumpy()["key"]
        np.save(folder / f"{name}.npy", np.asarray(keys, np.uint64))
