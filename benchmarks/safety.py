"""What safety costs: packing with and without syncing, and without checks of tar headers.

Images are members of one tar file. Ways alternate in processes of their own, as in ``phase_b``.
Without syncing, the kernel writes the shards some time later; so all ways are timed until the
data are on the disk, and "synced once" is one sync at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.images import write_images
from benchmarks.phase_b import IMAGES, ROUNDS, prepare_spool
from benchmarks.writers import ours
from m3it_builder.sources import members
from m3it_builder.storage import atomic

NAME = Path(__file__).stem
WAYS = ("as released", "synced once", "without header checks")


def run() -> dict[str, object]:
    """Return the cost of each kind of safety, as a share of the time without it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        os.sync()
        seconds: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for number in range(ROUNDS):
            for way in (*WAYS[number % 3 :], *WAYS[: number % 3]):
                seconds[way].append(_timed(way, folder))
    return {
        "images": IMAGES,
        "syncing, share of wall time": _cost(seconds, "synced once", "wall"),
        "syncing, share of CPU time": _cost(seconds, "synced once", "cpu"),
        "header checks, share of CPU time": _cost(seconds, "without header checks", "cpu"),
    }


def _cost(seconds: dict[str, list[dict[str, float]]], way: str, clock: str) -> float:
    """Return the median over rounds of how much longer the released way takes."""
    pairs = zip(seconds["as released"], seconds[way], strict=True)
    return round(median(ours[clock] / other[clock] - 1 for ours, other in pairs), 3)


def _prepare(folder: Path) -> None:
    images = folder / "src" / "bench-images"
    write_images(images, IMAGES)
    with tarfile.open(images / "images.tar", "w") as tar:
        for path in sorted(images.rglob("*.jpg")):
            tar.add(path, path.relative_to(images).as_posix())
            path.unlink()
    prepare_spool(folder, IMAGES)


def _timed(way: str, folder: Path) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.safety", way, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> None:
    """Pack once, and print seconds."""
    way, folder = sys.argv[1], Path(sys.argv[2])
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    if way == "synced once":
        atomic._sync = lambda *_: None
    elif way == "without header checks":
        members._require_same_header = lambda *_: None
    write = ours(folder, out, ("webdataset",))
    os.sync()
    wall, cpu = time.perf_counter(), time.process_time()
    write()
    cpu = time.process_time() - cpu
    os.sync()
    seconds = {"wall": time.perf_counter() - wall, "cpu": cpu}
    sys.stdout.write(json.dumps(seconds) + "\n")
    shutil.rmtree(out)


if __name__ == "__main__":
    main()
