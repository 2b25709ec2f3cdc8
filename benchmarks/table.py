"""The tables of the README, made of one run's results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_README = Path(__file__).resolve().parents[1] / "README.md"
_START, _END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_ASIDES = "webdataset.ShardWriter", "datasets to Parquet"


def write(results: Mapping[str, Any]) -> None:
    """Put the tables between the marks in the README."""
    before, _, rest = _README.read_text(encoding="utf-8").partition(_START)
    _, _, after = rest.partition(_END)
    text = f"{before}{_START}\n{markdown(results)}{_END}{after}"
    _README.write_text(text, encoding="utf-8")


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables of those benchmarks that were run."""
    makers = {"phase_b": _ways, "boxes": _boxes, "scale": _scale}
    parts = [maker(results[name]) for name, maker in makers.items() if name in results]
    lines = [_LINES[name](results[name]) for name in _LINES if name in results]
    return "\n".join([*parts, *lines, ""])


def _ways(found: Mapping[str, Any]) -> str:
    ways = {name: way for name, way in found["ways"].items() if isinstance(way, dict)}
    asides = [ways[name]["of concatenation"] for name in _ASIDES]
    rows = [
        (
            f"**{name}**" if name.startswith("m3it") else name,
            f"{way['of concatenation']:.2f}",
            *(f"{way['of concatenation'] / aside:.2f}" for aside in asides),
        )
        for name, way in sorted(ways.items(), key=lambda item: -item[1]["of concatenation"])
    ]
    head = (
        f"{found['images']:,} images of {found['bytes an image'] / 1e3:.0f} KB, one core",
        "of plain concatenation",
        *(f"against {name}" for name in _ASIDES),
    )
    return _table(head, rows)


def _boxes(found: Mapping[str, Any]) -> str:
    keys = ("speed, against Pillow", "PSNR off the lines, dB", "size, against the source")
    rows = [
        (f"**{name}**" if name == "m3it" else name, *(str(way[key]) for key in keys))
        for name, way in found.items()
    ]
    return _table(("a box on a JPEG", *keys), rows)


def _scale(found: Mapping[str, Any]) -> str:
    rows = [
        (form, *(str(value) for value in peak.values())) for form, peak in found["memory"].items()
    ]
    heads = next(iter(found["memory"].values()))
    return _table(("peak memory of a build", *heads), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, ""])


def _said_of_scale(found: Mapping[str, Any]) -> str:
    ratio = found["workers"]["speed of two, against one"]
    return f"- Two workers draw boxes {ratio} times as fast as one, by the clock."


def _said_of_phase_a(found: Mapping[str, Any]) -> str:
    return (
        f"- {found['questions']:,} questions ({found['annotation bytes'] / 1e9:.1f} GB): "
        f"{found['rows a second']:,} rows a second, peak {found['peak MB']:.0f} MB "
        f"({found['peak, against a tenth of the questions']} times that of a tenth of it), "
        f"{found['speed, against bare ijson over the same files']} of the speed of bare `ijson`."
    )


def _said_of_help(found: Mapping[str, Any]) -> str:
    ratio = found["help cost, against an empty typer app"]
    return f"- `m3it --help` costs {ratio} times what an empty typer app costs."


def _parquet_line(result: Mapping[str, Any]) -> str:
    ratio = result["images"]["pyarrow, of ours"]
    return (
        f"- Packing Parquet through pyarrow {result['pyarrow']} instead of our own pages takes "
        f"{ratio} times the CPU time."
    )


_LINES = {
    "parquet": _parquet_line,
    "scale": _said_of_scale,
    "phase_a": _said_of_phase_a,
    "help_cost": _said_of_help,
}
