"""A small disk that fills up: one clear line, nothing that looks finished, and resumed later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.samples import write_sample

DRIVER = """
import json, subprocess, sys
from pathlib import Path
sources, disk = sys.argv[1:3]
base = [sys.executable, "-m", "m3it_builder", "build", "--task", "okvqa", "--split", "train",
        "--source", sources, "--out", disk + "/out", "-f", "webdataset", "-f", "parquet"]
found = []
for size in map(int, sys.argv[3:]):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True)
    try:
        done = subprocess.run(base, capture_output=True, text=True)
        marks = ("manifest.json", "README.md")
        looks_done = [str(p) for p in Path(disk).rglob("*") if p.name in marks]
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        again = subprocess.run(base, capture_output=True, text=True)
        found.append([size, done.returncode, done.stderr, looks_done, again.returncode])
    finally:
        subprocess.run(["umount", disk], check=True)
print(json.dumps(found))
"""


def test_small_disks_of_many_sizes(tmp_path: Path) -> None:
    write_sample(load_task("okvqa"), tmp_path / "src", 150)
    disk = tmp_path / "disk"
    disk.mkdir()
    sizes = ["8", "60", "200", "600", "1200", "1600", "1700", "1800", "1900", "2100", "3000"]
    script = [sys.executable, "-c", DRIVER, str(tmp_path / "src"), str(disk), *sizes]
    probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this machine does not let a test mount a small disk")
    done = subprocess.run(
        ["unshare", "-rm", *script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    failed = [outcome for outcome in outcomes if outcome[1]]
    assert len(failed) >= 5
    assert outcomes[-1][1] == 0, "the largest of them is large enough"
    for size, code, stderr, looks_done, again in outcomes:
        assert again == 0, f"{size} kB: with room, the same command goes on"
        if code == 0:
            continue
        assert code == 1, stderr
        assert "Traceback" not in stderr
        assert stderr.count("m3it: ") == 1
        assert "disk" in stderr
        assert looks_done == [], f"{size} kB"
    said = " ".join(outcome[2] for outcome in failed)
    assert "needs about" in said, "some are refused before a byte is packed"
    assert "the disk is full" in said, "some fill up on the way"
