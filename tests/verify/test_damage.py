"""Any damaged file is reported, and never crashes ``m3it verify``."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.storage.digest import algorithm_of, file_digest
from tests.support import edits
from tests.support.paths import ALL
from tests.support.verifying import verify, verify_command

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "garbage": lambda data: random.Random(1).randbytes(len(data)),
    "garbage inside": lambda data: data[:700] + random.Random(2).randbytes(300) + data[1000:],
    "zeros": lambda data: bytes(len(data)),
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ALL)
def test_damaged_shard_is_reported(base: Path, tmp_path: Path, name: str, damage: str) -> None:
    """With updated digests, as if the shard had been written damaged."""
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    path = edits.shard_path(folder, name, 1)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    edits.update_digests(folder)
    code, findings, errors = verify_command(folder)
    assert code == 1
    assert "file_digest" not in findings
    wheres = {finding["where"] for entry in findings.values() for finding in entry["examples"]}
    assert all(name in where for where in wheres), "no other file is reported"
    if name in ("arrow", "parquet") and damage != "garbage inside":
        assert set(findings) == {"shard_unreadable"}
    assert len(errors.splitlines()) == 1


@pytest.fixture(scope="session")
def copied_build(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage") / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    return folder


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_random_damage_is_reported_and_never_crashes(
    copied_build: Path, data: st.DataObject
) -> None:
    files = sorted(p for p in copied_build.rglob("*") if p.is_file() and ".m3it" not in p.parts)
    path = data.draw(st.sampled_from(files))
    original = path.read_bytes()
    start = data.draw(st.integers(0, len(original) - 1))
    length = data.draw(st.integers(1, 64))
    mask = data.draw(st.integers(1, 255))
    flipped = bytes(byte ^ mask for byte in original[start : start + length])
    truncate = data.draw(st.booleans())
    manifest_file = copied_build / "meta" / "train" / MANIFEST
    manifest_text = manifest_file.read_bytes()
    try:
        tail = b"" if truncate else flipped + original[start + length :]
        path.write_bytes(original[:start] + tail)
        if path.suffix in (".tar", ".parquet", ".arrow", ".jsonl"):
            assert verify(copied_build).finding_count, "the digest differs"
            value = json.loads(manifest_text)
            for file in [value["index"], value["reject_table"]] + [
                file for shard in value["shards"] for file in shard["files"].values()
            ]:
                file_path = copied_build / file["path"]
                algorithm = algorithm_of(file["digest"])
                assert algorithm is not None
                digest = file_digest(file_path, algorithm)
                file |= {"bytes": file_path.stat().st_size, "digest": digest}
            manifest_file.write_text(json.dumps(value))
        verify(copied_build)  # may report nothing: not every byte of a file is significant
    finally:
        path.write_bytes(original)
        manifest_file.write_bytes(manifest_text)
