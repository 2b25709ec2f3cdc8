"""Downloads from a real HTTP server on loopback: resumed, verified, or an error message."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import m3it_builder.fetch.download as module
from m3it_builder.cards.cards import SourceCard, SourceFile
from m3it_builder.fetch.download import Fetched, fetch_source
from tests.support.command import run_m3it

DATA = bytes(range(256)) * 20_000


class Server(ThreadingHTTPServer):
    """Serves DATA under several names, each with its own behavior."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.failures_left = 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        if self.path == "/gone":
            self.send_error(404)
        elif self.path == "/busy" and self.server.failures_left:
            self.server.failures_left -= 1
            self.send_error(503)
        elif self.path == "/quota":
            self._send(b"<!DOCTYPE html><title>Quota exceeded</title>")
        elif self.path == "/breaks" and wanted is None:
            self._send(DATA, only=len(DATA) // 3)
        elif self.path == "/other":
            self._send(DATA[::-1])
        elif wanted and self.path != "/norange":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(DATA):
                self.send_error(416)
                return
            self._send(DATA[start:], status=206)
        else:
            self._send(DATA)

    def _send(self, data: bytes, status: int = 200, only: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:only])
        if only is not None:
            self.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def card(url: str, *mirrors: str, **more: object) -> SourceCard:
    file = {"file": "all.zip", "url": url, "mirrors": mirrors, **more}
    return SourceCard(
        name="raw", title="Raw", license="CC0", files=(SourceFile.model_validate(file),)
    )


def fetch(card: SourceCard, folder: Path, verify_only: bool = False) -> Fetched:
    (result,) = fetch_source(card, folder, verify_only)
    return result


SHA = hashlib.sha256(DATA).hexdigest()


def test_download_happens_once(server: Server, tmp_path: Path) -> None:
    source = card(server.url("fine"), bytes=len(DATA), sha256=SHA)
    assert fetch(source, tmp_path) == Fetched("raw", "all.zip", "downloaded", True, len(DATA))
    assert (tmp_path / "raw" / "all.zip").read_bytes() == DATA
    assert fetch(source, tmp_path).message == "present, verified"
    assert len(server.requests) == 1


def test_broken_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    assert fetch(card(server.url("breaks"), sha256=SHA), tmp_path).ok
    assert (tmp_path / "raw" / "all.zip").read_bytes() == DATA
    assert server.requests == [("/breaks", None), ("/breaks", f"bytes={len(DATA) // 3}-")]


def test_interrupted_run_is_resumed(server: Server, tmp_path: Path) -> None:
    partial = tmp_path / "raw" / "all.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(DATA[:1_000])
    assert fetch(card(server.url("fine"), sha256=SHA), tmp_path).ok
    assert server.requests == [("/fine", "bytes=1000-")]
    assert not partial.exists()


def test_complete_partial_file_is_used(server: Server, tmp_path: Path) -> None:
    partial = tmp_path / "raw" / "all.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(DATA)
    assert fetch(card(server.url("fine"), sha256=SHA), tmp_path).ok


def test_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    partial = tmp_path / "raw" / "all.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(b"something else")
    assert fetch(card(server.url("norange"), sha256=SHA), tmp_path).ok
    assert (tmp_path / "raw" / "all.zip").read_bytes() == DATA


def test_busy_server_is_retried(server: Server, tmp_path: Path) -> None:
    server.failures_left = 2
    assert fetch(card(server.url("busy"), sha256=SHA), tmp_path).ok
    assert len(server.requests) == 3


def test_mirror_is_used(server: Server, tmp_path: Path) -> None:
    source = card(server.url("gone"), server.url("fine"), sha256=SHA)
    assert fetch(source, tmp_path).ok
    assert [path for path, _ in server.requests] == ["/gone", "/fine"]


@pytest.mark.parametrize(
    ("name", "facts", "message"),
    [
        ("gone", {}, "answered 404"),
        ("quota", {}, "a web page instead of the file"),
        ("other", {"sha256": SHA}, "its sha256 is"),
        ("fine", {"bytes": 7}, "bytes instead of 7"),
    ],
)
def test_failures_leave_no_file(
    server: Server, tmp_path: Path, name: str, facts: dict[str, object], message: str
) -> None:
    result = fetch(card(server.url(name), **facts), tmp_path)
    assert not result.ok
    assert message in result.message
    assert not list((tmp_path / "raw").glob("all.zip"))


def test_unreachable_and_unsupported_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    assert "cannot be reached" in fetch(card("http://127.0.0.1:9/x"), tmp_path).message
    assert "only http and https URLs" in fetch(card("file:///etc/passwd"), tmp_path).message


def test_manual_download(tmp_path: Path) -> None:
    file = SourceFile(file="all.zip", manual="Fill in the form.")
    gated = SourceCard(name="raw", title="Raw", license="CC0", files=(file,))
    result = fetch(gated, tmp_path)
    assert not result.ok
    assert result.manual == "Fill in the form."


def test_verify_downloads_nothing(server: Server, tmp_path: Path) -> None:
    source = card(server.url("fine"), sha256=SHA)
    assert fetch(source, tmp_path, verify_only=True).message == "missing"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "all.zip").write_bytes(b"damaged")
    assert "sha256" in fetch(source, tmp_path, verify_only=True).message
    assert server.requests == []


def test_command(tmp_path: Path) -> None:
    done = run_m3it("fetch", "nlvr2-images", "--source", tmp_path, "--verify")
    assert done.returncode == 1
    assert "missing" in done.stdout
    manual = run_m3it("fetch", "nlvr2-images", "--source", tmp_path)
    assert manual.returncode == 1
    assert "Fill in the form" in manual.stdout
    assert run_m3it("fetch", "nonsense").returncode == 1
    assert run_m3it("fetch").returncode == 2
