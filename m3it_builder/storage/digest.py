"""Digests of files, each with the name of its algorithm: ``xxh3_128:…`` or ``blake3:…``.

Shards carry XXH3-128, the index and the rejects BLAKE3; why is told in
``docs/decisions/0012-two-kinds-of-digest.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import xxhash
from blake3 import blake3

Algorithm = Literal["xxh3_128", "blake3"]
_HASHERS: dict[str, Callable[[], Any]] = {"xxh3_128": xxhash.xxh3_128, "blake3": blake3}
_BLOCK = 1 << 20


def hasher(algorithm: Algorithm) -> Any:
    """Return a new hasher: ``update(data)``, ``hexdigest()``."""
    return _HASHERS[algorithm]()


def named(algorithm: Algorithm, digest: Any) -> str:
    """Return what a hasher has found, as manifests hold it."""
    return f"{algorithm}:{digest.hexdigest()}"


def file_digest(path: Path, algorithm: Algorithm) -> str:
    """Return the digest of a file, read in blocks.

    Raises:
        OSError: it cannot be read.
    """
    digest = hasher(algorithm)
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return named(algorithm, digest)


def algorithm_of(claimed: str) -> Algorithm | None:
    """Return the algorithm of a digest in a manifest; None if it is none we know."""
    name, colon, _ = claimed.partition(":")
    return name if colon and name in _HASHERS else None  # type: ignore[return-value]
