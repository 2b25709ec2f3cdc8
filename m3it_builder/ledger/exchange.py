"""Export to Parquet: answers that others can import, and a log of attempts."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.errors import LedgerError
from m3it_builder.ledger.answers import COLUMNS, Answers
from m3it_builder.ledger.entries import Answer
from m3it_builder.ledger.failures import ledger_errors
from m3it_builder.ledger.schema import connect
from m3it_builder.storage.atomic import atomic_path, sync_folder

ANSWERS_FILE = "answers.parquet"
ATTEMPTS_FILE = "attempts.parquet"
VERSION_KEY = b"m3it_ledger_export"
VERSION = 1

_METADATA = {VERSION_KEY: str(VERSION).encode()}
_NULLABLE = ("refusal", "input_tokens", "output_tokens")
_INTEGERS = ("input_tokens", "output_tokens")
ANSWER_SCHEMA = pa.schema(
    [
        pa.field(name, pa.int64() if name in _INTEGERS else pa.string(), name in _NULLABLE)
        for name in COLUMNS
    ],
    _METADATA,
)
_ATTEMPT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), False),
        *(pa.field(name, pa.string(), False) for name in ("key", "stage", "prompt_version")),
        *(pa.field(name, pa.string(), False) for name in ("model", "mode", "state")),
        pa.field("started_at", pa.timestamp("ms", tz="UTC"), False),
        pa.field("request_id", pa.string()),
        pa.field("reserved_usd", pa.float64(), False),
        pa.field("cost_usd", pa.float64()),
        pa.field("batch", pa.string()),
        pa.field("error", pa.string()),
    ],
    _METADATA,
)
_ROWS = 10_000  # of a row group
# The names of local models are often paths, or the address of a server.
_PATH = re.compile(r"(?:[/~\\]|\.{1,2}/|[A-Za-z]:[/\\]|\w+://).*?([^/\\]*)[/\\]*", re.DOTALL)


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows each file has."""

    answers: int
    attempts: int


def export(ledger: Path, folder: Path) -> Exported:
    """Write ``answers.parquet``, sorted by key, and ``attempts.parquet``.

    Files of an earlier export are replaced. The bytes of the answers depend on nothing but the
    answers (and the version of pyarrow). Neither file has a path or the name of a machine: of a
    model that is named by a path, only the last component is written.

    Args:
        ledger: to read.
        folder: to write to; created if missing.

    Raises:
        LedgerError: there is no ledger, it cannot be read, or the files cannot be written.
    """
    connection = connect(ledger, write=False)
    try:
        with _folder_errors(folder), ExitStack() as stack:
            for name in (ANSWERS_FILE, ATTEMPTS_FILE):
                _require_own(folder / name)
            paths = [
                stack.enter_context(atomic_path(folder / name, fsync=True))
                for name in (ANSWERS_FILE, ATTEMPTS_FILE)
            ]
            answers = _write(paths[0], ANSWER_SCHEMA, _answers(Answers(connection, ledger)))
            attempts = _write(paths[1], _ATTEMPT_SCHEMA, _attempts(connection, ledger))
        with _folder_errors(folder):
            sync_folder(folder)
    finally:
        connection.close()
    return Exported(answers=answers, attempts=attempts)


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    """Raise errors of the operating system as one that names the folder of the export."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
        raise LedgerError(
            f"{folder}: cannot be written ({reason}); free some space, or choose another folder"
        ) from error


def portable_model(name: str) -> str:
    """Return the name of a model without the folders or the address that it may begin with."""
    match = _PATH.fullmatch(name)
    return match[1] if match else name


def _require_own(path: Path) -> None:
    """Require that a file which is replaced is one of an earlier export."""
    if not path.exists():
        return
    try:
        is_own = VERSION_KEY in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        is_own = False
    if not is_own:
        raise LedgerError(
            f"{path}: not a file of an export; choose another folder, or move it away"
        )


def _write(path: Path, schema: pa.Schema, rows: Iterator[dict[str, Any]]) -> int:
    """Write rows in row groups of equal size, so that bytes do not depend on how they arrive."""
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=3) as writer:
        while batch := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _answers(answers: Answers) -> Iterator[dict[str, Any]]:
    for answer in answers.in_order():
        yield msgspec.structs.asdict(_portable(answer))


def _portable(answer: Answer) -> Answer:
    return msgspec.structs.replace(
        answer,
        model=portable_model(answer.model),
        answered_model=portable_model(answer.answered_model),
    )


def _attempts(connection: sqlite3.Connection, ledger: Path) -> Iterator[dict[str, Any]]:
    names = ", ".join(_ATTEMPT_SCHEMA.names)
    last = 0
    while True:
        with ledger_errors(ledger):
            rows = connection.execute(
                f"SELECT {names} FROM attempts WHERE id > ? ORDER BY id LIMIT 1000",  # noqa: S608
                (last,),
            ).fetchall()
        if not rows:
            return
        for row in rows:
            attempt = dict(zip(_ATTEMPT_SCHEMA.names, row, strict=True))
            yield {**attempt, "model": portable_model(attempt["model"])}
        last = rows[-1][0]
