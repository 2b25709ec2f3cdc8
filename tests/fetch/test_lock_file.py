"""``m3it-lock.json``: what a file without a published digest was when it was first downloaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.errors import SourceError
from m3it_builder.fetch.download import fetch_source
from m3it_builder.fetch.lock_file import Entry, read_entries, record
from tests.support.fetching import card_of, fetch, sha256, stored, zip_file
from tests.support.loopback import Request, Server, file_reply, serving

DATA, OTHER = zip_file(seed=1), zip_file(seed=2)


class Site:
    """Serves one file, which can be exchanged."""

    def __init__(self) -> None:
        self.data = DATA

    def __call__(self, request: Request) -> Any:
        return file_reply(request, self.data, f'"{sha256(self.data)[:8]}"')


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    with serving(site) as running:
        yield running


def lock(sources: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((sources / "m3it-lock.json").read_text())
    assert value["version"] == 1
    return dict(value["files"])


def test_first_download_is_recorded(server: Server, tmp_path: Path) -> None:
    result = fetch(card_of(server.url()), tmp_path)
    assert result.message == "downloaded, sha256 recorded in m3it-lock.json"
    entry = lock(tmp_path)["raw/all.zip"]
    assert (entry["size"], entry["sha256"]) == (len(DATA), sha256(DATA))
    assert entry["url"] == server.url()
    assert entry["etag"] == f'"{sha256(DATA)[:8]}"'
    assert entry["date"].endswith("Z")
    for verify_only in (False, True):
        result = fetch(card_of(server.url()), tmp_path, verify_only)
        assert (result.ok, result.message) == (True, "present, equal to the first download")
    assert len(server.requests) == 1


def test_download_with_a_published_digest_is_not_recorded(server: Server, tmp_path: Path) -> None:
    assert fetch(card_of(server.url(), sha256=sha256(DATA)), tmp_path).ok
    assert not (tmp_path / "m3it-lock.json").exists()


@pytest.mark.parametrize("other", [OTHER, zip_file(seed=3, size=77)])
def test_later_download_that_differs(
    site: Site, server: Server, tmp_path: Path, other: bytes
) -> None:
    fetch(card_of(server.url()), tmp_path)
    (tmp_path / "raw" / "all.zip").unlink()
    site.data = other
    result = fetch(card_of(server.url()), tmp_path)
    assert not result.ok
    assert "differs from the first download recorded in m3it-lock.json" in result.message
    assert "--update-lock" in result.message
    assert stored(tmp_path) is None
    site.data = DATA
    assert "equal to the first download" in fetch(card_of(server.url()), tmp_path).message
    (tmp_path / "raw" / "all.zip").unlink()
    site.data = other
    assert fetch(card_of(server.url()), tmp_path, update_lock=True).ok
    assert stored(tmp_path) == other
    assert lock(tmp_path)["raw/all.zip"]["sha256"] == sha256(other)
    assert "equal" in fetch(card_of(server.url()), tmp_path, verify_only=True).message


def test_file_that_was_exchanged_later(server: Server, tmp_path: Path) -> None:
    fetch(card_of(server.url()), tmp_path)
    (tmp_path / "raw" / "all.zip").write_bytes(OTHER)
    for verify_only in (True, False):
        result = fetch(card_of(server.url()), tmp_path, verify_only)
        assert not result.ok
        assert "differs from the first download recorded" in result.message
        assert "delete it to download it again" in result.message
    assert stored(tmp_path) == OTHER, "it may be what the user wants"
    message = fetch(card_of(server.url()), tmp_path, verify_only=True, update_lock=True).message
    assert message == "present, sha256 recorded in m3it-lock.json"
    assert lock(tmp_path)["raw/all.zip"]["sha256"] == sha256(OTHER)
    assert len(server.requests) == 1


def test_manual_file_is_recorded_on_request(tmp_path: Path) -> None:
    source = card_of("", manual="ask")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "all.zip").write_bytes(DATA)
    assert fetch(source, tmp_path).message == "present, no digest is known"
    assert not (tmp_path / "m3it-lock.json").exists()
    assert fetch(source, tmp_path, update_lock=True).ok
    (tmp_path / "raw" / "all.zip").write_bytes(OTHER)
    assert "differs from the first download" in fetch(source, tmp_path, verify_only=True).message


def test_web_page_is_never_recorded(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "all.zip").write_bytes(b"<html>")
    assert not fetch(card_of("", manual="ask"), tmp_path, update_lock=True).ok
    assert not (tmp_path / "m3it-lock.json").exists()


def test_corrected_card_overrides_the_lock_file(site: Site, server: Server, tmp_path: Path) -> None:
    fetch(card_of(server.url()), tmp_path)
    site.data = zip_file(seed=5, size=99)
    source = card_of(server.url(), bytes=len(site.data))
    assert fetch(source, tmp_path).ok
    assert stored(tmp_path) == site.data
    assert lock(tmp_path)["raw/all.zip"]["size"] == len(site.data)
    assert fetch(card_of(server.url(), sha256=sha256(site.data)), tmp_path).ok


def test_copy_of_a_lock_file_checks_another_folder(
    site: Site, server: Server, tmp_path: Path
) -> None:
    """A colleague's lock file makes sure that both have the same files."""
    fetch(card_of(server.url()), tmp_path / "mine")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "m3it-lock.json").write_bytes((tmp_path / "mine" / "m3it-lock.json").read_bytes())
    site.data = OTHER
    assert not fetch(card_of(server.url()), theirs).ok
    site.data = DATA
    assert fetch(card_of(server.url()), theirs).ok


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a valid lock file"),
        (b"{", "not a valid lock file"),
        (b"[" * 100_000, "not a valid lock file"),
        (b"\xff", "not a valid lock file"),
        (b'{"version": 1, "files": []}', "not a valid lock file"),
        (b'{"version": 1, "files": {"a": {"size": "7"}}}', "not a valid lock file"),
        (b'{"version": 2, "files": {}}', "has version 2"),
    ],
)
def test_malformed_lock_file_is_one_error(
    server: Server, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "m3it-lock.json").write_bytes(content)
    with pytest.raises(SourceError, match=rf"m3it-lock\.json: {message}"):
        fetch(card_of(server.url()), tmp_path)
    assert (tmp_path / "m3it-lock.json").read_bytes() == content


def test_concurrent_runs_lose_no_entry(server: Server, tmp_path: Path) -> None:
    def run(number: int) -> bool:
        card = card_of(server.url()).model_copy(update={"name": f"source-{number}"})
        return all(result.ok for result in fetch_source(card, tmp_path))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(24)))
    names = [f"source-{number}/all.zip" for number in range(24)]
    assert list(lock(tmp_path)) == sorted(names)
    assert not list(tmp_path.glob("*.partial"))


def test_entries_survive_a_round_trip(tmp_path: Path) -> None:
    entry = Entry(7, "0" * 64, "2026-01-01T00:00:00Z", "https://x/ä", '"e"')
    record(tmp_path, "raw/ä.zip", entry)
    assert read_entries(tmp_path) == {"raw/ä.zip": entry}
