"""README files that make a folder loadable: their headers declare configs and features.

``datasets`` chooses one reader for a folder from its first config, so every format has its
own README, and that of the task names the format that loads best. Features must be declared:
otherwise ``datasets`` infers them from the first few rows, and drops images of rows that
have more (see ``shards.features``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from m3it_builder.dataset.arrow_state import write_splits
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.records import SPLITS
from m3it_builder.shards.features import Feature, format_features, to_yaml
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.atomic import remove_partials, write_atomic

README = "README.md"


def write_readmes(folder: Path, units: Sequence[Manifest]) -> None:
    """Write the README files of a task for its finished units; none if there are no rows."""
    units = [unit for unit in units if unit.shards]  # loaders reject patterns without matches
    by_format = {name: [unit for unit in units if name in unit.formats] for name in FORMATS}
    formats = [name for name in FORMATS if by_format[name]]
    # The format with most splits comes first; of several, the one that loads best.
    formats.sort(key=lambda name: (-len(by_format[name]), FORMATS[name].loading_rank))
    for name, entry in FORMATS.items():
        path = folder / name / entry.folder_file
        if name not in formats:
            path.unlink(missing_ok=True)
        elif entry.state_file:
            write_splits(path.parent, [unit.split for unit in by_format[name]])
        else:
            header = _header(by_format[name], name, inside=True)
            _write(path, header, _format_text(by_format[name], name))
    if not formats:
        (folder / README).unlink(missing_ok=True)
        return
    header = _header(by_format[formats[0]], formats[0], inside=False)
    _write(folder / README, header, _text(units, formats))


def expected_readmes(folder: Path, units: Sequence[Manifest]) -> list[Path]:
    """Return the paths of the files that ``write_readmes`` writes for these units."""
    formats = sorted({name for unit in units if unit.shards for name in unit.formats})
    inside = [folder / name / FORMATS[name].folder_file for name in formats]
    return [folder / README, *inside] if formats else []


def remove_readmes(folder: Path) -> None:
    """Remove the README files while a unit is being replaced."""
    (folder / README).unlink(missing_ok=True)
    for name, entry in FORMATS.items():
        (folder / name / entry.folder_file).unlink(missing_ok=True)


def declared_features(units: Sequence[Manifest], name: str) -> dict[str, Feature]:
    """Return the features of one format, as its README declares them."""
    max_images = max(unit.card.images.max for unit in units)
    return format_features(name, units[0].plan.images, max_images)


def _header(units: Sequence[Manifest], name: str, inside: bool) -> dict[str, Any]:
    card, entry = units[0].card, FORMATS[name]
    prefix = "" if inside else f"{name}/"
    return {
        "pretty_name": card.title,
        "language": [card.lang],
        "license": "other",
        "license_name": card.license,
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": unit.split, "path": prefix + entry.pattern(unit.split)}
                    for unit in units
                ],
            }
        ],
        "dataset_info": {
            "config_name": "default",
            "features": to_yaml(declared_features(units, name)),
            "splits": [
                {
                    "name": unit.split,
                    "num_bytes": sum(shard.files[name].bytes for shard in unit.shards),
                    "num_examples": unit.instances,
                }
                for unit in units
            ],
        },
    }


def _write(path: Path, header: dict[str, Any], text: str) -> None:
    head = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=100)
    remove_partials(path)
    write_atomic(path, f"---\n{head}---\n\n{text}".encode())


def _format_text(units: Sequence[Manifest], name: str) -> str:
    return f"# {units[0].card.title} as {name}\n\nSee the README one folder up.\n"


def _text(units: Sequence[Manifest], formats: Sequence[str]) -> str:
    first, card = units[0], units[0].card
    lines = [
        f"# {card.title}",
        "",
        f"Task `{first.task}` of the M3IT instruction-tuning collection, {_origin(first)} "
        f"with m3it_builder {first.toolchain['m3it_builder']}.",
        "",
        f"- Source: {card.homepage} ({card.citation})",
        f"- License of the annotations: {card.license}",
        f"- License of the images: {card.image_license}",
        "",
        "| split | rows | images | source examples | rejects |",
        "|---|---:|---:|---:|---|",
        *map(_table_row, sorted(units, key=lambda unit: SPLITS.index(unit.split))),
        "",
        "Every source example is either a row or listed in `meta/<split>/rejects.parquet` "
        "with a reason. `meta/<split>/index.parquet` has all text columns, and the shard and "
        "byte range of every row.",
        "",
        "## Load it",
        "",
        "```python",
        "from datasets import load_dataset, load_from_disk",
        "",
        *(f'rows = {FORMATS[name].loader}("{first.task}/{name}")' for name in formats),
        "```",
        "",
    ]
    if first.plan.sample:
        lines.insert(2, "**Sample data**: synthetic scenes, not the official files.\n")
    return "\n".join(lines)


def _origin(unit: Manifest) -> str:
    adopted = unit.options.get("adopted_from")
    return f"adopted from the published {adopted}" if adopted else "rebuilt from its official files"


def _table_row(unit: Manifest) -> str:
    rejects = ", ".join(f"{reason} {count:,}" for reason, count in unit.rejects.items()) or "none"
    return (
        f"| {unit.split} | {unit.instances:,} | {unit.images:,} | {unit.examples:,} | {rejects} |"
    )
