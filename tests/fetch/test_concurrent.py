"""Two runs at once on one source: the second waits, and finds the work done."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import load_source_card
from m3it_builder.fetch.download import Fetched, repack_source
from m3it_builder.progress import Silent
from tests.support.fetching import card_of, fetch, stored, zip_file
from tests.support.loopback import Reply, Request, file_reply, serving


def test_two_downloads_of_one_file(tmp_path: Path) -> None:
    data = zip_file(size=2_000_000)
    both_started = threading.Event()

    def slow(request: Request) -> Reply:
        both_started.wait(timeout=0.5)
        return file_reply(request, data)

    with serving(slow) as server, ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fetch, card_of(server.url()), tmp_path) for _ in range(2)]
        results = [run.result() for run in runs]
    assert all(result.ok for result in results)
    assert {result.message.partition(",")[0] for result in results} == {"downloaded", "present"}
    assert len(server.requests) == 1
    assert stored(tmp_path) == data


def write_archive(path: Path, files: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for number in range(files):
            entry = tarfile.TarInfo(f"{number}.jpg")
            entry.size = 20_000
            out.addfile(entry, io.BytesIO(bytes([number % 256]) * entry.size))
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(buffer.getvalue(), 1))


def test_two_repacks_in_one_process(tmp_path: Path) -> None:
    write_archive(tmp_path / "raw" / "all.tar.gz", 900)
    source = card_of("", file="all.tar.gz", manual="ask")

    def run(_: int) -> list[Fetched]:
        return list(repack_source(source, tmp_path, Silent()))

    with ThreadPoolExecutor(3) as pool:
        messages = sorted(result.message for (result,) in pool.map(run, range(3)))
    assert messages == [*["already repacked"] * 2, "repacked as all.repacked.tar, 900 files"]
    names = sorted(path.name for path in (tmp_path / "raw").iterdir())
    assert names == ["all.repacked.tar", "all.tar.gz"]


def test_two_commands_repack_one_source(tmp_path: Path) -> None:
    card = load_source_card(bundled("task_cards") / "sources" / "vist-annotations-sis.yaml")
    archive = tmp_path / card.name / card.files[0].file
    write_archive(archive, 2_000)
    command = [sys.executable, "-m", "m3it_builder", "fetch", card.name, "--repack"]
    runs = [
        subprocess.Popen([*command, "--source", tmp_path], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [run.communicate()[1] for run in runs]
    assert not any("Traceback" in error for error in errors), errors
    assert sum("2,000 files" in error for error in errors) == 1, errors
    assert sum("already repacked" in error for error in errors) == 1, errors
    assert [run.returncode for run in runs] == [0, 0]
