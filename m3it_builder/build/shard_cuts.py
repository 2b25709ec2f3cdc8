"""Content-defined boundaries between shards.

A shard may end after any of its rows T/2 to 2T; the cut is made after the one with the
lowest id digest. Cuts therefore depend on nearby ids only. An inserted or removed row
moves a cut only if its own digest is the lowest, or if it shifts the lowest out of the
window: in about 2 of 1.5 T insertions. Otherwise one shard changes, and all later
cuts stay (see ``docs/decisions/0003-content-defined-shard-boundaries.md``).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice

_STEPS_PER_DOUBLING = 4
_MEAN_ROWS = 1.25  # in units of T: cuts are uniform over [T/2, 2T]


def target_rows(shard_bytes: float, rows: int, total_bytes: int) -> int:
    """Return T for shards of about ``shard_bytes``.

    The value is rounded to a quarter power of two: a few added rows rarely change it,
    and a changed T moves every cut.
    """
    if not rows or not total_bytes:
        return 1 << 16
    ideal = max(1.0, shard_bytes / (total_bytes / rows) / _MEAN_ROWS)
    step = round(math.log2(ideal) * _STEPS_PER_DOUBLING)
    return max(1, round(2 ** (step / _STEPS_PER_DOUBLING)))


def cuts(ids: Iterable[str], target: int) -> Iterator[int]:
    """Yield the number of rows of each shard, in order.

    Args:
        ids: of all rows in their final order.
        target: T; every shard but the last has T/2 to 2T rows.
    """
    least, most = max(1, target // 2), max(1, target * 2)
    stream = iter(ids)
    # One row more than a shard may have: whether rows follow decides if there is a cut. Cutting
    # at the lowest digest, rather than at the first one below a threshold, needs no fallback for
    # windows without such a digest: a forced cut would shift with every insertion before it.
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
