"""Downloads from a server that follows the standards: once, resumed, from mirrors, verified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from m3it_builder.cards.cards import SourceCard, SourceFile
from m3it_builder.errors import SourceError
from m3it_builder.fetch.download import Fetched, fetch_source
from tests.support.command import assert_one_line, run_m3it
from tests.support.fetching import card_of, fetch, sha256, stored, write_partial, zip_file
from tests.support.loopback import Reply, Request, Server, chunked, file_reply, serving

DATA = zip_file(size=3_000_000)
SHA = sha256(DATA)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda request: file_reply(request, DATA)) as running:
        yield running


def interrupted(request: Request, after: int = 1_000_000) -> Reply:
    """Serve the file, but break the connection once."""
    whole = file_reply(request, DATA)
    if request.range:
        return whole
    assert isinstance(whole.body, bytes)
    return Reply(200, whole.headers, whole.body[:after])


def test_download_happens_once(server: Server, tmp_path: Path) -> None:
    source = card_of(server.url(), bytes=len(DATA), sha256=SHA)
    assert fetch(source, tmp_path) == Fetched("raw", "all.zip", "downloaded", True, len(DATA))
    assert stored(tmp_path) == DATA
    assert fetch(source, tmp_path).message == "present, verified"
    assert len(server.requests) == 1
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["all.zip"]


def test_broken_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    server.handler = interrupted
    assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == DATA
    assert server.ranges == [None, "bytes=1000000-"]
    assert server.requests[1].headers["if-range"] == '"v1"'


def test_interrupted_run_is_resumed(server: Server, tmp_path: Path) -> None:
    def refusing(request: Request) -> Reply:
        return Reply(404) if request.range else interrupted(request)

    server.handler = refusing
    assert not fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) is None
    assert (tmp_path / "raw" / "all.zip.partial").stat().st_size == 1_000_000
    server.handler = interrupted
    assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == DATA
    assert server.ranges[-1] == "bytes=1000000-"
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["all.zip"]


def test_run_interrupted_after_the_last_byte_asks_for_nothing(
    server: Server, tmp_path: Path
) -> None:
    fetch(card_of(server.url()), tmp_path)
    note = b'{"url":"%s","total":%d,"etag":"\\"v1\\""}' % (server.url().encode(), len(DATA))
    (tmp_path / "raw" / "all.zip").rename(tmp_path / "raw" / "all.zip.partial")
    (tmp_path / "raw" / ".all.zip.partial-origin").write_bytes(note)
    assert fetch(card_of(server.url()), tmp_path).ok
    assert len(server.requests) == 1


@pytest.mark.parametrize("have", [0, 1, 1_000, len(DATA)])
def test_partial_file_of_unknown_origin_is_resumed_if_a_digest_decides(
    server: Server, tmp_path: Path, have: int
) -> None:
    partial = write_partial(tmp_path, DATA[:have])
    assert fetch(card_of(server.url(), sha256=SHA), tmp_path).ok
    assert stored(tmp_path) == DATA
    assert server.ranges == [f"bytes={have}-" if have else None]
    assert not partial.exists()


@pytest.mark.parametrize("have", [b"something else", DATA[:-1] + b"x", DATA + b"more"])
def test_wrong_partial_file_is_downloaded_again(
    server: Server, tmp_path: Path, have: bytes
) -> None:
    write_partial(tmp_path, have)
    assert fetch(card_of(server.url(), sha256=SHA), tmp_path).ok
    assert stored(tmp_path) == DATA


def test_partial_file_of_unknown_origin_is_not_used_without_a_digest(
    server: Server, tmp_path: Path
) -> None:
    write_partial(tmp_path, DATA[:1_000])
    assert fetch(card_of(server.url(), bytes=len(DATA)), tmp_path).ok
    assert server.ranges == [None]


def test_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    server.handler = lambda _: Reply(200, {"Content-Length": str(len(DATA))}, DATA)
    write_partial(tmp_path, DATA[:1_000])
    assert fetch(card_of(server.url(), sha256=SHA), tmp_path).ok
    assert stored(tmp_path) == DATA


def test_last_modified_is_a_validator_too(server: Server, tmp_path: Path) -> None:
    modified = "Tue, 15 Nov 1994 12:45:26 GMT"

    def dated(request: Request) -> Reply:
        reply = file_reply(request, DATA, etag=None)
        return Reply(reply.status, {**reply.headers, "Last-Modified": modified}, reply.body)

    def broken(request: Request) -> Reply:
        if request.range:
            assert request.headers["if-range"] == modified
            return dated(Request(request.path, {"range": request.range}))
        return Reply(200, dated(request).headers, DATA[:9_000])

    server.handler = broken
    assert fetch(card_of(server.url()), tmp_path).ok
    assert (stored(tmp_path), server.ranges) == (DATA, [None, "bytes=9000-"])


def test_download_that_breaks_often_is_finished(tmp_path: Path) -> None:
    """More often than there are attempts: each of them makes progress."""
    data = zip_file(size=12_000_000)

    def breaking(request: Request) -> Reply:
        reply = file_reply(request, data)
        assert isinstance(reply.body, bytes)
        return Reply(reply.status, reply.headers, reply.body[:600_000])

    with serving(breaking) as server:
        assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == data
    assert len(server.requests) > 20


def test_chunked_body(server: Server, tmp_path: Path) -> None:
    server.handler = lambda _: Reply(200, {"Transfer-Encoding": "chunked"}, chunked(DATA, 9_999))
    assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == DATA


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_busy_server_is_retried(server: Server, tmp_path: Path, status: int) -> None:
    def busy(request: Request) -> Reply:
        return file_reply(request, DATA) if len(server.requests) > 3 else Reply(status)

    server.handler = busy
    assert fetch(card_of(server.url()), tmp_path).ok
    assert len(server.requests) == 4
    server.handler = lambda _: Reply(status)
    (tmp_path / "raw" / "all.zip").unlink()
    assert f"answered {status}" in fetch(card_of(server.url()), tmp_path).message


def test_mirrors_are_tried_in_order_and_refusals_named(server: Server, tmp_path: Path) -> None:
    server.handler = lambda request: (
        file_reply(request, DATA) if request.path == "/third" else Reply(403)
    )
    urls = [server.url("first"), "http://localhost:9/second", server.url("third")]
    assert fetch(card_of(*urls, sha256=SHA), tmp_path).ok
    assert [request.path for request in server.requests] == ["/first", "/third"]
    (tmp_path / "raw" / "all.zip").unlink()
    result = fetch(card_of(*urls[:2], sha256=SHA), tmp_path)
    assert not result.ok
    assert "127.0.0.1: answered 403 Forbidden; localhost: cannot be reached" in result.message


def test_mirror_continues_what_another_began_if_a_digest_decides(
    server: Server, tmp_path: Path
) -> None:
    def handler(request: Request) -> Reply:
        if request.path == "/mirror":
            return file_reply(request, DATA, '"other"')
        return Reply(404) if request.range else interrupted(request)

    server.handler = handler
    assert fetch(card_of(server.url("a"), server.url("mirror"), sha256=SHA), tmp_path).ok
    assert (stored(tmp_path), server.ranges[-1]) == (DATA, "bytes=1000000-")


def test_mirror_starts_over_without_a_digest(server: Server, tmp_path: Path) -> None:
    other = zip_file(seed=9, size=3_000_000)

    def handler(request: Request) -> Reply:
        if request.path == "/mirror":
            return file_reply(request, other)  # under the same ETag
        return Reply(404) if request.range else interrupted(request)

    server.handler = handler
    assert fetch(card_of(server.url("a"), server.url("mirror")), tmp_path).ok
    assert (stored(tmp_path), server.ranges[-1]) == (other, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: Server, tmp_path: Path, status: int) -> None:
    def moved(request: Request) -> Reply:
        if request.path == "/new":
            return file_reply(request, DATA)
        return Reply(status, {"Location": "/new"}, b"x" * 100)

    server.handler = moved
    assert fetch(card_of(server.url("old"), sha256=SHA), tmp_path).ok


def test_file_in_a_subfolder(server: Server, tmp_path: Path) -> None:
    source = card_of(server.url(), file="train/all.zip", sha256=SHA)
    assert fetch(source, tmp_path).ok
    assert stored(tmp_path, "train/all.zip") == DATA
    assert fetch(source, tmp_path).file == "train/all.zip"


def test_unpacked_file_of_a_mirror(server: Server, tmp_path: Path) -> None:
    server.handler = lambda request: (
        file_reply(request, b'{"a": [1]}') if request.path == "/q.json" else Reply(404)
    )
    source = card_of(server.url("q.json.zip"), server.url("q.json"), file="q.json.zip")
    assert fetch(source, tmp_path).file == "q.json"
    assert stored(tmp_path, "q.json") == b'{"a": [1]}'


def test_full_disk_is_noticed_before_writing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10_000}))
    result = fetch(card_of(server.url(), server.url("mirror")), tmp_path)
    assert f"needs {len(DATA):,} bytes, but only 10,000 are free" in result.message
    assert len(server.requests) == 1, "the mirror would need as much"
    assert not list((tmp_path / "raw").iterdir())


def test_unreachable_and_unsupported_urls(tmp_path: Path) -> None:
    assert "cannot be reached" in fetch(card_of("http://127.0.0.1:9/x"), tmp_path).message
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "//x", "http://", "x"):
        message = fetch(card_of(url), tmp_path).message
        assert "only http and https URLs" in message, message


def test_credentials_are_sent_but_not_shown(server: Server, tmp_path: Path) -> None:
    url = f"http://user:hunter2@127.0.0.1:{server.port}/a.zip?token=hunter2&id=7"
    assert fetch(card_of(url), tmp_path).ok
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    lock = (tmp_path / "m3it-lock.json").read_text()
    assert "id=7" in lock
    assert "hunter2" not in lock
    server.handler = lambda request: Reply(200, interrupted(request).headers, DATA[:5_000])
    (tmp_path / "raw" / "all.zip").unlink()
    (tmp_path / "m3it-lock.json").unlink()
    assert "hunter2" not in fetch(card_of(url), tmp_path).message
    assert "hunter2" not in (tmp_path / "raw" / ".all.zip.partial-origin").read_text()


def test_unusable_proxy_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    for proxy in ("nonsense://x", "socks5://127.0.0.1:9"):
        monkeypatch.setenv("ALL_PROXY", proxy)
        with pytest.raises(SourceError, match=r"the proxy in HTTP_PROXY, .* cannot be used"):
            fetch(card_of("http://127.0.0.1:9/x"), tmp_path)


def test_manual_download(tmp_path: Path) -> None:
    file = SourceFile(file="all.zip", manual="Fill in the form.")
    gated = SourceCard(name="raw", title="Raw", license="CC0", files=(file,))
    result = fetch(gated, tmp_path)
    assert not result.ok
    assert result.manual == "Fill in the form."


def test_verify_downloads_nothing(server: Server, tmp_path: Path) -> None:
    source = card_of(server.url(), sha256=SHA)
    assert fetch(source, tmp_path, verify_only=True).message == "missing"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "all.zip").write_bytes(b"damaged")
    assert "sha256" in fetch(source, tmp_path, verify_only=True).message
    (tmp_path / "raw" / "all.zip").write_bytes(DATA[:-100])
    assert fetch(card_of(server.url()), tmp_path, verify_only=True).message == "truncated"
    assert server.requests == []


def test_renamed_copy_is_found(server: Server, tmp_path: Path) -> None:
    source = card_of(server.url(), accept=("train*.zip",))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train2.zip").write_bytes(DATA)
    assert fetch(source, tmp_path).message == "present, no digest is known"
    assert server.requests == []


def test_command(tmp_path: Path) -> None:
    done = run_m3it("fetch", "nlvr2-images", "--source", tmp_path, "--verify")
    assert done.returncode == 1
    assert "missing" in done.stdout
    manual = run_m3it("fetch", "nlvr2-images", "--source", tmp_path)
    assert manual.returncode == 1
    assert "Fill in the form" in manual.stdout
    of_task = run_m3it("fetch", "--task", "vsr", "--source", tmp_path, "--verify").stdout
    assert "missing" in of_task, "of the required source"
    assert "optional, or one of several: `m3it fetch vsr-images`" in of_task
    for unknown in ("nonsense", "../okvqa", "x" * 300):
        assert_one_line(run_m3it("fetch", unknown), 2, "no source has the id")
    assert_one_line(run_m3it("fetch", "okvqa"), 2, "it is a task", "`m3it fetch --task okvqa`")
    near = run_m3it("fetch", "nlvr2-image")
    assert_one_line(near, 2, "did you mean nlvr2-images or")
    assert run_m3it("fetch").returncode == 2


def test_results_arrive_file_by_file(server: Server, tmp_path: Path) -> None:
    files = tuple(SourceFile(file=name, url=server.url(name)) for name in ("a.zip", "b.zip"))
    source = SourceCard(name="raw", title="Raw", license="CC0", files=files)
    results = fetch_source(source, tmp_path)
    assert next(results).file == "a.zip"
    assert len(server.requests) == 1
    assert next(results).file == "b.zip"
