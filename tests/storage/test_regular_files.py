"""Only regular files are opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from m3it_builder.errors import BuildError, SourceError
from m3it_builder.storage.regular_files import open_regular

pytestmark = pytest.mark.timeout(30)


def test_regular_file_and_link(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    (tmp_path / "link").symlink_to(path)
    for each in (path, tmp_path / "link"):
        with open_regular(each) as file:
            assert file.read() == b"content"
        with open_regular(each, buffering=1 << 20) as file:
            assert file.readline(3) == b"con"


def test_other_kinds_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)  # the path of a socket is limited to some hundred characters
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name, kind in {
            "fifo": "a FIFO",
            "link": "a FIFO",
            "folder": "a folder",
            "socket": "a socket",
            "/dev/zero": "a device",
        }.items():
            with pytest.raises(SourceError) as caught:
                open_regular(tmp_path / name)
            assert str(caught.value) == (
                f"{tmp_path / name}: {kind} where a regular file is expected; "
                "put the file itself there"
            )
    with pytest.raises(BuildError):
        open_regular(tmp_path / "fifo", error=BuildError)


def test_file_replaced_by_a_fifo_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    regular = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _: regular)
    with pytest.raises(SourceError, match="a FIFO"):
        open_regular(path)


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "missing")
