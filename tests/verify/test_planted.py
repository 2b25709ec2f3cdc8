"""``m3it verify`` reports every planted fault under the expected check."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from m3it_builder.verify.findings import CHECKS
from m3it_builder.verify.privacy import privacy_scanner
from tests.support import edits
from tests.support.planted import PLANTED
from tests.support.plants import Fault
from tests.support.verifying import verify_command


@pytest.mark.parametrize(
    "fault", PLANTED, ids=[f"{f.check}-{f.description}".replace(" ", "_") for f in PLANTED]
)
def test_planted_fault_is_reported(base: Path, tmp_path: Path, fault: Fault) -> None:
    folder = tmp_path / fault.task
    shutil.copytree(base / fault.folder / fault.task, folder)
    fault.plant(folder)
    code, findings, errors = verify_command(folder, *(["--quick"] if fault.quick else []))
    assert code == 1
    assert all(line.startswith("m3it: ") for line in errors.splitlines())
    assert fault.check in errors
    assert set(findings) == {fault.check, *fault.also}
    assert findings[fault.check]["examples"][0]["where"].startswith(fault.task)


def test_every_check_has_a_planted_fault() -> None:
    # Those of siblings: test_siblings.py
    elsewhere = {
        "shard_unreadable",
        "source_file",
        "source_image",
        "base",
        "base_row",
        "base_image",
    }
    assert {fault.check for fault in PLANTED} | elsewhere == set(CHECKS)


def test_host_name_is_reported(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-07.example.org")
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    edits.edit_index(folder, lambda rows: rows[0].update(meta='{"by":"gpu-07"}'))
    code, findings, _ = verify_command(folder, "--quick")
    assert (code, set(findings)) == (1, {"private"})


@pytest.mark.parametrize(
    "text",
    [
        "and/or at home/work, see http://www.example.org/home/alice/1.jpg",
        "https://example.org:80/Users/alice/ 12/home/",
        "a task-based approach, sk-ill and the hf_logo; ask-me-anything-about-the-big-red-dog",
        "Bearer of news; Authorization: none",
        "the users of C:\\ drives",
        "localhost, root and ubuntu are words",
    ],
)
def test_harmless_text_is_not_reported(tmp_path: Path, text: str) -> None:
    assert list(privacy_scanner(tmp_path).scan_document(text)) == []
