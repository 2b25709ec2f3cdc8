"""``m3it verify`` finds every planted fault by its name."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from m3it_builder.verify.faults import CHECKS
from m3it_builder.verify.privacy import watch
from tests.support import faults
from tests.support.planted import PLANTED, Planted
from tests.support.verifying import verified


@pytest.mark.parametrize(
    "planted", PLANTED, ids=[f"{p.check}-{p.about}".replace(" ", "_") for p in PLANTED]
)
def test_planted_fault_is_found(base: Path, tmp_path: Path, planted: Planted) -> None:
    folder = tmp_path / planted.task
    shutil.copytree(base / planted.folder / planted.task, folder)
    planted.plant(folder)
    code, found, line = verified(folder, *(["--quick"] if planted.quick else []))
    assert code == 1
    assert [text for text in line.splitlines() if text.startswith("m3it: ")] == line.splitlines()
    assert planted.check in line
    assert set(found) == {planted.check, *planted.also}
    assert found[planted.check]["faults"][0]["where"].startswith(planted.task)


def test_every_check_has_a_fault_planted() -> None:
    elsewhere = {"shard_unreadable", "source_file", "source_image"}
    assert {planted.check for planted in PLANTED} | elsewhere == set(CHECKS)


def test_host_and_user_names_are_looked_for(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-07.example.org")
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    faults.index(folder, lambda rows: rows[0].update(meta='{"by":"gpu-07"}'))
    code, found, _ = verified(folder, "--quick")
    assert (code, set(found)) == (1, {"private"})


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
def test_texts_that_only_look_private(tmp_path: Path, text: str) -> None:
    assert list(watch(tmp_path).in_document(text)) == []
