"""Digests of files, prefixed with the algorithm: ``xxh3_128:…`` or ``blake3:…``.

Shards have XXH3-128 digests, the index and the rejects BLAKE3; see
``docs/decisions/0012-two-kinds-of-digest.md`` for the reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import xxhash
from blake3 import blake3

Algorithm = Literal["xxh3_128", "blake3"]
_HASHERS: dict[str, Callable[[], Any]] = {"xxh3_128": xxhash.xxh3_128, "blake3": blake3}
_BLOCK_BYTES = 1 << 20


def new_hasher(algorithm: Algorithm) -> Any:
    """Return a new hasher with ``update(data)`` and ``hexdigest()``."""
    return _HASHERS[algorithm]()


def prefixed(algorithm: Algorithm, hasher: Any) -> str:
    """Return the digest of a hasher as manifests store it: ``<algorithm>:<hexadecimal>``."""
    return f"{algorithm}:{hasher.hexdigest()}"


def file_digest(path: Path, algorithm: Algorithm) -> str:
    """Return the digest of a file, read in blocks.

    Raises:
        OSError: the file cannot be read.
    """
    hasher = new_hasher(algorithm)
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            hasher.update(block)
    return prefixed(algorithm, hasher)


def algorithm_of(digest: str) -> Algorithm | None:
    """Return the algorithm of a digest from a manifest; None if it is not supported."""
    name, colon, _ = digest.partition(":")
    return name if colon and name in _HASHERS else None  # type: ignore[return-value]
