"""The report as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from m3it_builder.dedup.samples import Sample

_TEMPLATE = "report.html.jinja"


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
    environment.filters["thousands"] = lambda count: f"{count:,}"
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    html = environment.get_template(_TEMPLATE).render(
        report=report,
        leaks=[counts for counts in report["shared"] if is_leak(counts)],
        others=[counts for counts in report["shared"] if not is_leak(counts)],
        samples=samples,
    )
    path.write_text(html, encoding="utf-8")


def is_leak(counts: Mapping[str, Any]) -> bool:
    """Return True if the counts of ``shared`` are between training and evaluation."""
    return str(counts["left"]).endswith("/train") != str(counts["right"]).endswith("/train")
