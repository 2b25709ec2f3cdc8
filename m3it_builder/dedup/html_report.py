"""The report as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from m3it_builder.dedup.samples import Sample

_TEMPLATE = "report.html.jinja"
_MANY_PAIRS = 100  # from here on, one line with most of all near-duplicates is remarkable


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table of matches."""

    counts: Mapping[str, Any]  # an entry of ``shared`` in report.json
    anchor: str  # of its first sample pair; "" where none is shown
    query: str  # SQL that lists its pairs


def write_html(path: Path, report: Mapping[str, Any], samples: Sequence[Sample]) -> None:
    """Write the HTML report.

    Args:
        path: of the file.
        report: the content of ``report.json``.
        samples: pairs to show with their texts and images.
    """
    # Ids, texts and reasons come from the data: autoescape keeps them from becoming markup.
    environment = Environment(
        loader=PackageLoader("m3it_builder.dedup"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    anchors = _anchors(samples)
    lines = [_line(counts, anchors) for counts in report["shared"]]
    lines.sort(key=lambda line: -line.counts["pairs"])
    environment.filters["thousands"] = lambda count: f"{count:,}"
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    html = environment.get_template(_TEMPLATE).render(
        report=report,
        leaks=[line for line in lines if is_leak(line.counts)],
        others=[line for line in lines if not is_leak(line.counts)],
        samples=samples,
        anchors=anchors,
        dominant=_dominant(report["shared"]),
    )
    path.write_text(html, encoding="utf-8")


def is_leak(counts: Mapping[str, Any]) -> bool:
    """Return True if the counts of ``shared`` are between training and evaluation."""
    return str(counts["left"]).endswith("/train") != str(counts["right"]).endswith("/train")


def _anchors(samples: Sequence[Sample]) -> dict[tuple[str, str, str], str]:
    """Return the anchor of the first sample pair of each line, by (left, right, kind)."""
    keys = dict.fromkeys((sample.left.unit, sample.right.unit, sample.kind) for sample in samples)
    return {key: f"pairs-{number}" for number, key in enumerate(keys)}


def _line(counts: Mapping[str, Any], anchors: Mapping[tuple[str, str, str], str]) -> Line:
    left, right, kind = (str(counts[name]) for name in ("left", "right", "kind"))
    columns = {"left_unit": left, "right_unit": right, "kind": kind}
    tests = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in columns.items())
    query = f"FROM 'pairs.parquet' WHERE {' AND '.join(tests)}"
    return Line(counts, anchors.get((left, right, kind), ""), query)


def _dominant(shared: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the counts that hold most of all near-duplicates, if these are many."""
    near = [counts for counts in shared if counts["kind"] == "near"]
    largest = max(near, key=lambda counts: int(counts["pairs"]), default=None)
    total = sum(int(counts["pairs"]) for counts in near)
    if largest is None or total < _MANY_PAIRS or largest["pairs"] * 2 <= total:
        return None
    return largest
