"""Writing to a ledger: attempts before they are sent, answers in groups.

An attempt is on the disk before ``claim`` returns, so that what may have been spent is known
even if the answer is lost. Answers, and attempts that failed, are buffered for at most a second
and committed together; a killed process loses those of its last second, whose attempts become
``unknown``. Several processes can write to one ledger.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from m3it_builder.errors import LedgerError
from m3it_builder.ledger.answers import COLUMNS, Answers
from m3it_builder.ledger.claims import claim, mark_unknown, online_owners
from m3it_builder.ledger.entries import (
    Answer,
    Claim,
    NewAttempt,
    Spend,
    require_amount,
    require_answer,
    require_attempt,
    require_slug,
    safe_request_id,
)
from m3it_builder.ledger.failures import ledger_errors
from m3it_builder.ledger.owners import Owner, is_running, remove_unlocked
from m3it_builder.ledger.schema import BUSY_SECONDS, connect, transaction

GROUP_ROWS = 100
GROUP_SECONDS = 1.0

INSERT_ANSWER = (
    f"INSERT OR IGNORE INTO answers ({', '.join(COLUMNS)})"  # noqa: S608 - no value in the text
    f" VALUES ({', '.join('?' * len(COLUMNS))})"
)
_END_ATTEMPT = (
    "UPDATE attempts SET state = ?, cost_usd = ?, request_id = coalesce(?, request_id), error = ?"
    " WHERE id = ?"
)
_Ended = tuple[str, float | None, str | None, str | None, int]


class Ledger:
    """A ledger opened for writing, by one thread at a time. A context manager.

    ``answers`` reads what is committed; call ``flush`` first to include what is buffered. On
    an error nothing of a group is committed, and it stays buffered, to be committed by the next
    call that succeeds.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open or create a ledger; online attempts of killed processes become ``unknown``.

        Args:
            path: of the ledger.
            busy_seconds: how long to wait for a lock of another process.

        Raises:
            LedgerError: it cannot be written or locked, is damaged, or is not a ledger.
        """
        self.path = path
        self._answers: list[Answer] = []
        self._ended: list[_Ended] = []
        self._oldest: float | None = None  # when the first of a group was buffered
        self._connection = connect(path, write=True, busy_seconds=busy_seconds)
        self.answers = Answers(self._connection, path)
        with ExitStack() as on_error:
            on_error.callback(self._connection.close)
            self._owner = Owner(path)
            on_error.callback(self._owner.close)
            self._mark_killed()
            on_error.pop_all()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def claim(self, attempts: Sequence[NewAttempt]) -> list[Claim]:
        """Claim requests, durably; send only those whose claim has an attempt.

        Takes one commit, whatever their number, which includes what is buffered. A request
        that another running process has sent, or that is in a batch, is ``in_flight``.

        Raises:
            LedgerError: they cannot be stored; nothing was claimed.
            ValueError: an attempt has a malformed key, amount or batch.
        """
        for attempt in attempts:
            require_attempt(attempt)
        with self.commit() as connection:
            return claim(
                connection,
                attempts,
                self._owner.token,
                lambda token: is_running(self.path, token),
            )

    def answer(
        self, attempt: int, answer: Answer, cost_usd: float | None, request_id: str | None = None
    ) -> None:
        """Buffer the answer of an attempt; the first answer of a key is kept.

        Args:
            attempt: its number, from the claim.
            answer: as the server gave it; lone surrogates become U+FFFD.
            cost_usd: what it cost; None if unknown, which counts as the reservation.
            request_id: the server's id, for questions about a bill.

        Raises:
            LedgerError: the group was full or due, and cannot be committed.
            ValueError: the key, a token count or the cost is malformed.
        """
        if cost_usd is not None:
            require_amount(cost_usd)
        self._answers.append(require_answer(answer))
        self._end(("answered", cost_usd, safe_request_id(request_id), None, attempt))

    def fail(
        self, attempt: int, error: str, cost_usd: float | None, request_id: str | None = None
    ) -> None:
        """Buffer that an attempt failed.

        Args:
            attempt: its number, from the claim.
            error: a slug. Messages of servers are not stored: they quote keys and addresses.
            cost_usd: what it cost; None if unknown, which counts as the reservation.
            request_id: the server's id.

        Raises:
            LedgerError: the group was full or due, and cannot be committed.
            ValueError: the error is not a slug, or the cost is malformed.
        """
        require_slug(error)
        if cost_usd is not None:
            require_amount(cost_usd)
        self._end(("failed", cost_usd, safe_request_id(request_id), error, attempt))

    def flush(self) -> None:
        """Commit what is buffered.

        Raises:
            LedgerError: it cannot be stored; it stays buffered.
        """
        if self._ended:
            with self.commit():
                pass

    def flush_if_due(self) -> None:
        """Commit what has been buffered for a second; to be called while waiting for answers.

        Raises:
            LedgerError: it cannot be stored; it stays buffered.
        """
        if self._oldest is not None and time.monotonic() - self._oldest >= GROUP_SECONDS:
            self.flush()

    def spend(self, stage: str) -> Spend:
        """Return what the attempts of a stage have cost, by all processes, without buffered ones.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        with ledger_errors(self.path):
            cost, reserved = self._connection.execute(
                "SELECT total(CASE WHEN state IN ('answered', 'failed')"
                " THEN coalesce(cost_usd, reserved_usd) END),"
                " total(CASE WHEN state IN ('sent', 'unknown') THEN reserved_usd END)"
                " FROM attempts WHERE stage = ?",
                (stage,),
            ).fetchone()
        return Spend(cost_usd=cost, reserved_usd=reserved)

    @contextmanager
    def commit(self) -> Iterator[sqlite3.Connection]:
        """Run statements of this room in one transaction, after what is buffered.

        Raises:
            LedgerError: they cannot be committed.
        """
        with ledger_errors(self.path), transaction(self._connection):
            self._write_buffered()
            yield self._connection
        # Only now: what could not be committed stays buffered. Both statements can be repeated.
        self._answers.clear()
        self._ended.clear()
        self._oldest = None

    def close(self) -> None:
        """Commit what is buffered, and close the file, even if that fails.

        Raises:
            LedgerError: what was buffered cannot be stored; it is lost.
        """
        try:
            self.flush()
        except LedgerError as error:
            lost = f"{len(self._answers):,} answers of the last second were lost"
            raise LedgerError(f"{error} ({lost})") from error
        finally:
            self._connection.close()
            self._owner.close()

    def _write_buffered(self) -> None:
        if self._answers:
            rows = [tuple(getattr(answer, name) for name in COLUMNS) for answer in self._answers]
            insert_answers(self._connection, rows)
        self._connection.executemany(_END_ATTEMPT, self._ended)

    def _end(self, ended: _Ended) -> None:
        self._ended.append(ended)
        if self._oldest is None:
            self._oldest = time.monotonic()
        if len(self._ended) >= GROUP_ROWS:
            self.flush()
        else:
            self.flush_if_due()

    def _mark_killed(self) -> None:
        with ledger_errors(self.path):
            tokens = online_owners(self._connection)
        killed = [token for token in tokens if not is_running(self.path, token)]
        if killed:
            with self.commit() as connection:
                for token in killed:
                    mark_unknown(connection, token)
        remove_unlocked(self.path)


def insert_answers(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> int:
    """Insert rows with the columns of ``Answer``; return how many keys were new."""
    inserted = connection.executemany(INSERT_ANSWER, rows).rowcount
    if inserted:
        change_mark(connection)
    return inserted


def change_mark(connection: sqlite3.Connection) -> None:
    """Record that answers have been added or removed."""
    connection.execute("UPDATE content SET mark = lower(hex(randomblob(8)))")
