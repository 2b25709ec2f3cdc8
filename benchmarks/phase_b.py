"""Phase B against its peers: CPU seconds for the same images and texts, in one run.

Every writer runs in a process of its own, in alternating rounds, so that other load on
the machine affects all of them equally. Ratios are the result, not seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.images import PIXELS, task, write_images
from benchmarks.writers import OURS, PEERS
from m3it_builder.build.builder import Build
from m3it_builder.build.fingerprint import fingerprint
from m3it_builder.build.image_phase import ImagePhase
from m3it_builder.build.plan import Plan
from m3it_builder.build.spool_reader import ReadSpool
from m3it_builder.build.unit import Unit
from m3it_builder.records import File, Instance
from m3it_builder.shards.formats import TEXT_COLUMNS
from m3it_builder.tasks.opening import catalogs_of

NAME = Path(__file__).stem
IMAGES = int(os.environ.get("M3IT_BENCH_IMAGES", "2000"))
ROUNDS = int(os.environ.get("M3IT_BENCH_ROUNDS", "5"))


def run() -> dict[str, object]:
    """Return samples per CPU second for each writer, and its ratio to plain concatenation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, IMAGES)
        os.sync()  # write-back of the prepared files must not fall on a writer
        seconds = alternate([*PEERS, *OURS], folder, ROUNDS)
        size = sum(path.stat().st_size for path in (folder / "src").rglob("*.jpg"))
    return {"images": IMAGES, "bytes an image": size // IMAGES, "ways": _table(seconds)}


def _table(seconds: dict[str, list[float]]) -> dict[str, object]:
    base = seconds["concatenation"]
    return {
        way: {
            "samples a CPU second": round(IMAGES / median(taken)),
            "of concatenation": round(median(b / t for b, t in zip(base, taken, strict=True)), 3),
        }
        if taken
        else "not installed"
        for way, taken in seconds.items()
    }


def alternate(ways: list[str], folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each writer in each round; none if it is not installed."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        start = number % len(ways)  # so that no writer always follows the same one
        for way in ways[start:] + ways[:start]:
            if (measured := _timed(way, folder)) is not None:
                seconds[way].append(measured)
    return seconds


def prepare(folder: Path, count: int, boxes: int = 0, pixels: tuple[int, int] = PIXELS) -> None:
    """Write images, a complete spool for us, and the same texts for the peers."""
    write_images(folder / "src" / "bench-images", count, pixels=pixels)
    prepare_spool(folder, count, boxes)
    spool = ReadSpool(folder / "spool.sqlite")
    rows = [_peer_row(row) for shard in spool.shards() for row in spool.instances(shard)]
    (folder / "rows.json").write_text(json.dumps(rows))
    spool.close()


def prepare_spool(folder: Path, count: int, boxes: int = 0) -> None:
    """Write a complete spool, and the packing options, for images that are in place."""
    sources = folder / "src"
    made = task(count, boxes)
    plan = Plan(formats=("webdataset",))
    build = Build(sources=sources, out=folder / "built", plan=plan, plan_only=True)
    build.unit(made, "train")
    unit = Unit(made, "train", folder / "built")
    unit.spool.replace(folder / "spool.sqlite")
    built_from = fingerprint(made, "train", plan, catalogs_of(made, "train", sources))
    packing = ImagePhase(unit, plan, built_from).packing()
    (folder / "packing.json").write_bytes(msgspec.json.encode(packing))


def _peer_row(instance: Instance) -> tuple[str, dict[str, str], str]:
    record = instance.record
    texts = {name: str(getattr(instance, name, "")) for name in TEXT_COLUMNS}
    texts |= {"id": record.id, "meta": json.dumps(record.meta)}
    location = record.images[0].location
    assert isinstance(location, File)  # noqa: S101 - the images are written one by one
    return record.id, texts, str(location.path)


def _timed(way: str, folder: Path) -> float | None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.writers", way, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"},
    )
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr}")
    return float(json.loads(done.stdout.splitlines()[-1])["cpu_s"])
