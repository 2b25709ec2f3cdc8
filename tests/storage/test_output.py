"""Files being written: the given bytes in order, with their size and digest."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m3it_builder.storage.digest import file_digest
from m3it_builder.storage.output import Output

# Lengths around the batch size, the threshold of direct writes and the limit of one call.
SIZES = st.lists(
    st.sampled_from([0, 1, 511, 4_096, 300_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 7, 3 << 20]),
    max_size=12,
)


@given(sizes=SIZES, many=st.booleans(), as_buffer=st.booleans(), short=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_all_bytes_are_written_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    many: bool,
    as_buffer: bool,
    short: bool,
) -> None:
    path = tmp_path_factory.mktemp("out") / "file"
    rng = random.Random(len(sizes))
    pieces = [rng.randbytes(size) for size in sizes]
    expected = b""
    with pytest.MonkeyPatch.context() as patch:
        if short:  # the system may write less than it is given
            patch.setattr(os, "writev", short_writev)
        output = Output(path)
        for piece in pieces:
            buffer = bytearray(piece)
            assert output.write(memoryview(buffer) if as_buffer else piece) == len(piece)  # type: ignore[arg-type]
            buffer[:] = bytes(len(buffer))  # its owner uses the buffer again
            expected += piece
            assert output.tell() == len(expected)
        if many:
            small = [b"%d," % number for number in range(2_500)]
            output.write_all(small)
            expected += b"".join(small)
        output.close()
    assert path.read_bytes() == expected
    assert output.size == len(expected)
    assert output.digest == f"xxh3_128:{xxhash.xxh3_128(expected).hexdigest()}"
    assert output.digest == file_digest(path, "xxh3_128")


def short_writev(descriptor: int, pieces: Sequence[bytes]) -> int:
    return os.write(descriptor, bytes(pieces[0])[:70_000])


def test_unwritten_bytes_are_not_replaced_by_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk a file ends where writing failed."""
    output = Output(tmp_path / "file")
    output.write(b"x" * 2_500_000)
    writev = os.writev

    def full(descriptor: int, pieces: Sequence[bytes]) -> int:
        if output.size > 4_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return writev(descriptor, pieces)

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(OSError, match="No space left"):
        for _ in range(20):
            output.write(b"x" * 900_000)
    output.close()
    data = (tmp_path / "file").read_bytes()
    assert 2_500_000 <= len(data) < output.size
    assert data == b"x" * len(data)
