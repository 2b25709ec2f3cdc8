"""Claiming requests, so that of several processes only one sends each."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import cache

from m3it_builder.ledger.entries import Claim, NewAttempt

IsRunning = Callable[[str], bool]


def claim(
    connection: sqlite3.Connection,
    attempts: Sequence[NewAttempt],
    owner: str,
    is_running: IsRunning,
) -> list[Claim]:
    """Store attempts for requests that are neither answered nor in flight; one claim for each.

    The caller's transaction excludes other writers.

    Args:
        connection: of the ledger.
        attempts: what is about to be sent.
        owner: the token of this process.
        is_running: returns True if the process of a token still runs.
    """
    is_running = cache(is_running)
    return [_claim_one(connection, attempt, owner, is_running) for attempt in attempts]


def mark_unknown(connection: sqlite3.Connection, token: str) -> None:
    """Mark what a process had sent online, and what did not end before it was killed.

    Batches are not marked: any later process can collect their answers.
    """
    connection.execute(
        "UPDATE attempts SET state = 'unknown'"
        " WHERE state = 'sent' AND mode = 'online' AND owner = ?",
        (token,),
    )


def online_owners(connection: sqlite3.Connection) -> list[str]:
    """Return the tokens of processes that have sent something online, and are not done with it."""
    rows = connection.execute(
        "SELECT DISTINCT owner FROM attempts WHERE state = 'sent' AND mode = 'online'"
    )
    return [token for (token,) in rows]


def _claim_one(
    connection: sqlite3.Connection, attempt: NewAttempt, owner: str, is_running: IsRunning
) -> Claim:
    query = "SELECT 1 FROM answers WHERE key = ?"
    if connection.execute(query, (attempt.key,)).fetchone():
        return Claim(key=attempt.key, state="answered")
    rows = connection.execute(
        "SELECT owner, mode FROM attempts WHERE key = ? AND state = 'sent'", (attempt.key,)
    ).fetchall()
    for token, mode in rows:
        if mode == "batch" or token == owner or is_running(token):
            return Claim(key=attempt.key, state="in_flight")
        mark_unknown(connection, token)
    number = _insert(connection, attempt, owner)
    return Claim(key=attempt.key, attempt=number, state="claimed")


def _insert(connection: sqlite3.Connection, attempt: NewAttempt, owner: str) -> int:
    cursor = connection.execute(
        "INSERT INTO attempts (key, stage, prompt_version, model, mode, owner, started_at, state,"
        " reserved_usd, batch) VALUES (?, ?, ?, ?, ?, ?, ?, 'sent', ?, ?)",
        (
            attempt.key,
            attempt.stage,
            attempt.prompt_version,
            attempt.model,
            attempt.mode,
            owner,
            time.time_ns() // 1_000_000,
            attempt.reserved_usd,
            attempt.batch,
        ),
    )
    return int(cursor.lastrowid or 0)
