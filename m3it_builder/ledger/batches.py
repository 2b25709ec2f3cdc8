"""Batches that were submitted and whose answers have not been collected.

A batch has an id of ours, stored with its attempts before it is submitted. The server's id is
stored afterwards; if a process is killed in between, the batch is found at the server by ours.
"""

from __future__ import annotations

import msgspec

from m3it_builder.ledger.entries import safe_request_id
from m3it_builder.ledger.store import Ledger


class OpenBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch with attempts that have not ended."""

    batch: str  # our id
    request_id: str | None  # the server's id; None if it is not known that it was submitted
    started_at: int  # milliseconds since 1970
    requests: int


def open_batches(ledger: Ledger) -> list[OpenBatch]:
    """Return the batches to collect, in the order in which they were started.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    with ledger.commit() as connection:
        rows = connection.execute(
            "SELECT batch, max(request_id), min(started_at), count(*) FROM attempts"
            " WHERE batch IS NOT NULL AND state = 'sent' GROUP BY batch ORDER BY min(id)"
        ).fetchall()
    return [OpenBatch(**dict(zip(OpenBatch.__struct_fields__, row, strict=True))) for row in rows]


def store_server_id(ledger: Ledger, batch: str, server_id: str) -> None:
    """Store the id that the server gave to a batch.

    Raises:
        LedgerError: it cannot be stored.
        ValueError: the id has other characters than letters, digits and ``_.:-``.
    """
    if safe_request_id(server_id) is None:
        raise ValueError(f"{server_id!r} is not the id of a batch")
    with ledger.commit() as connection:
        connection.execute("UPDATE attempts SET request_id = ? WHERE batch = ?", (server_id, batch))


def attempts_of(ledger: Ledger, batch: str) -> dict[str, int]:
    """Return the attempts of a batch that have not ended, by the key of their request.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    with ledger.commit() as connection:
        rows = connection.execute(
            "SELECT key, id FROM attempts WHERE batch = ? AND state = 'sent' ORDER BY id", (batch,)
        ).fetchall()
    return dict(rows)
