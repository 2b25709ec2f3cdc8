"""Commits: a crash at any step leaves nothing that looks finished, and the next run resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.build import commit, image_phase
from m3it_builder.build.pack import pack
from m3it_builder.dataset.manifest import manifests
from tests.support.building import PLAN, build, built_unit, interrupt, remove_row
from tests.support.paths import ALL, tree


def _interrupted_pack(stop_at: int) -> Callable[..., Any]:
    """Return ``pack``, interrupted at its n-th call."""
    calls = 0

    def wrapper(job: Any, progress: Any) -> Any:
        nonlocal calls
        calls += 1
        return interrupt() if calls == stop_at else pack(job, progress)

    return wrapper


def test_a_crash_leaves_nothing_that_looks_finished(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupt each step of phase B in turn; the same command then resumes."""
    build(sample, tmp_path / "uninterrupted")
    out = tmp_path / "out"
    steps = [
        (image_phase, "pack"),
        (commit, "merge"),
        (commit, "_move_shards"),
        (commit, "write_built_from"),
        (commit, "write_manifest"),
    ]
    for module, name in steps:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, _interrupted_pack(3) if name == "pack" else interrupt)
            with pytest.raises(KeyboardInterrupt):
                build(sample, out)
        assert list(manifests(out / "okvqa")) == [], name
        assert not list((out / "okvqa").glob("README.md")), name
        if name in ("pack", "merge"):
            assert not any((out / "okvqa" / kind).exists() for kind in ALL), name
    assert build(sample, out).status == "built"
    assert tree(out) == tree(tmp_path / "uninterrupted")


@pytest.mark.parametrize(
    "step", ["_move_shards", "write_manifest", "save_records", "refresh_task_readmes"]
)
def test_a_crash_while_old_shards_are_replaced(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """With any mixture of old and new files, the next run ends with the new ones only."""
    build(sources, tmp_path / "out")
    remove_row(sources, 20)
    with monkeypatch.context() as patch:
        patch.setattr(commit, step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            build(sources, tmp_path / "out", replace=True)
    remove_row(sources, 90)  # the sources change again before the next run
    build(sources, tmp_path / "out", replace=True)
    build(sources, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    assert built_unit(tmp_path / "out").instances == 118


def test_replace_deletes_obsolete_shards(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path)
    before = len(list((tmp_path / "okvqa" / "webdataset").glob("*.tar")))
    build(sample, tmp_path, replace(PLAN, limit=20), replace=True)
    after = len(list((tmp_path / "okvqa" / "webdataset").glob("*.tar")))
    unit = built_unit(tmp_path)
    assert after == len(unit.shards) < before
    assert unit.instances == 20


def test_replace_deletes_formats_that_are_not_built(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path)
    build(sample, tmp_path, replace(PLAN, formats=("parquet",)), replace=True)
    files = [name for name in tree(tmp_path) if "/parquet/" not in name and "/meta/" not in name]
    assert files == ["README.md", "okvqa/README.md"]


def test_missing_readmes_are_written_again(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path)
    complete = tree(tmp_path)
    for path in tmp_path.rglob("README.md"):
        path.unlink()
    (tmp_path / "okvqa" / "arrow" / "dataset_dict.json").unlink()
    assert build(sample, tmp_path).status == "up to date"
    assert tree(tmp_path) == complete
