"""READMEs that make a folder load: configs and declared features.

``datasets`` picks one reader for a folder from its first config, so every
format has a README of its own, and the one above them names the format that
loads best. Declared features are not decoration: without them rows with more
images than the first few would lose them (see ``shards.features``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from m3it_builder.dataset.arrow_state import write_splits
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.records import SPLITS
from m3it_builder.shards.features import table_features, to_yaml, webdataset_features
from m3it_builder.shards.formats import FORMATS

_LOADS_BEST = ("parquet", "webdataset", "jsonl", "arrow")


def write_readmes(folder: Path, units: Sequence[Manifest]) -> None:
    """Write the READMEs of one task for its finished units; none where there are no rows."""
    units = [unit for unit in units if unit.shards]  # no pattern matches the files of an empty one
    held = {name: [u for u in units if name in u.formats] for name in _LOADS_BEST}
    formats = [name for name in _LOADS_BEST if held[name]]
    # What covers most splits comes first, and among equals what loads best.
    formats.sort(key=lambda name: -len(held[name]))
    for name in FORMATS:
        if name not in formats:
            (folder / name / "README.md").unlink(missing_ok=True)
        elif name == "arrow":
            write_splits(folder / "arrow", [unit.split for unit in held[name]])
        else:
            header = _header(held[name], name, inside=True)
            _write(folder / name / "README.md", header, _format_text(held[name], name))
    if "arrow" not in formats:
        (folder / "arrow" / "dataset_dict.json").unlink(missing_ok=True)
    if not formats:
        (folder / "README.md").unlink(missing_ok=True)
        return
    header = _header(held[formats[0]], formats[0], inside=False)
    _write(folder / "README.md", header, _text(units, formats))


def expected_readmes(folder: Path, units: Sequence[Manifest]) -> list[Path]:
    """Return the files that ``write_readmes`` leaves for these units."""
    formats = {name for unit in units if unit.shards for name in unit.formats}
    files = {name: "dataset_dict.json" if name == "arrow" else "README.md" for name in formats}
    inside = [folder / name / file for name, file in sorted(files.items())]
    return [folder / "README.md", *inside] if formats else []


def remove_readmes(folder: Path) -> None:
    """Take the READMEs away while a unit is being replaced."""
    for path in [folder / "README.md", *(folder / name / "README.md" for name in FORMATS)]:
        path.unlink(missing_ok=True)
    (folder / "arrow" / "dataset_dict.json").unlink(missing_ok=True)


def _header(units: Sequence[Manifest], name: str, inside: bool) -> dict[str, Any]:
    card = units[0].card
    prefix = "" if inside else f"{name}/"
    if FORMATS[name].folder_a_split:
        patterns = {unit.split: f"{prefix}{unit.split}/{unit.split}-*" for unit in units}
    else:
        patterns = {unit.split: f"{prefix}{unit.split}-*" for unit in units}
    images = units[0].plan["images"]
    features = (
        webdataset_features(images, max(unit.card["images"]["max"] for unit in units))
        if name == "webdataset"
        else table_features("base64" if name == "jsonl" else images)
    )
    return {
        "pretty_name": card["title"],
        "language": [card["lang"]],
        "license": "other",
        "license_name": card["license"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"{pattern}.{FORMATS[name].suffix}"}
                    for split, pattern in patterns.items()
                ],
            }
        ],
        "dataset_info": {
            "config_name": "default",
            "features": to_yaml(features),
            "splits": [
                {
                    "name": unit.split,
                    "num_bytes": sum(shard["files"][name]["bytes"] for shard in unit.shards),
                    "num_examples": unit.instances,
                }
                for unit in units
            ],
        },
    }


def _write(path: Path, header: dict[str, Any], text: str) -> None:
    head = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=100)
    partial = path.with_name(".README.md.partial")
    partial.write_text(f"---\n{head}---\n\n{text}", encoding="utf-8")
    partial.replace(path)


def _format_text(units: Sequence[Manifest], name: str) -> str:
    return f"# {units[0].card['title']} as {name}\n\nSee the README one folder up.\n"


def _text(units: Sequence[Manifest], formats: Sequence[str]) -> str:
    card = units[0].card
    lines = [
        f"# {card['title']}",
        "",
        f"Task `{units[0].task}` of the M3IT instruction-tuning collection, {_made(units[0])} "
        f"with m3it_builder {units[0].toolchain['m3it_builder']}.",
        "",
        f"- Source: {card['homepage']} ({card['citation']})",
        f"- License of the annotations: {card['license']}",
        f"- License of the images: {card['image_license']}",
        "",
        "| split | rows | images | examples in the source | left out |",
        "|---|---:|---:|---:|---|",
        *map(_table_row, sorted(units, key=lambda unit: SPLITS.index(unit.split))),
        "",
        "Every example of the source is a row, or stands in `meta/<split>/rejects.parquet` "
        "with its reason. `meta/<split>/index.parquet` holds all text columns and the place of "
        "every row in its shard.",
        "",
        "## Load it",
        "",
        "```python",
        *_loading(units[0].task, formats),
        "```",
        "",
    ]
    if units[0].plan["sample"]:
        lines.insert(2, "**Sample data**: drawn by a scene generator, not by the official files.\n")
    return "\n".join(lines)


def _made(unit: Manifest) -> str:
    adopted = unit.options.get("adopted_from")
    return f"adopted from the published {adopted}" if adopted else "rebuilt from its official files"


def _table_row(unit: Manifest) -> str:
    left_out = ", ".join(f"{reason} {count:,}" for reason, count in unit.rejects.items()) or "none"
    return (
        f"| {unit.split} | {unit.instances:,} | {unit.images:,} | {unit.examples:,} | {left_out} |"
    )


def _loading(task: str, formats: Sequence[str]) -> list[str]:
    lines = ["from datasets import load_dataset, load_from_disk", ""]
    for name in formats:
        call = "load_from_disk" if name == "arrow" else "load_dataset"
        lines.append(f'rows = {call}("{task}/{name}")')
    return lines
