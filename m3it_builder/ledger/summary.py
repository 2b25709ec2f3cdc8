"""What a ledger has, by stage, model and version of the prompt."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from m3it_builder.ledger.entries import STATES, State
from m3it_builder.ledger.failures import ledger_errors
from m3it_builder.ledger.owners import is_running
from m3it_builder.ledger.schema import BUSY_SECONDS, connect

_DIGITS = 9  # of a dollar: a token costs at least 1e-8; sums of floats have others
Group = tuple[str, str, str]  # stage, model, version of the prompt


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one stage, model and version of the prompt."""

    stage: str
    model: str
    prompt_version: str
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0  # of attempts that have ended; the reservation where it is unknown
    reserved_usd: float = 0.0  # of attempts sent or unknown
    attempts: dict[State, int]


def summarize(path: Path, busy_seconds: float = BUSY_SECONDS) -> list[Summary]:
    """Return one summary per stage, model and version of the prompt, sorted by these.

    What a killed process has sent is counted as unknown, also before it is marked.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    connection = connect(path, write=False, busy_seconds=busy_seconds)
    with closing(connection), ledger_errors(path):
        connection.execute("BEGIN")  # both queries read the same state
        answers = connection.execute(
            "SELECT stage, model, prompt_version, count(*), total(input_tokens),"
            " total(output_tokens) FROM answers GROUP BY 1, 2, 3"
        ).fetchall()
        attempts = connection.execute(
            "SELECT stage, model, prompt_version, state, count(*),"
            " total(coalesce(cost_usd, reserved_usd)), total(reserved_usd),"
            " CASE WHEN state = 'sent' AND mode = 'online' THEN owner END AS online_owner"
            " FROM attempts GROUP BY 1, 2, 3, 4, online_owner"
        ).fetchall()
        connection.execute("COMMIT")
    return _merge(path, answers, attempts)


def totals(summaries: list[Summary]) -> tuple[int, float, float]:
    """Return the number of answers, what was paid, and what else may have been."""
    return (
        sum(summary.answers for summary in summaries),
        sum(summary.cost_usd for summary in summaries),
        sum(summary.reserved_usd for summary in summaries),
    )


def _merge(path: Path, answers: list[sqlite3.Row], attempts: list[sqlite3.Row]) -> list[Summary]:
    groups: dict[Group, Summary] = {}
    for stage, model, version, count, input_tokens, output_tokens in answers:
        groups[stage, model, version] = msgspec.structs.replace(
            _empty((stage, model, version)),
            answers=count,
            input_tokens=int(input_tokens),
            output_tokens=int(output_tokens),
        )
    for stage, model, version, state, count, cost, reserved, owner in attempts:
        group = (stage, model, version)
        is_killed = owner is not None and not is_running(path, owner)
        groups[group] = _with_attempts(
            groups.get(group) or _empty(group),
            "unknown" if is_killed else state,
            count,
            (cost, reserved),
        )
    return [groups[group] for group in sorted(groups)]


def _empty(group: Group) -> Summary:
    stage, model, version = group
    attempts: dict[State, int] = dict.fromkeys(STATES, 0)
    return Summary(stage=stage, model=model, prompt_version=version, attempts=attempts)


def _with_attempts(
    summary: Summary, state: State, count: int, amounts: tuple[float, float]
) -> Summary:
    cost, reserved = amounts
    has_ended = state in ("answered", "failed")
    return msgspec.structs.replace(
        summary,
        cost_usd=round(summary.cost_usd + (cost if has_ended else 0.0), _DIGITS),
        reserved_usd=round(summary.reserved_usd + (0.0 if has_ended else reserved), _DIGITS),
        attempts={**summary.attempts, state: summary.attempts[state] + count},
    )
