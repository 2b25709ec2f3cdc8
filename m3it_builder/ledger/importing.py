"""Import of exported answers: the first answer of a key is kept."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.errors import LedgerError
from m3it_builder.ledger.answers import COLUMNS
from m3it_builder.ledger.entries import is_key
from m3it_builder.ledger.exchange import ANSWER_SCHEMA, ANSWERS_FILE, VERSION, VERSION_KEY
from m3it_builder.ledger.store import Ledger, insert_answers

_ROWS = 1_000  # per batch
_COMPARED = ("text", "finish_reason", "refusal")  # what makes another answer
_TOKENS = ("input_tokens", "output_tokens")
_AGAIN = "export it again with `m3it ledger export`, or get another copy"
Row = tuple[Any, ...]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the answers of a file."""

    added: int
    equal: int  # the ledger had the same answer
    differing: int  # the ledger had another answer, which was kept


def require_export(path: Path) -> None:
    """Require a file of exported answers; to be called before a ledger is created for them.

    Raises:
        LedgerError: the file is missing, malformed, not an export, or of a later version.
    """
    file = _file(path)
    with _file_errors(file), file.open("rb") as opened:
        _require_schema(file, pq.read_schema(opened))


def import_answers(ledger: Ledger, path: Path) -> Imported:
    """Import answers, all or none; the first answer of a key is kept.

    Args:
        ledger: to add them to.
        path: ``answers.parquet``, or a folder that has it.

    Raises:
        LedgerError: the file is missing, malformed or of a later version, or the ledger cannot
            store the answers. None was added.
    """
    file = _file(path)
    counts = {"added": 0, "equal": 0, "differing": 0}
    with ledger.commit() as connection:
        for rows in _batches(file):
            _insert(connection, rows, counts)
    return Imported(**counts)


def _insert(connection: sqlite3.Connection, rows: list[Row], counts: dict[str, int]) -> None:
    added = insert_answers(connection, rows)
    counts["added"] += added
    if added == len(rows):
        return
    differing = sum(_differs(connection, row) for row in rows)
    counts["differing"] += differing
    counts["equal"] += len(rows) - added - differing


def _differs(connection: sqlite3.Connection, row: Row) -> bool:
    """Return True if the ledger has another answer; one just inserted is the same."""
    kept = connection.execute(
        f"SELECT {', '.join(_COMPARED)} FROM answers WHERE key = ?",  # noqa: S608
        row[:1],
    ).fetchone()
    return bool(kept != tuple(row[COLUMNS.index(name)] for name in _COMPARED))


def _file(path: Path) -> Path:
    return path / ANSWERS_FILE if path.is_dir() else path


def _batches(file: Path) -> Iterator[list[Row]]:
    """Yield the rows of a file with valid values, some at a time."""
    first = 1
    with _file_errors(file), file.open("rb") as opened, pq.ParquetFile(opened) as parquet:
        _require_schema(file, parquet.schema_arrow)
        for batch in parquet.iter_batches(_ROWS, columns=list(COLUMNS), use_threads=False):
            batch.validate(full=True)  # to_pylist would fail on text that is not UTF-8
            rows = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
            for number, row in enumerate(rows, first):
                _require_values(file, number, row)
            yield rows
            first += len(rows)


@contextmanager
def _file_errors(file: Path) -> Iterator[None]:
    """Raise errors in the block as one that names the file; those of SQLite pass."""
    try:
        yield
    except FileNotFoundError as error:
        raise LedgerError(
            f"{file}: the file does not exist; give {ANSWERS_FILE} of an export, or its folder"
        ) from error
    except (pa.ArrowException, OSError) as error:
        # pyarrow raises OSError for corrupt data too, without a number.
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else str(error).partition("\n")[0]
        raise LedgerError(f"{file}: cannot be read ({reason.rstrip('.')}); {_AGAIN}") from error


def _require_schema(file: Path, schema: pa.Schema) -> None:
    version = (schema.metadata or {}).get(VERSION_KEY, b"")
    if not version.isdigit():
        raise LedgerError(f"{file}: not an export of answers; give {ANSWERS_FILE} of an export")
    if int(version[:9]) > VERSION:
        raise LedgerError(
            f"{file}: of version {version[:9].decode()}, which is later than {VERSION}, the "
            "version that this m3it reads; install a later m3it"
        )
    if not schema.equals(ANSWER_SCHEMA):
        raise LedgerError(f"{file}: the columns are not those of answers; {_AGAIN}")


def _require_values(file: Path, number: int, row: Row) -> None:
    answer = dict(zip(COLUMNS, row, strict=True))
    if not is_key(answer["key"] or ""):
        problem = f"{str(answer['key'])[:80]!r} is not the key of a request"
    elif missing := [name for name in COLUMNS if answer[name] is None and _is_required(name)]:
        problem = f"{missing[0]} is missing"
    elif negative := [name for name in _TOKENS if (answer[name] or 0) < 0]:
        problem = f"{negative[0]} is negative"
    else:
        return
    raise LedgerError(f"{file}: row {number:,}: {problem}; {_AGAIN}")


def _is_required(name: str) -> bool:
    return not ANSWER_SCHEMA.field(name).nullable
