"""Content-defined cutting: where one shard ends and the next begins.

A cut falls after the row whose id digest is the lowest among the rows at which
the shard may end, the (T/2)th to the (2T)th. Cuts depend on the ids around
them only, so one row more or less moves a cut just where it is itself the
lowest or pushes the lowest out of the window: about two times in 1.5 T.
Otherwise it rewrites one shard, and the cuts after it stay (see
``docs/decisions/0003-cut-at-the-lowest-digest.md``).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice

_STEPS_A_DOUBLING = 4
_MEAN_ROWS = 1.25  # of T: the cut is uniform over [T/2, 2T]


def target_rows(shard_bytes: float, rows: int, total_bytes: int) -> int:
    """Return T for shards of about ``shard_bytes``.

    The value is rounded to a quarter power of two, so that a few rows more do
    not shift it and with it every cut.
    """
    if not rows or not total_bytes:
        return 1 << 16
    ideal = max(1.0, shard_bytes / (total_bytes / rows) / _MEAN_ROWS)
    step = round(math.log2(ideal) * _STEPS_A_DOUBLING)
    return max(1, round(2 ** (step / _STEPS_A_DOUBLING)))


def cuts(ids: Iterable[str], target: int) -> Iterator[int]:
    """Yield the number of rows of each shard, in order.

    Args:
        ids: of all rows in their final order.
        target: T; every shard but the last has T/2 to 2T rows.
    """
    least, most = max(1, target // 2), max(1, target * 2)
    stream = iter(ids)
    window = array("Q", map(_score, islice(stream, most + 1)))
    while len(window) > most:
        candidates = window[least - 1 : most]
        size = least + candidates.index(min(candidates))
        yield size
        del window[:size]
        window.extend(map(_score, islice(stream, most + 1 - len(window))))
    if window:
        yield len(window)


def _score(row_id: str) -> int:
    digest = blake2b(row_id.encode(errors="surrogatepass"), digest_size=8, person=b"cut").digest()
    return int.from_bytes(digest)
