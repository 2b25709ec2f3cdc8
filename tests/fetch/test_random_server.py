"""Random sequences of server behavior end in the right bytes or in a refusal."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.support.fetching import card_of, fetch, sha256, stored, zip_file
from tests.support.loopback import (
    Reply,
    Request,
    Server,
    chunked,
    file_reply,
    range_reply,
    serving,
)

SIZE = 40_000
ZIPS = [zip_file(seed, SIZE) for seed in (1, 2)] + [zip_file(3, SIZE // 2)]
TEXTS = [
    b"".join(b"%d %d\n" % (seed, line) for line in range(SIZE // 8))[:length]
    for seed, length in ((1, SIZE), (2, SIZE), (3, SIZE // 2))
]


@dataclass
class Site:
    """A server that follows a script of behaviors, one per request; then it is well-behaved.

    The file changes between versions; every version has a validator of its own, if it has one.
    """

    versions: list[bytes]
    script: list[tuple[str, int]]  # behavior, a number that it uses
    has_validators: bool = True
    version: int = 0
    log: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        behavior, number = self.script.pop(0) if self.script else ("good", 0)
        self.log.append(behavior)
        if behavior == "change":
            self.version = number % len(self.versions)
            behavior, number = self.script.pop(0) if self.script else ("good", 0)
            self.log.append(behavior)
        data = self.versions[self.version]
        good = file_reply(request, data, self.etag)
        if behavior in BAD:
            return BAD[behavior](Context(request, good, data, self.etag, number))
        return good

    @property
    def etag(self) -> str | None:
        return f'"{self.version}"' if self.has_validators else None


@dataclass(frozen=True)
class Context:
    request: Request
    good: Reply
    data: bytes
    etag: str | None
    number: int

    @property
    def body(self) -> bytes:
        assert isinstance(self.good.body, bytes)
        return self.good.body

    @property
    def cut(self) -> int:
        return self.number % (len(self.body) + 1)

    @property
    def tag(self) -> dict[str, str]:
        return {"ETag": self.etag} if self.etag else {}

    def without(self, *names: str, body: bytes | None = None) -> Reply:
        kept = {name: value for name, value in self.good.headers.items() if name not in names}
        return Reply(self.good.status, kept, self.body if body is None else body)

    def changed(self, headers: dict[str, str], body: bytes | None = None) -> Reply:
        headers = self.good.headers | headers
        return Reply(self.good.status, headers, self.body if body is None else body)

    def slowly(self) -> Iterator[bytes]:
        for start in range(0, len(self.body), 9_000):
            time.sleep(0.001)
            yield self.body[start : start + 9_000]

    def range(self, offset: int, total: int | str, body: bytes) -> Reply:
        value = f"bytes {offset}-{offset + len(body) - 1}/{total}"
        return Reply(206, {**self.tag, "Content-Range": value}, body)


BAD: dict[str, Callable[[Context], Reply]] = {
    "cut": lambda c: c.without(body=c.body[: c.cut]),
    "cut without length": lambda c: c.without("Content-Length", body=c.body[: c.cut]),
    "whole without length": lambda c: c.without("Content-Length"),
    "reset": lambda c: Reply(c.good.status, c.good.headers, c.body[: c.cut], resets=True),
    "slow": lambda c: Reply(c.good.status, c.good.headers, c.slowly()),
    "chunked": lambda c: Reply(200, {**c.tag, "Transfer-Encoding": "chunked"}, chunked(c.data)),
    "cut chunked": lambda c: Reply(
        200, {**c.tag, "Transfer-Encoding": "chunked"}, chunked(c.data)[: c.number % len(c.data)]
    ),
    "one byte too long": lambda c: c.without("Content-Length", body=c.body + b"x"),
    "short range": lambda c: c.range(
        c.request.offset, len(c.data), c.data[c.request.offset :][: c.number % 900 + 1]
    ),
    "ignored range": lambda c: Reply(200, c.tag, c.data),
    "ignored condition": lambda c: range_reply(c.request.offset, c.data, c.tag),
    "ignored condition, no tag": lambda c: range_reply(c.request.offset, c.data, {}),
    "range from 0": lambda c: range_reply(0, c.data, c.tag),
    "shifted range": lambda c: range_reply(
        (c.request.offset + c.number % 5 - 2) % len(c.data), c.data, c.tag
    ),
    "range of unknown total": lambda c: c.range(c.request.offset, "*", c.data[c.request.offset :]),
    "range of wrong total": lambda c: c.range(
        c.request.offset, len(c.data) + 9, c.data[c.request.offset :]
    ),
    "range without header": lambda c: Reply(206, c.tag, c.body),
    "no such range": lambda c: Reply(416, {"Content-Range": f"bytes */{c.cut}"}),
    "no such range, this size": lambda c: Reply(
        416, {"Content-Range": f"bytes */{c.request.offset}"}
    ),
    "no such range, no size": lambda _: Reply(416),
    "busy": lambda _: Reply(503),
    "gone": lambda _: Reply(404),
    "nothing": lambda _: Reply(204),
    "empty": lambda c: c.changed({"Content-Length": "0"}, b""),
    "silent": lambda _: Reply(is_silent=True),
    "page": lambda _: Reply(200, {}, b"<!doctype html><title>Log in</title>"),
    "error": lambda _: Reply(200, {}, b'{"error": "busy"}'),
    "encoded": lambda c: c.changed({"Content-Encoding": "gzip"}),
    "bad length": lambda c: c.changed({"Content-Length": "abc"}),
    "weak tag": lambda c: c.changed({"ETag": 'W/"0"'}),
    "redirect": lambda _: Reply(302, {"Location": "/elsewhere"}),
    "redirect to a file": lambda _: Reply(302, {"Location": "file:///etc/passwd"}),
}
STEPS = st.tuples(st.sampled_from(["good", "change", *BAD]), st.integers(0, 2 * SIZE))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(lambda _: Reply(404)) as running:
        yield running


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(
    script=st.lists(STEPS, max_size=8),
    has_validators=st.booleans(),
    is_text=st.booleans(),
    known=st.sampled_from(["nothing", "bytes", "digest", "both"]),
)
@example([("cut", 1_000), ("change", 1), ("ignored condition, no tag", 0)], True, True, "bytes")
@example([("cut", 1_000), ("range from 0", 0)], True, True, "nothing")
@example([("cut without length", 1_000)], False, True, "nothing")
def test_right_bytes_or_a_refusal(
    server: Server, script: list[tuple[str, int]], has_validators: bool, is_text: bool, known: str
) -> None:
    versions, file = (TEXTS, "all.txt") if is_text else (ZIPS, "all.zip")
    facts: dict[str, object] = {}
    if known in ("bytes", "both"):
        facts["bytes"] = len(versions[0])
    if known in ("digest", "both"):
        facts["sha256"] = sha256(versions[0])
    right = [
        data
        for data in versions
        if facts.get("bytes", len(data)) == len(data)
        and facts.get("sha256", sha256(data)) == sha256(data)
    ]
    site = Site(versions, list(script), has_validators)
    server.handler = site
    card = card_of(server.url(file), file=file, **facts)
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        for _ in range(3):  # the same command again and again, as a user would
            result = fetch(card, sources)
            content = stored(sources, file)
            assert content in right if result.ok else content is None, (result, site.log)
        # Whatever has happened: from a server that works, the file can be had.
        site.script.clear()
        site.version = 0
        if content is None:
            assert fetch(card, sources).ok, site.log
            assert stored(sources, file) == versions[0], site.log
        assert sorted(path.name for path in (sources / "raw").iterdir()) == [file]
        assert fetch(card, sources, verify_only=True).ok
