"""Slow test: cut the power during and after builds; what is reported as built is whole.

The output folder is on an ext4 file system in a file. The file is copied while all processes
are stopped, and mounted again: it has what was synced, and what the kernel happened to write.

``M3IT_KILLS=full`` cuts 20 times; the default is a fifth of that.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.arena import (
    OTHERS,
    Arena,
    new_arena,
    runs_after,
    runs_with_workers,
    unit_tree,
)
from tests.support.processes import Marked, m3it, needs_proc, send

CUTS = 20 if os.environ.get("M3IT_KILLS") == "full" else 4
DISK_BYTES = 256 << 20
# Metadata reaches the disk when a file is synced, not because five seconds have passed.
OPTIONS = "loop,commit=300,nodiscard"
TRAIN = ("okvqa", "train")


def _can_mount() -> bool:
    tools = all(map(shutil.which, ("mkfs.ext4", "mount", "umount")))
    return tools and os.geteuid() == 0 and Path("/dev/loop-control").exists()


pytestmark = [
    pytest.mark.slow,
    needs_proc,
    pytest.mark.skipif(not _can_mount(), reason="needs root, ext4 and loop devices"),
]


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount a file with a file system; leaving the context unmounts it."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", OPTIONS, image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    return new_arena(tmp_path)


def cut(processes: list[Marked], image: Path, copy: Path) -> None:
    """Copy a file system at one moment, then kill all processes."""
    for process in processes:
        for number in process.running():
            send(number, signal.SIGSTOP)
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    for process in processes:
        process.kill_all()


def compare(arena: Arena, out: Path, counts: Counter[str]) -> None:
    """Compare all units that are reported as built with undisturbed builds."""
    units = {unit: unit_tree(out, *unit) for unit in (TRAIN, *OTHERS)}
    assert units[TRAIN] is None or units[TRAIN] in arena.trees
    for unit in OTHERS:
        assert units[unit] in (None, arena.others[unit])
    counts["units compared"] += sum(files is not None for files in units.values())


def repeat(arena: Arena, out: Path, version: int) -> None:
    """Repeat all commands; the results are those of undisturbed builds, and are verified."""
    for unit in (TRAIN, *OTHERS):
        replaced = () if unit_tree(out, *unit) is None else ("--replace",)
        code, stderr = arena.build(out, version if unit == TRAIN else 0, unit, *replaced).finish()
        assert code == 0, stderr
    assert unit_tree(out, *TRAIN) == arena.trees[version]
    for unit in OTHERS:
        assert unit_tree(out, *unit) == arena.others[unit]
    verified = subprocess.run(m3it("verify", out), capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_power_cut(arena: Arena, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, copy, generator = tmp_path / "disk", tmp_path / "copy", random.Random(9)
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    counts: Counter[str] = Counter()
    with mounted(image, tmp_path / "live") as live:
        for number in range(CUTS):
            version, other = number % 2, OTHERS[number // 2 % 2]
            first = arena.build(live / "out", version, TRAIN, "--replace")
            beside = arena.build(live / "out", 0, other, "--replace")
            if number % 4 == 3:
                is_cut_short = False
                assert [process.finish()[0] for process in (first, beside)] == [0, 0]
            else:
                is_cut_short = runs_with_workers(first) and runs_after(
                    first, generator.uniform(0, arena.seconds)
                )
            cut([first, beside], image, copy)
            counts["cuts"] += 1
            counts["cuts while building"] += is_cut_short
            with mounted(copy, tmp_path / "after") as after:
                compare(arena, after / "out", counts)
                if not is_cut_short:
                    assert unit_tree(after / "out", *TRAIN) == arena.trees[version]
                repeat(arena, after / "out", version)
                counts["reruns completed and verified"] += 1
    assert counts["units compared"] >= CUTS // 2
    with capsys.disabled():
        os.write(1, f"\npower cut: {dict(counts)}\n".encode())
