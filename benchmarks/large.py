"""Two million rows through every command: peak memory, and its ratio to a tenth of the size.

Not part of ``make bench``: it takes an hour and some 10 GB of disk.
``python -m benchmarks.large [ROWS]`` writes ``benchmarks/results/large.json``. Half of the
images are loose files, the others members of a zip, which has half as many members again.
"""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

from benchmarks.images import task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan

ROWS = 2_000_000
_SIDE = 9  # pixels
_PER_FOLDER = 1_000  # loose files


def run(rows: int) -> dict[str, object]:
    """Return seconds and peak MB of each step, and the ratios to a tenth of the rows."""
    few, many = _measure(rows // 10), _measure(rows)
    return {
        step: {**result, "MB of a tenth": few[step]["MB"], "ratio": _ratio(result, few[step])}
        for step, result in many.items()
    }


def _ratio(large: dict[str, float], small: dict[str, float]) -> float:
    return round(large["MB"] / small["MB"], 2)


def _measure(rows: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = [sys.executable, "-m", "benchmarks.large"]
        m3it = [sys.executable, "-m", "m3it_builder"]
        out = folder / "out"
        steps = {
            "images": [*ours, "write", name, str(rows)],
            "phase A": [*ours, "plan", name, str(rows)],
            "phase B": [*ours, "build", name, str(rows)],
            "up to date": [*ours, "build", name, str(rows)],
            "sql": [*m3it, "sql", out, "SELECT count(*) FROM instances"],
            "audit": [*m3it, "audit", out],
            "verify": [*m3it, "verify", out],
            "verify --sources": [*m3it, "verify", out, "--quick", "--sources", folder / "src"],
            "dedup": [*m3it, "dedup", out, "--out", folder / "dedup"],
        }
        results = {}
        for step, words in steps.items():
            results[step] = _timed(list(map(str, words)))
            sys.stderr.write(f"{rows:,} rows, {step}: {results[step]}\n")
        del results["images"]
        return results


def _timed(words: list[str]) -> dict[str, float]:
    """Run a command; return its seconds, and the peak of the largest of its processes in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = round(time.perf_counter() - began, 1)
    if (code := os.waitstatus_to_exitcode(status)) not in (0, 1):  # 1: an audit found something
        raise SystemExit(f"{words[3:5]}: status {code}")
    return {"s": seconds, "MB": round(usage.ru_maxrss / 1_000, 1)}


def _write_images(folder: Path, rows: int) -> None:
    folder.mkdir(parents=True)
    half = rows // 2
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for number in (*range(half), *range(rows, rows + half // 2)):
            archive.writestr(_path_of(number), _png(number))
    for number in range(half, rows):
        path = folder / _path_of(number)
        if number % _PER_FOLDER == 0 or number == half:
            path.parent.mkdir(exist_ok=True)
        path.write_bytes(_png(number))


def _png(number: int) -> bytes:
    """Return a small image of noise, so that no two are alike."""
    pixels = random.Random(number).randbytes(3 * _SIDE * _SIDE)  # noqa: S311 - not for secrets
    lines = b"".join(
        b"\0" + pixels[start : start + 3 * _SIDE] for start in range(0, len(pixels), 3 * _SIDE)
    )
    header = struct.pack(">2L5B", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _path_of(number: int) -> str:
    return f"{number // _PER_FOLDER:05d}/{number:08d}.jpg"


def main() -> None:
    """Run all steps, or one of them in this process."""
    if len(sys.argv) < 4:
        result = run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
        text = json.dumps(result, indent=2)
        sys.stdout.write(text + "\n")
        folder = Path(__file__).parent / "results"
        folder.mkdir(exist_ok=True)
        (folder / "large.json").write_text(text + "\n")
        return
    step, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if step == "write":  # not in the first process: children inherit its peak
        _write_images(folder / "src" / "bench-images", rows)
        return
    build = Build(
        sources=folder / "src",
        out=folder / "out",
        plan=Plan(formats=("webdataset",), max_reject_share=1),
        plan_only=step == "plan",
    )
    build.unit(task(rows, path_of=_path_of), "train")


if __name__ == "__main__":
    main()
