"""Ledgers that cannot be opened, read or written: one line each, and nothing half-written."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.errors import LedgerError
from m3it_builder.ledger.answers import open_answers
from m3it_builder.ledger.store import Ledger
from m3it_builder.ledger.summary import summarize
from tests.support.ledgers import fill, key, new_answer, new_attempt
from tests.support.paths import ROOT

FULL = """
import resource, sys
from pathlib import Path
from m3it_builder.errors import LedgerError
from m3it_builder.ledger.store import Ledger
from tests.support.ledgers import key, new_answer, new_attempt
path = Path(sys.argv[1])
ledger = Ledger(path)
ledger.claim([new_attempt(0)])
limit = path.stat().st_size + 20_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
answered = 0
try:
    for number in range(1, 1000):
        (claim,) = ledger.claim([new_attempt(number)])
        ledger.answer(claim.attempt, new_answer(number, text="x" * 500), 0.125)
        answered += 1
except LedgerError as error:
    print(error)
before = ledger.answers.count()
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
ledger.close()
print(answered, before)
"""
ON_DISK = """
import subprocess, sys
from pathlib import Path
from m3it_builder.errors import LedgerError
from m3it_builder.ledger.answers import open_answers
from m3it_builder.ledger.store import Ledger
from tests.support.ledgers import fill, key, new_answer, new_attempt
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], check=True)
path = disk / "answers.sqlite"
ledger = Ledger(path)
try:
    for number in range(1000):
        (claim,) = ledger.claim([new_attempt(number)])
        ledger.answer(claim.attempt, new_answer(number, text="x" * 500), 0.125)
except LedgerError as error:
    print(error)
subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True)
ledger.close()
with open_answers(path) as answers:
    print(answers.count() in (number, number + 1))
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
with open_answers(path) as answers:
    print(answers.count() in (number, number + 1))
for target in (path, disk / "new.sqlite"):
    try:
        Ledger(target)
    except LedgerError as error:
        print(error)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def message(action: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(LedgerError) as caught:
        action(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    assert "; " in text, "it ends with a remedy"
    return text


def enter(action: Callable[..., Any], path: Path) -> None:
    action(path, busy_seconds=0.05).__enter__()


def read(path: Path) -> None:
    with open_answers(path) as answers:
        list(answers.in_order())


WAYS: tuple[Callable[..., object], ...] = (read, Ledger)


def test_a_missing_ledger_is_created_by_writers_only(path: Path) -> None:
    assert "there is no ledger; " in message(read, path)
    assert not path.exists()
    path.touch()
    assert "there is no ledger; " in message(read, path)
    fill(path, [0])  # what a process that was killed while it created the ledger may leave
    read(path)


def test_a_folder_and_a_device_are_not_ledgers(tmp_path: Path) -> None:
    for action in WAYS:
        assert f"{tmp_path}: is a folder; " in message(action, tmp_path)
        assert "/dev/full: not a regular file; " in message(action, Path("/dev/full"))
    missing = tmp_path / "missing" / "answers.sqlite"
    assert f"{missing}: the folder does not exist; " in message(Ledger, missing)
    long = tmp_path / ("x" * 300)
    assert "File name too long; " in message(Ledger, long)


def test_another_sqlite_file(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE answers (key TEXT)")
    other.close()
    before = path.read_bytes()
    for action in WAYS:
        assert f"{path}: an SQLite file, but not a ledger; " in message(action, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [2, 999, 0])
def test_another_version(path: Path, version: int) -> None:
    fill(path, [0])
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {version}")
    other.close()
    expected = f"of version {version}, which is later than 1" if version else "damaged"
    for action in WAYS:
        assert expected in message(action, path)


@pytest.mark.parametrize("size", [10, 100, 4096, 8192, 20000, -1, -4096])
def test_a_truncated_file(path: Path, size: int) -> None:
    """SQLite itself would read the missing end of the last page as zeros."""
    fill(path, range(40))
    size = size if size > 0 else path.stat().st_size + size
    os.truncate(path, size)
    for action in WAYS:
        text = message(action, path)
        assert f"{path}: damaged, or not a ledger; move it away" in text
    assert path.stat().st_size == size


def test_text_in_place_of_a_ledger(path: Path) -> None:
    path.write_text("Notes about answers.\n" * 500)
    for action in (*WAYS, summarize):
        assert "damaged, or not a ledger" in message(action, path)


@pytest.mark.parametrize("page", range(1, 9))
def test_a_damaged_page(path: Path, page: int) -> None:
    """Zeros in the middle of the file: a clear line, or the page was not needed."""
    fill(path, range(40))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(bytes(4096))
    assert path.stat().st_size == size

    def use() -> None:
        read(path)
        summarize(path)
        with Ledger(path) as ledger:
            list(ledger.answers.get_many(key(number) for number in range(40)))
            ledger.claim([new_attempt(number) for number in range(80)])

    try:
        use()
    except LedgerError as error:
        assert "damaged, or not a ledger" in str(error)


def test_text_that_is_not_utf8(path: Path) -> None:
    fill(path, [0])
    other = sqlite3.connect(path)
    other.execute("UPDATE answers SET text = CAST(x'ff41' AS TEXT)")
    other.commit()
    other.close()
    assert "damaged, or not a ledger" in message(read, path)


def test_a_table_that_is_missing(path: Path) -> None:
    fill(path, [0])
    other = sqlite3.connect(path)
    other.execute("DROP TABLE answers")
    other.close()
    assert "damaged, or not a ledger" in message(read, path)


def test_a_lock_that_is_not_released(path: Path) -> None:
    fill(path, [0])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for action in (Ledger, open_answers):
        text = message(enter, action, path)
        assert f"{path}: another process has kept it locked" in text
    other.close()
    read(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["flock", "lockf"])
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, name, refuse)
    assert f"{path}: the file system has no working file locks; " in message(Ledger, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_locks_that_exclude_no_other_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    assert "the file system has no working file locks; name a ledger on a local disk" in message(
        lambda: Ledger(path)
    )


def test_a_file_that_becomes_too_large(path: Path) -> None:
    """What could not be committed stays buffered, and is committed when there is space."""
    words = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    error, counts = done.stdout.splitlines()
    assert error.startswith(f"{path}: the disk ")
    answered, before = map(int, counts.split())
    assert 10 < before < answered < 999
    with open_answers(path) as answers:
        assert answers.count() == answered


def test_full_and_read_only_disks(tmp_path: Path) -> None:
    probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("tests are not permitted to mount a small disk here")
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["unshare", "-rm", sys.executable, "-c", ON_DISK, str(disk)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    full, *kept, first, second = done.stdout.splitlines()
    assert full == (
        f"{disk}/answers.sqlite: the disk is full; free some space and repeat the command, "
        "it continues"
    )
    assert kept == ["True", "True"]
    assert first.startswith(f"{disk}/answers.sqlite: it cannot be written; check its mode")
    assert second.startswith(f"{disk}/new.sqlite: it cannot be written; check its mode")


def test_answers_lost_on_a_full_disk_are_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(path)
    (claim,) = ledger.claim([new_attempt(0)])
    ledger.answer(claim.attempt or 0, new_answer(0), 0.125)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    ledger._connection.execute("PRAGMA busy_timeout=10")
    assert "(1 answers of the last second were lost)" in message(ledger.close)
    other.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
