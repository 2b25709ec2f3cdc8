"""The report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from m3it_builder.dedup.samples import Sample, Side

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1f; --soft: #63636b; --paper: #fbfbf9;
  --card: #fff; --line: #e2e2de; --accent: #37309f; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --soft: #a0a0aa; --paper: #141417;
  --card: #1e1e23; --line: #34343b; --accent: #b0a9ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 70rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
p { max-width: 46rem; } .soft { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.4rem 0; padding: 0; }
.facts li { list-style: none; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; padding: .7rem 1.1rem; }
.facts b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card);
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .8rem; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; font-size: .85rem; } .number { text-align: right; }
summary { cursor: pointer; color: var(--accent); margin: 1rem 0; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem; }
.pair { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem; min-width: 0; }
.pair h3 { margin: 0 0 .6rem; font-size: .85rem; color: var(--accent); }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; }
.sides > div { min-width: 0; overflow-wrap: anywhere; font-size: .82rem; line-height: 1.4; }
.sides img { width: 100%; height: 8rem; object-fit: contain; background: var(--paper);
  border-radius: .3rem; }
.sides p { margin: .3rem 0 0; white-space: pre-wrap; }
"""
_KINDS = {"exact": "the same image", "near": "images that look alike", "text": "texts alike"}


def write_page(path: Path, report: dict[str, Any], samples: Sequence[Sample]) -> None:
    """Write the report for people; every text of the data is escaped."""
    body = [
        "<h1>Rows that are alike</h1>",
        f'<p class="soft">{_said(report["settings"])}</p>',
        _facts(report),
        "<h2>By pair of splits</h2>",
        "<p>First what crosses from training to evaluation. A line counts distinct images, and "
        "beside them the rows on either side that have a like on the other.</p>",
        _shared(one for one in report["shared"] if crosses(one)),
        "<details><summary>All others</summary>",
        _shared(one for one in report["shared"] if not crosses(one)),
        "</details>",
        "<h2>Rows to leave out</h2>",
        _dropped(report),
        "<h2>Pairs to look at</h2>",
        "<p>At most two of a kind for each pair of splits, the least alike first.</p>",
        f'<div class="pairs">{"".join(map(_sample, samples))}</div>',
        _troubles(report["images"]),
    ]
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Rows that are alike</title><style>{_STYLE}</style></head>\n"
        f"<body>{''.join(body)}</body></html>\n"
    )
    path.write_text(text, encoding="utf-8")


def _said(settings: dict[str, Any]) -> str:
    return escape(
        f"Images are near where at most {settings['distance']} of 64 bits and "
        f"{settings['fine_distance']} of 256 differ and their colors agree; texts are alike "
        f"where at least {settings['share']:.0%} of the {settings['gram']}-word grams of an "
        f"evaluation row stand in a training row. Rule of the drop list: keep {settings['keep']}."
    )


def _facts(report: dict[str, Any]) -> str:
    images = report["images"]
    facts = [
        (sum(unit["rows"] for unit in report["units"]), "rows"),
        (images["distinct"], "distinct images"),
        (images["in_rows"], "places where they stand"),
        (sum(one["rows"] for one in report["dropped"]), "rows to leave out"),
        (images["flat"], "too flat to compare by look"),
        (images["unreadable"], "unreadable"),
    ]
    cells = "".join(f"<li><b>{count:,}</b>{name}</li>" for count, name in facts)
    return f'<ul class="facts">{cells}</ul>'


def _shared(shared: Iterable[dict[str, Any]]) -> str:
    head = ("", "", "alike by", "pairs", "rows left", "rows right")
    keys = ("left", "right", "kind", "pairs", "left_rows", "right_rows")
    rows = [[_KINDS[one[key]] if key == "kind" else one[key] for key in keys] for one in shared]
    return _table(head, rows)


def crosses(one: dict[str, Any]) -> bool:
    """Tell whether a line of the counts is between training and evaluation."""
    return str(one["left"]).endswith("/train") != str(one["right"]).endswith("/train")


def _dropped(report: dict[str, Any]) -> str:
    if not report["dropped"]:
        return "<p>None.</p>"
    rows = [[one["unit"], one["reason"], one["rows"]] for one in report["dropped"]]
    return (
        "<p><code>m3it build --drop drop.parquet</code> leaves them out, as rejects with the "
        f"reason <code>dropped</code>.</p>{_table(('', 'reason', 'rows'), rows)}"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows]
    if not lines:
        return "<p>None.</p>"
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f'<div class="wide"><table><tr>{top}</tr>{"".join(lines)}</table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"


def _sample(sample: Sample) -> str:
    how = _KINDS[sample.kind]
    if sample.kind == "near":
        how += f", {sample.distance} of 64 bits differ"
    if sample.share is not None:
        how += f", {sample.share:.0%}"
    sides = _side(sample.left) + _side(sample.right)
    return f'<div class="pair"><h3>{escape(how)}</h3><div class="sides">{sides}</div></div>'


def _side(side: Side) -> str:
    image = f'<img src="{escape(side.thumbnail)}" alt="">' if side.thumbnail else ""
    nth = f", image {side.image}" if side.image else ""
    return (
        f'<div>{image}<b>{escape(side.unit)}</b><br><span class="soft">{escape(side.id)}{nth}'
        f"</span><p>{escape(side.inputs)}</p><p><b>{escape(side.outputs)}</b></p></div>"
    )


def _troubles(images: dict[str, Any]) -> str:
    listed = images["unreadable_listed"]
    if not listed:
        return ""
    rows = [[one["unit"], one["id"], str(one["image"]), one["reason"]] for one in listed]
    more = images["unreadable"] - len(listed)
    note = f"<p>And {more:,} more.</p>" if more else ""
    return f"<h2>Unreadable images</h2>{_table(('', 'id', 'image', 'why'), rows)}{note}"
