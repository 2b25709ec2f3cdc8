"""Digests carry the name of their algorithm."""

from __future__ import annotations

from pathlib import Path

import pytest
import xxhash
from blake3 import blake3

from m3it_builder.storage.digest import algorithm_of, file_digest


def test_digest_of_a_file_larger_than_a_block(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9_000
    path = tmp_path / "file"
    path.write_bytes(data)
    assert file_digest(path, "blake3") == f"blake3:{blake3(data).hexdigest()}"
    assert file_digest(path, "xxh3_128") == f"xxh3_128:{xxhash.xxh3_128_hexdigest(data)}"


@pytest.mark.parametrize(
    ("digest", "algorithm"),
    [
        ("xxh3_128:00", "xxh3_128"),
        ("blake3:00", "blake3"),
        ("md5:00", None),
        ("blake3", None),
        ("", None),
    ],
)
def test_algorithm_is_the_prefix(digest: str, algorithm: str | None) -> None:
    assert algorithm_of(digest) == algorithm
