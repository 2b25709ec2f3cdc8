"""The benchmark tables of the README, generated from the results of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_README = Path(__file__).resolve().parents[1] / "README.md"
_START, _END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_BASELINES = "webdataset.ShardWriter", "datasets to Parquet"  # besides plain concatenation
_BOX_COLUMNS = {
    "speed, against Pillow": "speed, relative to Pillow",
    "PSNR off the lines, dB": "PSNR off the lines, dB",
    "size, against the source": "size, relative to the source",
}


def write(results: Mapping[str, Any]) -> None:
    """Replace the text between the markers in the README."""
    before, _, rest = _README.read_text(encoding="utf-8").partition(_START)
    _, _, after = rest.partition(_END)
    text = f"{before}{_START}\n{markdown(results)}{_END}{after}"
    _README.write_text(text, encoding="utf-8")


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables and lines of the benchmarks in the results."""
    tables = {"phase_b": _packing_table, "boxes": _box_table, "scale": _memory_table}
    parts = [table(results[name]) for name, table in tables.items() if name in results]
    lines = [_LINES[name](results[name]) for name in _LINES if name in results]
    return "\n".join([*parts, *lines, ""])


def _packing_table(result: Mapping[str, Any]) -> str:
    speeds = {
        name: way["of concatenation"]
        for name, way in result["ways"].items()
        if isinstance(way, dict)
    }
    rows = [
        (
            f"**{name}**" if name.startswith("m3it") else name,
            f"{speed:.2f}",
            *(f"{speed / speeds[baseline]:.2f}" for baseline in _BASELINES),
        )
        for name, speed in sorted(speeds.items(), key=lambda item: -item[1])
    ]
    head = (
        f"speed: {result['images']:,} images of {result['bytes an image'] / 1e3:.0f} KB, one core",
        "relative to concatenation",
        *(f"relative to *{baseline}*" for baseline in _BASELINES),
    )
    return _table(head, rows)


def _box_table(result: Mapping[str, Any]) -> str:
    rows = [
        (f"**{name}**" if name == "m3it" else name, *(str(way[key]) for key in _BOX_COLUMNS))
        for name, way in result.items()
    ]
    return _table(("drawing a box on a JPEG", *_BOX_COLUMNS.values()), rows)


def _memory_table(result: Mapping[str, Any]) -> str:
    peaks = result["memory"]
    rows = [(name, *(str(value) for value in peak.values())) for name, peak in peaks.items()]
    columns = next(iter(peaks.values()))
    return _table(("peak memory of a build", *columns), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, ""])


def _workers_line(result: Mapping[str, Any]) -> str:
    ratio = result["workers"]["speed of two, against one"]
    return f"- Two workers draw boxes {ratio} times as fast as one (wall-clock time)."


def _phase_a_line(result: Mapping[str, Any]) -> str:
    gigabytes = result["annotation bytes"] / 1e9
    growth = result["peak, against a tenth of the questions"]
    speed = result["speed, against bare ijson over the same files"]
    return (
        f"- Phase A: {result['questions']:,} questions ({gigabytes:.1f} GB), "
        f"{result['rows a second']:,} rows per second, {speed} times the speed of plain `ijson`; "
        f"peak memory {result['peak MB']:.0f} MB, {growth} times that of a tenth of the questions."
    )


def _help_line(result: Mapping[str, Any]) -> str:
    ratio = result["help cost, against an empty typer app"]
    return f"- `m3it --help` takes {ratio} times as long as an empty typer app."


def _parquet_line(result: Mapping[str, Any]) -> str:
    ratio = result["images"]["pyarrow, of ours"]
    return (
        f"- Packing Parquet through pyarrow {result['pyarrow']} takes {ratio} times the CPU time "
        "of our own page writer."
    )


def _siblings_line(result: Mapping[str, Any]) -> str:
    return (
        f"- {result['siblings']} siblings and their base take "
        f"{result['parquet, against base and texts']} times their bytes and texts as Parquet, "
        f"{result['webdataset, against base and texts']} times as WebDataset (images of 3 kB; tar "
        "headers outweigh such texts)."
    )


def _units_line(result: Mapping[str, Any]) -> str:
    ratio = result["two workers, against two builds"]
    return (
        f"- Two workers build the forty tasks {ratio} times as fast as two builds side by side, "
        "each of half the tasks with one worker."
    )


def _safety_line(result: Mapping[str, Any]) -> str:
    syncing, headers = (
        result[f"{name}, share of CPU time"] for name in ("syncing", "header checks")
    )
    return (
        f"- Of the CPU time of packing, syncing to disk takes {syncing:.1%}, and the comparison of "
        f"tar headers {headers:.1%}."
    )


_LINES = {
    "parquet": _parquet_line,
    "scale": _workers_line,
    "units": _units_line,
    "siblings": _siblings_line,
    "safety": _safety_line,
    "phase_a": _phase_a_line,
    "help_cost": _help_line,
}
