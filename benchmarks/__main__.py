"""Run every benchmark, print the ratios, and keep them as JSON for comparison."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

from benchmarks import boxes, dedup, help_cost, phase_a, phase_b

BENCHMARKS = (help_cost, phase_a, phase_b, boxes, scale, dedup)


def main() -> None:
    """Run those named on the command line, or all."""
    wanted = sys.argv[1:] or [module.NAME for module in BENCHMARKS]
    results: dict[str, object] = {"python": platform.python_version()}
    for module in BENCHMARKS:
        if module.NAME in wanted:
            results[module.NAME] = module.run()
    text = json.dumps(results, indent=2)
    sys.stdout.write(text + "\n")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "latest.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
