"""Ledgers with numbered requests, and a process that fills one.

``python -m tests.support.ledgers LEDGER SEED COUNT`` claims and answers requests 0 to COUNT in
random order; it prints ``claimed KEY`` and ``answered KEY`` when these are on the disk.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from m3it_builder.ledger.entries import Answer, NewAttempt
from m3it_builder.ledger.keys import request_key
from m3it_builder.ledger.store import Ledger

STAGE = "paraphrase"
PROMPT = "paraphrase-1"
MODEL = "gpt-example"


def key(number: int) -> str:
    return request_key({"model": MODEL, "messages": [{"role": "user", "content": str(number)}]})


def new_attempt(number: int, **changes: object) -> NewAttempt:
    attempt = NewAttempt(
        key=key(number), stage=STAGE, prompt_version=PROMPT, model=MODEL, reserved_usd=0.25
    )
    return msgspec.structs.replace(attempt, **changes)


def new_answer(number: int, **changes: object) -> Answer:
    answer = Answer(
        key=key(number),
        stage=STAGE,
        prompt_version=PROMPT,
        model=MODEL,
        text=f"The answer is {number}.",
        finish_reason="stop",
        input_tokens=10,
        output_tokens=5,
        answered_model="gpt-example-2026",
    )
    return msgspec.structs.replace(answer, **changes)


def fill(path: Path, numbers: Iterable[int], **changes: object) -> None:
    """Answer numbered requests, at a cost of 0.125 each."""
    names = {"stage", "prompt_version", "model"} & set(changes)
    of_attempt = {name: changes[name] for name in names}
    with Ledger(path) as ledger:
        for number in numbers:
            (claim,) = ledger.claim([new_attempt(number, **of_attempt)])
            if claim.attempt is not None:
                ledger.answer(claim.attempt, new_answer(number, **changes), 0.125, "req-1")


def main(path: Path, seed: int, count: int) -> None:
    numbers = list(range(count))
    random.Random(seed).shuffle(numbers)
    with Ledger(path) as ledger:
        print("open", flush=True)  # noqa: T201
        for start in range(0, count, 7):
            group = numbers[start : start + 7]
            claims = ledger.claim([new_attempt(number) for number in group])
            claimed = [
                (claim.attempt, number)
                for claim, number in zip(claims, group, strict=True)
                if claim.attempt is not None
            ]
            _report("claimed", [number for _, number in claimed])
            for attempt, number in claimed:
                ledger.answer(attempt, new_answer(number), 0.125)
            if start % 3 == 0:
                ledger.flush()
                _report("answered", [number for _, number in claimed])


def _report(word: str, numbers: list[int]) -> None:
    sys.stdout.write("".join(f"{word} {number}\n" for number in numbers))
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
