"""Atomic writes: complete under the target's name, or the previous file stays."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from m3it_builder.storage.atomic import (
    atomic_path,
    is_partial,
    remove_partials,
    sync_folder,
    write_atomic,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_target_is_written_with_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "meta" / "train" / "manifest.json"
    write_atomic(target, b"{}")
    assert target.read_bytes() == b"{}"
    assert names(target.parent) == ["manifest.json"]


def test_partial_file_is_hidden_beside_the_target(tmp_path: Path) -> None:
    target = tmp_path / "shard.tar"
    with atomic_path(target) as partial:
        assert partial.parent == target.parent
        assert partial.name.startswith(".shard.tar.")
        assert is_partial(partial)
        assert partial.read_bytes() == b"", "it exists, so that no other writer can get its name"
        assert not target.exists()
        partial.write_bytes(b"rows")
    assert not is_partial(target)
    assert target.read_bytes() == b"rows"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_exception_leaves_the_previous_file_and_no_leftover(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "index.parquet"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_path(target) as partial:
        partial.write_bytes(b"half of the n")
        raise error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["index.parquet"]


def test_failing_rename_leaves_no_leftover(tmp_path: Path) -> None:
    target = tmp_path / "index.parquet"
    target.mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(target, b"new")
    assert names(tmp_path) == ["index.parquet"]


def test_killed_writer_leaves_the_previous_file(tmp_path: Path) -> None:
    """Its partial file stays, and is removed by the next sole writer."""
    target = tmp_path / "index[1].parquet"  # a glob would take the brackets for a class
    target.write_bytes(b"old")
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from m3it_builder.storage.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as partial:\n"
        "    partial.write_bytes(b'half of the n')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    (leftover,) = (path for path in tmp_path.iterdir() if path != target)
    assert is_partial(leftover)
    write_atomic(target, b"new")
    assert leftover.exists(), "another writer may still be running"
    other = tmp_path / ".index[1].parquet2.1-0.partial"
    other.touch()
    remove_partials(target)
    assert names(tmp_path) == sorted([other.name, target.name])
    assert target.read_bytes() == b"new"


def test_concurrent_writers_do_not_mix(tmp_path: Path) -> None:
    """Each writer has a partial file of its own; the last rename wins."""
    target = tmp_path / "listing.sqlite"
    contents = [bytes([65 + number]) * 200_000 for number in range(8)]
    start = threading.Barrier(len(contents))

    def write(data: bytes) -> None:
        start.wait()
        for _ in range(5):
            with atomic_path(target) as partial, partial.open("wb") as file:
                for offset in range(0, len(data), 10_000):
                    file.write(data[offset : offset + 10_000])

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in contents
    assert names(tmp_path) == ["listing.sqlite"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_permissions_are_those_of_open(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "atomic", b"x")
        (tmp_path / "plain").write_bytes(b"x")
    finally:
        os.umask(before)
    modes = {(tmp_path / name).stat().st_mode & 0o777 for name in ("atomic", "plain")}
    assert modes == {0o666 & ~umask}


def test_read_only_target_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "stamp.json"
    target.write_bytes(b"old")
    target.chmod(0o444)
    write_atomic(target, b"new")
    assert target.read_bytes() == b"new"


def test_fsync_comes_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "manifest.json"
    synced: list[tuple[bytes, bool]] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((os.pread(descriptor, 100, 0), target.exists()))

    monkeypatch.setattr(os, "fsync", spy)
    write_atomic(target, b"{}")
    assert synced == [], "caches are not worth an fsync"
    target.unlink()
    write_atomic(target, b"{}", fsync=True)
    assert synced == [(b"{}", False)]


def test_folders_are_synced_where_the_file_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_folder(tmp_path)

    def fail(number: int) -> None:
        def fsync(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    fail(errno.EINVAL)
    sync_folder(tmp_path)
    fail(errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_folder(tmp_path)
