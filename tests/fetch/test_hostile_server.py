"""Servers that send something else than the file: it is never called downloaded or verified."""

from __future__ import annotations

import gzip
import io
import itertools
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.fetching import card_of, fetch, sha256, stored, write_partial, zip_file
from tests.support.loopback import (
    Reply,
    Request,
    Server,
    chunked,
    file_reply,
    range_reply,
    serving,
)

DATA = zip_file(seed=1, size=300_000)
OTHER = zip_file(seed=2, size=300_000)  # a later version, of the same length
TEXT = b"".join(b"%d\tA dog runs.\n" % number for number in range(9_000))
assert len(DATA) == len(OTHER)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda request: file_reply(request, DATA)) as running:
        yield running


def tar_file() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name in ("a.jpg", "b.jpg"):
            entry = tarfile.TarInfo(name)
            entry.size = 90_000
            out.addfile(entry, io.BytesIO(DATA))
    return buffer.getvalue()


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def sized(body: bytes, **headers: str) -> Reply:
    return Reply(200, {"Content-Length": str(len(body)), **headers}, body)


PAGES = {
    "html": b"<html><body>Please log in</body></html>",
    "doctype": b"<!DOCTYPE html><title>Quota exceeded</title>",
    "white space": b" \r\n\t\n<!doctype HTML>",
    "comment": b"<!-- generated --><html>" + b"x" * 9_000,
    "byte order mark": b"\xef\xbb\xbf<!DOCTYPE html>",
    "UTF-16": "\ufeff<!DOCTYPE html><html>".encode("utf-16-le"),
    "xml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">',
    "storage error": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
    "bare error": b"<Error><Code>NoSuchKey</Code></Error>",
    "script": b"<script>location = '/login'</script>",
}


@pytest.mark.parametrize("file", ["all.zip", "all.txt", "all.query", "all.json", "all.tar.gz"])
@pytest.mark.parametrize("page", PAGES)
def test_web_page(server: Server, tmp_path: Path, page: str, file: str) -> None:
    server.handler = always(sized(PAGES[page]))
    result = fetch(card_of(server.url(), file=file), tmp_path)
    assert not result.ok
    assert "a web page came instead of the file: a quota, a login, or a moved" in result.message
    assert not list((tmp_path / "raw").iterdir())
    (tmp_path / "raw" / file).write_bytes(PAGES[page])
    result = fetch(card_of("", file=file, manual="ask"), tmp_path, verify_only=True)
    assert "a web page came instead of the file" in result.message


def test_page_does_not_replace_a_partial_file(server: Server, tmp_path: Path) -> None:
    partial = write_partial(tmp_path, DATA[:100_000])
    server.handler = always(sized(PAGES["html"]))
    assert not fetch(card_of(server.url(), sha256=sha256(DATA)), tmp_path).ok
    server.handler = always(Reply(200, {}, PAGES["comment"]))
    assert not fetch(card_of(server.url(), sha256=sha256(DATA)), tmp_path).ok
    assert partial.read_bytes() == DATA[:100_000]
    server.handler = lambda request: file_reply(request, DATA)
    assert fetch(card_of(server.url(), sha256=sha256(DATA)), tmp_path).ok
    assert server.ranges[-1] == "bytes=100000-"


def test_page_is_the_file_where_the_card_says_so(server: Server, tmp_path: Path) -> None:
    server.handler = always(sized(PAGES["doctype"]))
    assert fetch(card_of(server.url(), file="index.html"), tmp_path).ok


@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("all.zip", b'{"error": "not found"}'),
        ("all.json", b'{"message": "Not Found", "status": "404"}'),
        ("all.txt", b'{"errors": [{"detail": "rate limit"}]}'),
        ("all.query", b'{"error": "quota"}'),
        ("all.zip", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
        ("all.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
        ("all.zip", b"Please wait..."),
        ("all.tar", b"\0" * 10_240),
        ("all.tar", DATA),
        ("all.tar.gz", DATA),
        ("all.tar.bz2", gzip.compress(b"x", mtime=0)),
        ("all.tar.xz", gzip.compress(b"x", mtime=0)),
        ("all.npy", DATA),
        ("all.json", b"Too many requests"),
        ("all.7z", DATA),
        ("all.rar", DATA),
        ("all.png", b"\xff\xd8\xff\xe0"),
        ("all.jpg", b"\x89PNG\r\n\x1a\n"),
        ("all.parquet", DATA),
    ],
)
def test_other_content(server: Server, tmp_path: Path, file: str, body: bytes) -> None:
    server.handler = always(sized(body))
    result = fetch(card_of(server.url(), file=file), tmp_path)
    assert not result.ok, result
    assert stored(tmp_path, file) is None


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 304, 400, 401, 404, 410, 451, 599])
def test_any_other_status(server: Server, tmp_path: Path, status: int) -> None:
    server.handler = always(Reply(status, {}, DATA))
    for facts in ({}, {"sha256": sha256(DATA)}):
        result = fetch(card_of(server.url(), **facts), tmp_path)
        assert f"answered {status}" in result.message
        assert "Text of the server" not in result.message
        assert stored(tmp_path) is None


@pytest.mark.parametrize("file", ["all.zip", "all.txt", "all.query"])
def test_empty_body(server: Server, tmp_path: Path, file: str) -> None:
    for reply in (
        sized(b""),
        Reply(200),
        Reply(200, {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n"),
    ):
        server.handler = always(reply)
        assert "empty" in fetch(card_of(server.url(), file=file), tmp_path).message
        assert stored(tmp_path, file) is None


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "x-gzip", "gzip, gzip", "X"])
def test_encoded_body(server: Server, tmp_path: Path, encoding: str) -> None:
    body = gzip.compress(TEXT)
    headers = {"Content-Encoding": encoding, "Content-Length": str(len(body))}
    server.handler = always(Reply(200, headers, body))
    for facts in ({}, {"sha256": sha256(TEXT)}):
        result = fetch(card_of(server.url(), file="all.txt", **facts), tmp_path)
        assert "encoded as" in result.message
        assert stored(tmp_path, "all.txt") is None


def test_compressed_file_labelled_as_encoded(server: Server, tmp_path: Path) -> None:
    """Apache does so; only a digest shows that the body is the file."""
    body = gzip.compress(TEXT)
    server.handler = always(sized(body, **{"Content-Encoding": "x-gzip"}))
    assert not fetch(card_of(server.url(), file="all.txt.gz"), tmp_path).ok
    assert fetch(card_of(server.url(), file="all.txt.gz", sha256=sha256(body)), tmp_path).ok


@pytest.mark.parametrize("length", ["abc", "-1", "1e3", "0x10", "9" * 30, "9" * 9_999, "", "1, 2"])
def test_malformed_content_length(server: Server, tmp_path: Path, length: str) -> None:
    server.handler = always(Reply(200, {"Content-Length": length}, DATA))
    assert not fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) is None


def endless(start: bytes) -> Iterator[bytes]:
    yield start
    yield from itertools.repeat(bytes(65_536))


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Length": "1000000000000"}, {"Transfer-Encoding": "chunked"}]
)
def test_endless_body_stops_at_the_declared_size(
    server: Server, tmp_path: Path, headers: dict[str, str]
) -> None:
    def body(_: Request) -> Reply:
        chunks = endless(DATA)
        if "Transfer-Encoding" in headers:
            chunks = (b"%x\r\n%s\r\n" % (len(data), data) for data in endless(DATA))
        return Reply(200, headers, chunks)

    server.handler = body
    result = fetch(card_of(server.url(), bytes=400_000), tmp_path)
    assert not result.ok
    left = [path.stat().st_size for path in (tmp_path / "raw").iterdir()]
    assert sum(left) <= 400_000
    assert server.sent < 50_000_000, "the connection was closed"


def test_endless_body_of_unknown_size_spares_the_disk(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from m3it_builder.fetch import body

    monkeypatch.setattr(body, "_MIN_FREE_BYTES", 1 << 60)
    server.handler = lambda _: Reply(200, {}, endless(DATA))
    result = fetch(card_of(server.url()), tmp_path)
    assert "free on the disk" in result.message


def test_endless_redirect(server: Server, tmp_path: Path) -> None:
    server.handler = lambda _: Reply(302, {"Location": "/again"}, endless(b""))
    assert "redirects more than 10 times" in fetch(card_of(server.url()), tmp_path).message
    assert len(server.requests) == 11
    assert server.sent < 50_000_000


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "data:text/plain,PK",
        "ftp://127.0.0.1/all.zip",
        "gopher://x",
        "http://",
        "http://[",
        "http://127.0.0.1:99999/",
        "http://\xff/",
        "",
    ],
)
def test_redirect_elsewhere(server: Server, tmp_path: Path, location: str) -> None:
    server.handler = lambda _: Reply(302, {"Location": location})
    assert not fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) is None


def test_silent_server(server: Server, tmp_path: Path) -> None:
    server.handler = always(Reply(is_silent=True))
    assert "the connection broke" in fetch(card_of(server.url()), tmp_path).message
    server.handler = always(Reply(is_silent=True, resets=True))
    assert not fetch(card_of(server.url()), tmp_path).ok


def test_server_that_sends_no_http(server: Server, tmp_path: Path) -> None:
    server.handler = always(Reply(0, {"X": "\x00"}, DATA))
    assert not fetch(card_of(server.url()), tmp_path).ok
    server.handler = always(Reply(200, {"X" * 200_000: "y"}, DATA))
    assert not fetch(card_of(server.url()), tmp_path).ok


# The end of the body.

TRUNCATED: dict[str, tuple[str, bytes]] = {
    "zip": ("all.zip", DATA[:1_000]),
    "zip, in its directory": ("all.zip", DATA[:-10]),
    "zip with a zip inside": ("all.zip", b"PK\x03\x04" + bytes(500) + zip_file(size=99)),
    "tar": ("all.tar", tar_file()[:100_000]),
    "tar, between members": ("all.tar", tar_file()[: 512 + 90_112]),
    "tar, before its end": ("all.tar", tar_file()[: 2 * (512 + 90_112)]),
    "gzip": ("all.tar.gz", gzip.compress(TEXT, mtime=0)[:-4]),
    "json": ("all.json", b'[{"a": 1}, {"b": 2}'),
    "json, after a bracket": ("all.json", b'{"a": {"b": 1}'),
    "json lines": ("all.json", b'{"a": 1}\n{"b": 2}\n'),
    "npy": ("a.npy", b"\x93NUMPY\1\0v\0" + b"{'descr': '|u1', 'fortran_order': False, 'shape': "
            b"(1000,), }".ljust(117) + b"\n" + bytes(999)),
    "text": ("all.txt", TEXT[:9_000]),
    "unknown": ("all.query", TEXT[:9_000]),
    "jpg": ("all.jpg", b"\xff\xd8\xff\xe0" + bytes(99)),
    "7z": ("all.7z", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(4) + b"\xff" + bytes(99)),
    "parquet": ("all.parquet", b"PAR1" + bytes(99)),
}  # fmt: skip


@pytest.mark.parametrize("kind", TRUNCATED)
def test_truncated_body_without_a_length(server: Server, tmp_path: Path, kind: str) -> None:
    """The connection just ends, and only the format can show that something is missing."""
    file, body = TRUNCATED[kind]
    server.handler = always(Reply(200, {}, body))
    result = fetch(card_of(server.url(), file=file), tmp_path)
    assert not result.ok, result
    assert "truncated" in result.message or "does not state the size" in result.message
    assert stored(tmp_path, file) is None


@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("all.zip", DATA),
        ("all.tar", tar_file()),
        ("all.tar.gz", gzip.compress(tar_file(), mtime=0)),
        ("all.json", b'\xef\xbb\xbf {"a": {"b": 1}}\n'),
        ("a.npy", TRUNCATED["npy"][1] + b"\0"),
    ],
)
def test_complete_body_without_a_length(
    server: Server, tmp_path: Path, file: str, body: bytes
) -> None:
    server.handler = always(Reply(200, {}, body))
    assert fetch(card_of(server.url(), file=file), tmp_path).ok
    assert stored(tmp_path, file) == body


@pytest.mark.parametrize("facts", [{}, {"bytes": len(TEXT)}, {"sha256": sha256(TEXT)}])
@pytest.mark.parametrize("cut", [0, 1, 70_000, len(TEXT) - 1])
@pytest.mark.parametrize(
    "headers", [{}, {"Content-Length": str(len(TEXT))}, {"Transfer-Encoding": "chunked"}]
)
@pytest.mark.parametrize("resets", [False, True])
def test_short_body(
    server: Server,
    tmp_path: Path,
    facts: dict[str, object],
    cut: int,
    headers: dict[str, str],
    resets: bool,
) -> None:
    whole = chunked(TEXT, 777) if "Transfer-Encoding" in headers else TEXT
    server.handler = always(Reply(200, headers, whole[:cut], resets=resets))
    result = fetch(card_of(server.url(), file="all.txt", **facts), tmp_path)
    assert not result.ok
    assert stored(tmp_path, "all.txt") is None


@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(len(TEXT) + 1)}])
def test_long_body(server: Server, tmp_path: Path, headers: dict[str, str]) -> None:
    server.handler = always(Reply(200, headers, TEXT + b"\n"))
    for facts in ({"bytes": len(TEXT)}, {"bytes": len(TEXT), "sha256": sha256(TEXT)}):
        assert not fetch(card_of(server.url(), file="all.txt", **facts), tmp_path).ok
        assert stored(tmp_path, "all.txt") is None


def test_bytes_after_the_stated_length_are_not_part_of_the_file(
    server: Server, tmp_path: Path
) -> None:
    server.handler = always(Reply(200, {"Content-Length": str(len(DATA))}, DATA + b"more"))
    assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == DATA


# Ranges. Every server breaks its first answer off after 1,000 bytes of version 1.


def resumed_by(answer: Callable[[Request], Reply], **headers: str) -> Callable[[Request], Reply]:
    def handler(request: Request) -> Reply:
        if request.range:
            return answer(request)
        if handler.broke:  # type: ignore[attr-defined]
            return sized(OTHER, ETag='"v2"')
        handler.broke = True  # type: ignore[attr-defined]
        named = headers or {"ETag": '"v1"'}
        return Reply(200, {**named, "Content-Length": str(len(DATA))}, DATA[:1_000])

    handler.broke = False  # type: ignore[attr-defined]
    return handler


def content_range(value: str, body: bytes = DATA[1_000:], **headers: str) -> Reply:
    common = {"ETag": '"v1"', "Content-Range": value, "Content-Length": str(len(body))}
    return Reply(206, {**common, **headers}, body)


SIZE = len(DATA)
LAST = SIZE - 1
WRONG_RANGES: dict[str, Callable[[Request], Reply]] = {
    "from byte 0": lambda _: content_range(f"bytes 0-{LAST}/{SIZE}", DATA),
    "one byte too far": lambda _: content_range(f"bytes 1001-{LAST}/{SIZE}", DATA[1_001:]),
    "one byte too early": lambda _: content_range(f"bytes 999-{LAST}/{SIZE}", DATA[999:]),
    "of no range": lambda _: Reply(206, {"ETag": '"v1"'}, DATA[1_000:]),
    "malformed": lambda _: content_range("bytes 1000-"),
    "of unknown total": lambda _: content_range(f"bytes 1000-{LAST}/*"),
    "of another total": lambda _: content_range(f"bytes 1000-{LAST}/{SIZE + 1}"),
    "beyond the total": lambda _: content_range(f"bytes 1000-{SIZE}/{SIZE}", DATA[1_000:] + b"x"),
    "reversed": lambda _: content_range(f"bytes 1000-999/{SIZE}", b""),
    "in other units": lambda _: content_range(f"items 1000-{LAST}/{SIZE}"),
    "in several parts": lambda _: Reply(
        206, {"ETag": '"v1"', "Content-Type": "multipart/byteranges"}, DATA
    ),
    "of a changed file, by its tag": lambda r: range_reply(r.offset, OTHER, {"ETag": '"v2"'}),
    "of a changed file, without tag": lambda r: range_reply(r.offset, OTHER, {}),
    "of a changed file, weak tag": lambda r: range_reply(r.offset, OTHER, {"ETag": 'W/"v1"'}),
    "with another length": lambda _: content_range(
        f"bytes 1000-{LAST}/{SIZE}", DATA[1_000:], **{"Content-Length": "77"}
    ),
    "encoded": lambda _: content_range(
        f"bytes 1000-{LAST}/{SIZE}", DATA[1_000:], **{"Content-Encoding": "gzip"}
    ),
    "longer than it says": lambda _: Reply(
        206, {"ETag": '"v1"', "Content-Range": f"bytes 1000-1999/{SIZE}"}, DATA[1_000:9_000]
    ),
    "unsatisfied": lambda _: Reply(416),
    "unsatisfied, other size": lambda _: Reply(416, {"Content-Range": f"bytes */{SIZE}"}),
    "unsatisfied, this size": lambda _: Reply(416, {"Content-Range": "bytes */1000"}),
    "unsatisfied, malformed": lambda _: Reply(416, {"Content-Range": "bytes */x"}),
    "changed": lambda _: sized(OTHER, ETag='"v2"'),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_RANGES)
def test_wrong_answer_to_a_range_request(server: Server, tmp_path: Path, kind: str) -> None:
    server.handler = resumed_by(WRONG_RANGES[kind])
    result = fetch(card_of(server.url(), bytes=SIZE), tmp_path)
    assert stored(tmp_path) == (OTHER if result.ok else None)
    if kind not in ("encoded", "longer than it says"):
        assert result.ok, "the download starts over"


@pytest.mark.parametrize("kind", WRONG_RANGES)
def test_digest_decides_what_a_range_was(server: Server, tmp_path: Path, kind: str) -> None:
    server.handler = resumed_by(WRONG_RANGES[kind])
    result = fetch(card_of(server.url(), bytes=SIZE, sha256=sha256(OTHER)), tmp_path)
    assert stored(tmp_path) == (OTHER if result.ok else None)


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "no validator"},
        {"ETag": 'W/"weak"'},
        {"ETag": "unquoted"},
        {"ETag": '"v\xe9"'},
        {"Last-Modified": "nonsense"},
        {"Last-Modified": "Tue, 15 Nov 1994 12:45:26 GMT", "Date": "Tue, 15 Nov 1994 12:45:26 GMT"},
    ],
)
def test_without_a_strong_validator_nothing_is_resumed(
    server: Server, tmp_path: Path, headers: dict[str, str]
) -> None:
    server.handler = resumed_by(lambda r: range_reply(r.offset, OTHER, headers), **headers)
    assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == OTHER
    assert server.ranges == [None, None]


def test_file_that_changes_all_the_time_is_refused(server: Server, tmp_path: Path) -> None:
    def changing(request: Request) -> Reply:
        version = len(server.requests)
        headers = {"ETag": f'"v{version}"', "Content-Length": str(SIZE)}
        return Reply(200, headers, zip_file(version, 300_000)[: SIZE - version])

    server.handler = changing
    assert "the connection broke" in fetch(card_of(server.url()), tmp_path).message
    assert stored(tmp_path) is None


@pytest.mark.parametrize("total", [None, SIZE, 1_000])
def test_too_long_partial_file_is_not_the_file(
    server: Server, tmp_path: Path, total: int | None
) -> None:
    partial = write_partial(tmp_path, DATA + b"more")
    note = f'{{"url":"{server.url()}","total":{total or "null"},"etag":"\\"v1\\""}}'
    partial.with_name(".all.zip.partial-origin").write_text(note)
    assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == DATA


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"url": 7}', b"\xff", b"[" * 100_000])
def test_damaged_note_is_as_good_as_none(server: Server, tmp_path: Path, note: bytes) -> None:
    partial = write_partial(tmp_path, OTHER[:1_000])
    partial.with_name(".all.zip.partial-origin").write_bytes(note)
    assert fetch(card_of(server.url()), tmp_path).ok
    assert stored(tmp_path) == DATA
