"""What `m3it --help` costs, against a typer app with as many commands that do nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

EMPTY = """
import typer
app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
@app.command()
def one() -> None: "Do nothing."
@app.command()
def two() -> None: "Do nothing."
app()
"""
OURS = "from m3it_builder.cli import main; main()"
PROBE = """
import sys
from m3it_builder.cli import app
try: app(["--help"])
except SystemExit: pass
standard = sys.stdlib_module_names
print("MODULES", *sorted({n.split(".")[0] for n in sys.modules} - set(standard)))
"""


def run() -> dict[str, object]:
    """Return the ratio of the medians of 25 interleaved runs, and what is imported."""
    times: dict[str, list[float]] = {"empty": [], "ours": []}
    for _ in range(25):
        for name, code in (("empty", EMPTY), ("ours", OURS)):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code, "--help"], check=True, capture_output=True)
            times[name].append(time.perf_counter() - began)
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    modules = said.stdout.rpartition("MODULES")[2].split()
    ratio = statistics.median(times["ours"]) / statistics.median(times["empty"])
    return {
        "help cost, against an empty typer app": round(ratio, 3),
        "modules beyond the standard library": [name for name in modules if name[0] != "_"],
    }


NAME = Path(__file__).stem
