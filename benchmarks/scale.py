"""Scaling of phase B: speed with two workers, and memory at 100,000 rows.

Workers draw a box on every image, so that they are CPU-bound; time is wall-clock time.
Memory is the peak of the whole build, both phases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.images import task, write_images
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import PipelineFile, Plan

NAME = Path(__file__).stem
IMAGES = int(os.environ.get("M3IT_BENCH_DRAWN", "5000"))
ROWS = int(os.environ.get("M3IT_BENCH_ROWS", "100000"))
ROUNDS = int(os.environ.get("M3IT_BENCH_ROUNDS", "5"))
_FEWER = 20  # the baseline has 1/20 of the rows, to show that memory does not grow with them
_SMALL = 6_000  # bytes per image, for many rows


def run() -> dict[str, object]:
    """Return the speed of two workers against one, and peak memory in MB."""
    return {"cores": os.cpu_count(), "workers": _workers(), "memory": _memory()}


def _workers() -> dict[str, float]:
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "src" / "bench-images", IMAGES)
        for _ in range(ROUNDS):
            for workers, measured in seconds.items():
                job = {"count": IMAGES, "boxes": 1, "workers": workers, "shard_mb": 12}
                measured.append(_run_child(folder, job)["phase_b_s"])
    ratio = median(one / two for one, two in zip(seconds[1], seconds[2], strict=True))
    return {"speed of two, against one": round(ratio, 2)}


def _memory() -> dict[str, dict[str, float]]:
    peaks: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "src" / "bench-images", ROWS, _SMALL)
        for format_name in ("webdataset", "parquet"):
            few, many = (
                _run_child(folder, {"count": count, "formats": [format_name]})["peak_mb"]
                for count in (ROWS // _FEWER, ROWS)
            )
            peaks[format_name] = {
                f"MB at {ROWS // _FEWER:,} rows": round(few, 1),
                f"MB at {ROWS:,} rows": round(many, 1),
                "ratio": round(many / few, 3),
            }
    return peaks


def _run_child(folder: Path, job: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale", str(folder), json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Build once in a new folder; print seconds of phase B and peak memory."""
    import resource

    folder, job = Path(sys.argv[1]), json.loads(sys.argv[2])
    file = PipelineFile.model_validate({"output": {"shard_mb": float(job.get("shard_mb", 256))}})
    formats = tuple(job.get("formats", ["webdataset"]))
    plan = Plan(file=file, formats=formats)
    bench_task = task(job["count"], job.get("boxes", 0))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        build = Build(
            sources=folder / "src",
            out=Path(out),
            plan=plan,
            workers=job.get("workers", 1),
            plan_only=True,
        )
        build.unit(bench_task, "train")
        start = time.perf_counter()
        Build(sources=folder / "src", out=Path(out), plan=plan, workers=job.get("workers", 1)).unit(
            bench_task, "train"
        )
        seconds = time.perf_counter() - start
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"phase_b_s": seconds, "peak_mb": kilobytes / 1e3}) + "\n")


if __name__ == "__main__":
    main()
