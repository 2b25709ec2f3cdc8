"""Deterministic sampling: every row has a rank, and a sample is the rows of the lowest ranks.

The rank depends on seed, task, split and id alone, so that a smaller sample is a part of a
larger one, and other rows do not change it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable


def rank_of(seed: int, task: str, split: str) -> Callable[[str], int]:
    """Return the function that gives the rank of an id: a signed 64-bit integer."""
    prefix = hashlib.blake2b(f"{seed}/{task}/{split}/".encode(), digest_size=8)

    def rank(row_id: str) -> int:
        digest = prefix.copy()
        digest.update(row_id.encode(errors="surrogatepass"))
        return int.from_bytes(digest.digest(), signed=True)

    return rank
