"""Whatever is damaged is a fault, and never a crash."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m3it_builder.dataset.manifest import NAME
from m3it_builder.storage.digest import algorithm_of, file_digest
from tests.support import faults
from tests.support.paths import ALL
from tests.support.verifying import verdict, verified

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "garbage": lambda data: random.Random(1).randbytes(len(data)),
    "garbage within": lambda data: data[:700] + random.Random(2).randbytes(300) + data[1000:],
    "zeros": lambda data: bytes(len(data)),
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ALL)
def test_damaged_shard(base: Path, tmp_path: Path, name: str, damage: str) -> None:
    """With digests that agree, as if it had been written so."""
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    path = faults.shard(folder, name, 1)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    faults.redigest(folder)
    code, found, line = verified(folder)
    assert code == 1
    assert "file_digest" not in found
    wheres = {fault["where"] for finding in found.values() for fault in finding["faults"]}
    assert all(name in where for where in wheres), "no other file is blamed"
    if name in ("arrow", "parquet") and damage != "garbage within":
        assert set(found) == {"shard_unreadable"}
    assert len(line.splitlines()) == 1


@pytest.fixture(scope="session")
def victim(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("victim") / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    return folder


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_a_fault_and_never_a_crash(victim: Path, data: st.DataObject) -> None:
    files = sorted(p for p in victim.rglob("*") if p.is_file() and ".m3it" not in p.parts)
    path = data.draw(st.sampled_from(files))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, 64))
    bits = data.draw(st.integers(1, 255))
    spoiled = bytes(byte ^ bits for byte in whole[start : start + length])
    cut = data.draw(st.booleans())
    manifest_file = victim / "meta" / "train" / NAME
    manifest_text = manifest_file.read_bytes()
    try:
        path.write_bytes(whole[:start] + (b"" if cut else spoiled + whole[start + length :]))
        if path.suffix in (".tar", ".parquet", ".arrow", ".jsonl"):
            assert verdict(victim).faults, "the digest tells"
            value = json.loads(manifest_text)
            for claim in [value["index"], value["reject_table"]] + [
                file for shard in value["shards"] for file in shard["files"].values()
            ]:
                held = (victim / claim["path"]).read_bytes()
                kind = algorithm_of(claim["digest"])
                assert kind is not None
                claim |= {"bytes": len(held), "digest": file_digest(victim / claim["path"], kind)}
            manifest_file.write_text(json.dumps(value))
        verdict(victim)  # it may find nothing: not every byte of a file means something
    finally:
        path.write_bytes(whole)
        manifest_file.write_bytes(manifest_text)
