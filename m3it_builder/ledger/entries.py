"""What the ledger stores: answers, and attempts to get one.

Amounts are in US dollars, tokens as the server counted them, times in milliseconds since 1970.
"""

from __future__ import annotations

import math
import re
from typing import Literal, get_args

import msgspec

Mode = Literal["online", "batch"]
# unknown: the process that sent it was killed before it recorded how it ended.
State = Literal["sent", "answered", "failed", "unknown"]
MODES: tuple[Mode, ...] = get_args(Mode)
STATES: tuple[State, ...] = get_args(State)
MAX_TOKENS = 2**63 - 1  # SQLite and Parquet have 64-bit integers

_KEY = re.compile(r"[0-9a-f]{64}")
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,63}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered to one request."""

    key: str  # of ``request_key``
    stage: str  # what asked for it, such as paraphrase
    prompt_version: str
    model: str  # as requested
    text: str
    finish_reason: str = ""
    refusal: str | None = None  # the text of a refusal, where the server has one
    input_tokens: int | None = None  # None, as below: the server did not count them
    output_tokens: int | None = None
    answered_model: str = ""  # the model that answered, by the server's word


class NewAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A request about to be sent."""

    key: str
    stage: str
    prompt_version: str
    model: str
    reserved_usd: float  # the most that it can cost
    mode: Mode = "online"
    batch: str | None = None  # our id of the batch


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a request is to be sent: only if there is an attempt."""

    key: str
    attempt: int | None = None
    state: Literal["claimed", "answered", "in_flight"]  # in_flight: sent, and not yet answered


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What the attempts of a ledger have cost, and what they may still cost."""

    cost_usd: float  # of attempts that have ended
    reserved_usd: float  # the most that those sent or unknown may have cost

    @property
    def upper_usd(self) -> float:
        """Return the most that may have been spent."""
        return self.cost_usd + self.reserved_usd


def is_key(text: str) -> bool:
    """Return True for 64 lowercase hexadecimal digits."""
    return _KEY.fullmatch(text) is not None


def require_answer(answer: Answer) -> Answer:
    """Return an answer with lone surrogates replaced by U+FFFD, which UTF-8 can encode.

    Raises:
        ValueError: the key is not one of ``request_key``, or a token count is out of range.
    """
    _require_key(answer.key)
    for count in (answer.input_tokens, answer.output_tokens):
        if count is not None and not 0 <= count <= MAX_TOKENS:
            raise ValueError(f"{count} is not a number of tokens")
    texts = {
        name: _SURROGATE.sub("\ufffd", value)
        for name, value in msgspec.structs.asdict(answer).items()
        if isinstance(value, str)
    }
    return msgspec.structs.replace(answer, **texts)


def require_attempt(attempt: NewAttempt) -> None:
    """Require that an attempt can be stored.

    Raises:
        ValueError: the key is not one of ``request_key``, the reservation is negative or not
            finite, or only one of batch and mode says that it is part of a batch.
    """
    _require_key(attempt.key)
    require_amount(attempt.reserved_usd)
    if (attempt.mode == "batch") != (attempt.batch is not None):
        raise ValueError("attempts of mode batch, and no others, have the id of a batch")


def require_amount(usd: float) -> None:
    """Require an amount of money.

    Raises:
        ValueError: it is negative or not finite.
    """
    if not (math.isfinite(usd) and usd >= 0):
        raise ValueError(f"{usd} is not an amount of dollars")


def require_slug(error: str) -> None:
    """Require a reason such as ``rate_limited``: messages of servers quote keys and addresses.

    Raises:
        ValueError: it is another text.
    """
    if not _SLUG.fullmatch(error):
        raise ValueError(f"{error!r} is not a slug")


def safe_request_id(request_id: str | None) -> str | None:
    """Return an id that a server gave; None if it could be anything else."""
    return request_id if request_id and _REQUEST_ID.fullmatch(request_id) else None


def _require_key(key: str) -> None:
    if not is_key(key):
        raise ValueError(f"{key!r} is not the key of a request")
