"""Files as they are written: what was given, in order, with its size and digest."""

from __future__ import annotations

import ctypes
import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m3it_builder.shards import row_groups as grouping
from m3it_builder.shards.formats import TEXT_COLUMNS, EncodedImage, ShardRow, open_writer
from m3it_builder.storage import preallocate as room
from m3it_builder.storage.digest import file_digest
from m3it_builder.storage.output import Output

# Lengths around what is gathered, what is written at once, and what a call may take.
SIZES = st.lists(
    st.sampled_from([0, 1, 511, 4_096, 300_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 7, 3 << 20]),
    max_size=12,
)


@given(sizes=SIZES, many=st.booleans(), as_buffer=st.booleans(), short=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_all_bytes_arrive_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    many: bool,
    as_buffer: bool,
    short: bool,
) -> None:
    path = tmp_path_factory.mktemp("out") / "file"
    dice = random.Random(len(sizes))
    pieces = [dice.randbytes(size) for size in sizes]
    given_out = b""
    with pytest.MonkeyPatch.context() as patch:
        if short:  # the system may write less than it is given
            patch.setattr(os, "writev", _short_writev(os.writev))
        output = Output(path)
        for piece in pieces:
            held = bytearray(piece)
            assert output.write(memoryview(held) if as_buffer else piece) == len(piece)  # type: ignore[arg-type]
            held[:] = bytes(len(held))  # its owner uses the buffer again
            given_out += piece
            assert output.tell() == len(given_out)
        if many:
            small = [b"%d," % number for number in range(2_500)]
            output.write_all(small)
            given_out += b"".join(small)
        output.close()
    assert path.read_bytes() == given_out
    assert output.size == len(given_out)
    assert output.digest == f"xxh3_128:{xxhash.xxh3_128(given_out).hexdigest()}"
    assert output.digest == file_digest(path, "xxh3_128")


def test_room_on_the_disk_is_asked_for_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    output = Output(path)
    output.write_all([b"x" * 300_000] * 10)
    state = path.stat()
    assert state.st_size == 3_000_000, "it looks no longer than it is"
    if state.st_blocks * 512 < 16 << 20:
        pytest.skip("this file system sets nothing aside")
    output.write(bytes(20 << 20))
    assert path.stat().st_blocks * 512 >= 20 << 20
    output.close()
    after = path.stat()
    assert after.st_size == output.size == 3_000_000 + (20 << 20)
    assert after.st_blocks * 512 - after.st_size < 1 << 20


def _watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return a list of calls for room, which are granted without anything being done."""
    asked: list[tuple[int, ...]] = []

    def grant(*call: int) -> int:
        asked.append(call)
        return 0

    monkeypatch.setattr(room, "_fallocate", lambda: grant)
    return asked


def test_small_files_ask_for_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _watched(monkeypatch)
    for size, count in ((900_000, 0), (5_000_000, 1), (40_000_000, 3)):
        output = Output(tmp_path / "file")
        for _ in range(size // 100_000):
            output.write(bytes(100_000))
        output.close()
        assert len(asked) == count, size
        asked.clear()


@pytest.mark.parametrize("odd", ["no such system", "no such call", "no room"])
def test_systems_that_set_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    def load(name: object) -> object:
        if odd == "no such system":
            raise OSError(name)
        return object()

    if odd == "no room":  # the call says so by what it returns
        monkeypatch.setattr(room, "_fallocate", lambda: lambda *_: -1)
    else:
        monkeypatch.setattr(room, "_fallocate", room._fallocate.__wrapped__)
        monkeypatch.setattr(ctypes, "CDLL", load)
    output = Output(tmp_path / "file")
    output.write_all([b"ab" * 700_000] * 3)
    output.close()
    assert (tmp_path / "file").read_bytes() == b"ab" * 2_100_000


def test_a_disk_with_little_room_is_left_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _watched(monkeypatch)
    monkeypatch.setattr(room, "_PLENTY", 1 << 80)
    output = Output(tmp_path / "file")
    output.write(bytes(5_000_000))
    output.close()
    assert asked == []


def test_what_could_not_be_written_is_not_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a disk ran full a file ends where writing did, and holds no zeros."""
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


def _short_writev(whole: object):  # type: ignore[no-untyped-def]
    def writev(descriptor: int, pieces: Sequence[bytes]) -> int:
        return os.write(descriptor, bytes(pieces[0])[:70_000])

    return writev


def rows(count: int) -> list[ShardRow]:
    dice = random.Random(5)
    return [
        ShardRow(
            f"row-{number}",
            {name: f"{name} {number}" for name in TEXT_COLUMNS},
            (EncodedImage(dice.randbytes(dice.randint(100, 900)), "image/jpeg"),),
        )
        for number in range(count)
    ]


def groups(path: Path, made: Sequence[ShardRow]) -> list[tuple[str, ...]]:
    output = Output(path)
    writer = open_writer("parquet", output, "bytes")
    for row in made:
        writer.write(row)
    writer.close()
    output.close()
    file = pq.ParquetFile(path)
    return [
        tuple(file.read_row_group(number, columns=["id"])["id"].to_pylist())
        for number in range(file.num_row_groups)
    ]


def test_a_row_more_or_less_changes_one_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "LEAST_BYTES", 8_000)
    monkeypatch.setattr(grouping, "MOST_BYTES", 60_000)
    made = rows(600)
    before = groups(tmp_path / "before", made)
    assert len(before) > 8
    assert [name for group in before for name in group] == [row.texts["id"] for row in made]
    changed = []
    for place in (0, 77, 300, 450, 599):
        after = groups(tmp_path / f"without-{place}", made[:place] + made[place + 1 :])
        changed.append(len(set(before) - set(after)))
    assert sorted(changed)[2] == 1, "in most places one"
    assert max(changed) <= 3, "and soon the cuts are the same again"
