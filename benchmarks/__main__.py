"""Run every benchmark, print the ratios, and keep them as JSON for comparison.

``python -m benchmarks`` writes ``benchmarks/results/latest.json`` and prints it;
names run just those; ``--keep`` also makes the run the reference of this
checkout: ``benchmarks/reference.json`` and the tables of the README.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

from benchmarks import (
    boxes,
    dedup,
    help_cost,
    parquet,
    phase_a,
    phase_b,
    safety,
    scale,
    siblings,
    table,
    units,
)

# Phase A fragments memory, at the cost of writers that buffer much: it comes late.
BENCHMARKS = (help_cost, phase_b, safety, parquet, boxes, scale, units, siblings, phase_a, dedup)


def main() -> None:
    """Run those named on the command line, or all."""
    words = [word for word in sys.argv[1:] if word != "--keep"]
    wanted = words or [module.NAME for module in BENCHMARKS]
    results: dict[str, object] = {"python": platform.python_version()}
    for module in BENCHMARKS:
        if module.NAME in wanted:
            results[module.NAME] = module.run()
    text = json.dumps(results, indent=2)
    sys.stdout.write(text + "\n")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "latest.json").write_text(text + "\n")
    if "--keep" in sys.argv:
        (Path(__file__).parent / "reference.json").write_text(text + "\n")
        table.write(results)


if __name__ == "__main__":
    main()
