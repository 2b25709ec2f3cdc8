"""Two versions of a source, and undisturbed builds of them, for builds that are disturbed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample
from tests.support.paths import tree
from tests.support.processes import Marked, m3it

OTHERS = (("okvqa", "validation"), ("nlvr", "validation"))  # units built beside okvqa/train

_ROWS = 900
_ANNOTATIONS = (("OpenEnded_mscoco_train2014_questions", "questions"),
                ("mscoco_train2014_annotations", "annotations"))  # fmt: skip

Tree = Mapping[str, bytes]


@dataclass
class Arena:
    """Two versions of a source, and what undisturbed builds make of them."""

    folder: Path
    trees: list[Tree] = field(default_factory=list)  # of okvqa/train, by version
    others: dict[tuple[str, str], Tree] = field(default_factory=dict)
    seconds: float = 0.0  # of an undisturbed build

    def build(self, out: Path, version: int, unit: tuple[str, str], *more: str) -> Marked:
        """Start a build of one unit."""
        words = ("build", "--task", unit[0], "--split", unit[1], "--workers", "2")
        paths = ("--source", self.folder / f"version{version}", "--out", out)
        pipeline = ("--pipeline", self.folder / "small.yaml")
        return Marked(m3it(*words, *paths, *pipeline, *more))


def unit_tree(out: Path, task: str, split: str) -> Tree | None:
    """Return the shards and metadata of a unit, or None if it is not reported as built."""
    folder = out / task
    if not (folder / "meta" / split / "manifest.json").exists():
        return None
    return {name: data for name, data in tree(folder).items() if split in name}


def new_arena(folder: Path) -> Arena:
    """Write both versions of the source, and build them."""
    for name in ("okvqa", "nlvr"):
        write_sample(load_task(name), folder / "version0", _ROWS if name == "okvqa" else _ROWS // 4)
    shutil.copytree(folder / "version0", folder / "version1")
    for name, key in _ANNOTATIONS:
        path = folder / "version1" / "okvqa-annotations" / f"{name}.json"
        value = json.loads(path.read_text())
        del value[key][_ROWS // 3]
        path.write_text(json.dumps(value))
    (folder / "small.yaml").write_text(
        "output: {format: [webdataset, parquet, jsonl, arrow], shard_mb: 0.2}\n"
    )
    arena = Arena(folder)
    start = time.monotonic()
    for version in (0, 1):
        out = folder / f"expected{version}"
        assert arena.build(out, version, ("okvqa", "train")).finish()[0] == 0
        arena.trees.append(unit_tree(out, "okvqa", "train") or {})
    arena.seconds = (time.monotonic() - start) / 2
    for unit in OTHERS:
        assert arena.build(folder / "expected0", 0, unit).finish()[0] == 0
        arena.others[unit] = unit_tree(folder / "expected0", *unit) or {}
    assert arena.trees[0] != arena.trees[1]
    return arena


def runs_after(process: Marked, seconds: float) -> bool:
    """Wait for a moment of a build; return False if it has ended before."""
    try:
        process.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def runs_with_workers(process: Marked) -> bool:
    """Wait for the workers of a build; return False if it has ended before."""
    while not process.children():
        if not runs_after(process, 0.01):
            return False
    return True
