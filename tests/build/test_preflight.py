"""Preflight checks: sources, archives that need repacking, disk space."""

from __future__ import annotations

import re
import shutil
import tarfile
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.preflight import (
    expected_bytes,
    require_disk,
    require_sources,
    unreadable_archives,
)
from m3it_builder.build.spool_reader import ShardPlan
from m3it_builder.build.unit import Unit
from m3it_builder.errors import BuildError, SourceError
from m3it_builder.tasks.opening import catalogs_of
from m3it_builder.tasks.sampling import write_sample
from tests.support.building import IMAGES, PLAN, build

SHARDS = [ShardPlan(0, 1, 10, 30_000, "a"), ShardPlan(1, 11, 10, 30_000, "b")]
ROW_OVERHEAD = 1_024  # bytes per row, in each format and in the index


def test_missing_sources_are_named_with_their_files(sample: Path, tmp_path: Path) -> None:
    task = load_task("okvqa")
    require_sources(task, "train", catalogs_of(task, "train", sample), sample)
    with pytest.raises(SourceError) as caught:
        require_sources(task, "train", catalogs_of(task, "train", tmp_path), tmp_path)
    message = str(caught.value)
    for text in (
        "okvqa/train: source files are missing",
        f"{tmp_path}/okvqa-annotations/ (",
        "and 1 more)",
        f"{tmp_path}/{IMAGES}/ (train2014.zip)",
        "m3it fetch --task okvqa",
        "m3it build --task okvqa --sample",
    ):
        assert text in message
    assert "\n" not in message


@pytest.fixture
def compressed(tmp_path: Path) -> Path:
    """Write the sample of VIST with its annotations as a compressed tar only."""
    sources = tmp_path / "vist"
    write_sample(load_task("vist"), sources, 5)
    folder = sources / "vist-annotations-sis"
    with tarfile.open(sources / "SIS-with-labels.tar.gz", "w:gz") as tar:
        tar.add(folder / "sis", "sis")
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.move(sources / "SIS-with-labels.tar.gz", folder)
    return sources


def test_source_that_must_be_repacked(compressed: Path, tmp_path: Path) -> None:
    task = load_task("vist")
    catalogs = catalogs_of(task, "test", compressed)
    remedy = "SIS-with-labels.tar.gz cannot be read in place: run `m3it fetch vist-annotations-sis"
    with pytest.raises(SourceError, match=f"{re.escape(remedy)} --repack`"):
        require_sources(task, "test", catalogs, compressed)
    assert unreadable_archives(catalogs).startswith(f"vist-annotations-sis: {remedy} --repack`. ")


def test_no_hint_without_unreadable_archives(sample: Path) -> None:
    assert unreadable_archives(catalogs_of(load_task("okvqa"), "train", sample)) == ""


def test_expected_size_counts_formats_and_encodings() -> None:
    one = replace(PLAN, formats=("webdataset",))
    assert expected_bytes(SHARDS, one) == 60_000 + 20 * 2 * ROW_OVERHEAD
    both = replace(PLAN, formats=("webdataset", "jsonl"))  # JSONL embeds base64
    assert expected_bytes(SHARDS, both) == pytest.approx(140_000 + 20 * 3 * ROW_OVERHEAD, abs=1)
    encoded = replace(both, images="base64")
    assert expected_bytes(SHARDS, encoded) == pytest.approx(160_000 + 20 * 3 * ROW_OVERHEAD, abs=1)
    assert expected_bytes([], one) == 0


def test_full_disk_is_noticed_before_packing(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = Unit("okvqa", "train", tmp_path)
    unit.work.mkdir(parents=True)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, 2_000_000))
    require_disk(unit, 2_000_000)
    message = r"not enough disk space; okvqa/train needs about 2\.1 MB and 2\.0 MB are free.*--out"
    with pytest.raises(BuildError, match=message):
        require_disk(unit, 2_100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, 1_000))
    with pytest.raises(BuildError, match="not enough disk space"):
        build(sample, tmp_path)
    monkeypatch.undo()
    assert build(sample, tmp_path).status == "built"
