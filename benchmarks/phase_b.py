"""Phase B against its peers: CPU seconds for the same images and texts, in one run.

Every way of writing runs in a process of its own, round after round, so that
whatever else the machine does falls on all alike. What counts are ratios.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.images import task, write_images
from benchmarks.writers import OURS, PEERS
from m3it_builder.build.assemble import texts
from m3it_builder.build.builder import Build
from m3it_builder.build.fingerprint import fingerprint
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.build.spool import ReadSpool
from m3it_builder.build.unit import Unit

NAME = Path(__file__).stem
IMAGES = int(os.environ.get("M3IT_BENCH_IMAGES", "2000"))
ROUNDS = int(os.environ.get("M3IT_BENCH_ROUNDS", "5"))


def run() -> dict[str, object]:
    """Return samples a CPU second for each way, and its ratio to plain concatenation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, IMAGES)
        os.sync()  # what was prepared is not to be written back while others write
        ways = [*PEERS, *OURS]
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(ROUNDS):
            for way in ways[number:] + ways[:number]:  # nobody always comes after the same one
                if (taken := _timed(way, folder)) is not None:
                    seconds[way].append(taken)
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


def prepare(folder: Path, count: int, boxes: int = 0, shard_mb: float = 256.0) -> None:
    """Write images, a ready spool for us, and the same texts for the peers."""
    write_images(folder / "src" / "bench-images", count)
    made = task(count, boxes)
    file = PipelineFile.model_validate({"output": {"shard_mb": shard_mb}})
    plan = Plan(file=file, formats=("webdataset",))
    build = Build(sources=folder / "src", out=folder / "built", plan=plan, plan_only=True)
    build.unit(made, "train")
    unit = Unit(made, "train", folder / "built")
    unit.spool.replace(folder / "spool.sqlite")
    parts = fingerprint(made, "train", plan, folder / "src")
    spool = ReadSpool(folder / "spool.sqlite")
    shards = spool.shards()
    how = build.packing(unit, parts)
    (folder / "job.json").write_text(json.dumps(asdict(how)))
    rows = [
        (row.record.id, texts(row, "bench", "train"), row.record.images[0].place.path)  # type: ignore[union-attr]
        for shard in shards
        for row in spool.rows(shard)
    ]
    (folder / "rows.json").write_text(json.dumps(rows))
    spool.close()


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
