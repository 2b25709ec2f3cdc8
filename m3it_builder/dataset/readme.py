"""README files that make a folder loadable: their headers declare configs and features.

``datasets`` chooses one reader for a folder from its first config, so every format has its
own README, and that of the task names the format that loads best. Features must be declared:
otherwise ``datasets`` infers them from the first few rows, and drops images of rows that
have more (see ``shards.features``). Parquet files declare their features themselves. Their
folder has no README, because most other readers take every file of a folder for Parquet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from m3it_builder.dataset.arrow_state import write_splits
from m3it_builder.dataset.join_text import join_text
from m3it_builder.dataset.manifest import CardFacts, Manifest
from m3it_builder.records import SPLITS
from m3it_builder.shards.features import Feature, format_features, to_yaml
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.atomic import remove_partials, write_atomic

README = "README.md"
# SPDX identifiers; those of the Hub are the same in lower case.
_HUB_LICENSES = (
    *("Apache-2.0", "BSD-3-Clause", "MIT", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0"),
    *("CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0"),
)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same text, four times as fast
_SEE_ABOVE = "\n\nSee the README one folder up.\n"


def write_readmes(folder: Path, units: Sequence[Manifest]) -> None:
    """Write the README files of a task for its finished units; none if there are no rows."""
    units = [unit for unit in units if unit.shards]  # loaders reject patterns without matches
    by_format = {name: [unit for unit in units if name in unit.formats] for name in FORMATS}
    formats = [name for name in FORMATS if by_format[name]]
    # The format with most splits comes first; of several, the one that loads best.
    formats.sort(key=lambda name: (-len(by_format[name]), FORMATS[name].loading_rank))
    for name, entry in FORMATS.items():
        if entry.folder_file is None:
            continue
        path = folder / name / entry.folder_file
        if name not in formats:
            path.unlink(missing_ok=True)
        elif entry.state_file:
            write_splits(path.parent, [unit.split for unit in by_format[name]])
        else:
            header = _header(by_format[name], name, inside=True)
            _write(path, header, _format_text(by_format[name], name))
    for path in obsolete_readmes(folder):
        path.unlink()
    if not formats:
        (folder / README).unlink(missing_ok=True)
        return
    header = _header(by_format[formats[0]], formats[0], inside=False)
    _write(folder / README, header, _text(units, formats))


def expected_readmes(folder: Path, units: Sequence[Manifest]) -> list[Path]:
    """Return the paths of the files that ``write_readmes`` writes for these units."""
    formats = sorted({name for unit in units if unit.shards for name in unit.formats})
    inside = [folder / name / file for name in formats if (file := FORMATS[name].folder_file)]
    return [folder / README, *inside] if formats else []


def obsolete_readmes(folder: Path) -> list[Path]:
    """Return READMEs of an older version, in folders of formats that have none now."""
    paths = [folder / name / README for name, entry in FORMATS.items() if not entry.folder_file]
    return [path for path in paths if _is_format_readme(path)]


def _is_format_readme(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return text.startswith("---\npretty_name:") and text.endswith(_SEE_ABOVE)


def remove_readmes(folder: Path) -> None:
    """Remove the README files while a unit is being replaced."""
    (folder / README).unlink(missing_ok=True)
    for name, entry in FORMATS.items():
        if entry.folder_file:
            (folder / name / entry.folder_file).unlink(missing_ok=True)
    for path in obsolete_readmes(folder):
        path.unlink()


def declared_features(units: Sequence[Manifest], name: str) -> dict[str, Feature]:
    """Return the features of one format, as its README declares them: for the rows as built."""
    max_images = max(unit.max_images for unit in units)
    return format_features(name, units[0].plan.images, max_images)


def config_entries(
    units: Sequence[Manifest], name: str, config: str, prefix: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of one config in ``configs`` and in ``dataset_info``.

    Args:
        units: of one task, all with shards in this format.
        name: of the format.
        config: name of the config.
        prefix: from the README to the folder of the format, with a slash at the end.
    """
    entry = FORMATS[name]
    files = [{"split": unit.split, "path": prefix + entry.pattern(unit.split)} for unit in units]
    splits = [
        {
            "name": unit.split,
            "num_bytes": sum(one.files[name].bytes for one in unit.shards if name in one.files),
            "num_examples": unit.instances,
        }
        for unit in units
    ]
    features = to_yaml(declared_features(units, name))
    info = {"config_name": config, "features": features, "splits": splits}
    return {"config_name": config, "data_files": files}, info


def license_fields(card: CardFacts) -> dict[str, str]:
    """Return the license of a task in the terms of the Hub, which filters by identifier.

    A dataset has an identifier there if its annotations and images have the same license,
    and the Hub knows it; otherwise ``other``, with the license of the annotations as text.
    """
    if card.license == card.image_license and card.license in _HUB_LICENSES:
        return {"license": card.license.lower()}
    return {"license": "other", "license_name": card.license}


def document(header: dict[str, Any], text: str) -> str:
    """Return a README with a YAML header."""
    head = yaml.dump(header, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{head}---\n\n{text}"


def _header(units: Sequence[Manifest], name: str, inside: bool) -> dict[str, Any]:
    card = units[0].card
    config, info = config_entries(units, name, "default", "" if inside else f"{name}/")
    return {
        "pretty_name": card.title,
        "language": list(card.languages),
        **license_fields(card),
        "configs": [config],
        "dataset_info": info,
    }


def _write(path: Path, header: dict[str, Any], text: str) -> None:
    remove_partials(path)
    write_atomic(path, document(header, text).encode())


def _format_text(units: Sequence[Manifest], name: str) -> str:
    return f"# {units[0].card.title} as {name}{_SEE_ABOVE}"


def _text(units: Sequence[Manifest], formats: Sequence[str]) -> str:
    first, card = units[0], units[0].card
    lines = [
        f"# {card.title}",
        "",
        f"Task `{first.task}` of the M3IT instruction-tuning collection, {_origin(first)} "
        f"with m3it_builder {first.toolchain.get('m3it_builder', 'unknown')}.",
        "",
        f"- Source: {card.homepage} ({card.citation})",
        f"- License of the annotations: {card.license}",
        f"- License of the images: {card.image_license}",
        "",
        "| split | rows | images | source examples | rejects |",
        "|---|---:|---:|---:|---|",
        *map(_table_row, sorted(units, key=lambda unit: SPLITS.index(unit.split))),
        "",
        f"{_completeness(units)} `meta/<split>/index.parquet` has all text columns, and the shard "
        "and byte range of every row.",
        "",
        "## Load it",
        "",
        "```python",
        "from datasets import load_dataset, load_from_disk",
        "",
        *(f'rows = {FORMATS[name].loader}("{first.task}/{name}")' for name in formats),
        "```",
        "",
        *join_text(first),
    ]
    if first.plan.sample:
        lines.insert(2, "**Sample data**: synthetic scenes, not the official files.\n")
    return "\n".join(lines)


def _completeness(units: Sequence[Manifest]) -> str:
    listed = "is either a row or listed in `meta/<split>/rejects.parquet` with a reason."
    first = units[0]
    if first.sibling is None:
        return f"Every source example {listed}"
    parts = [
        f"{unit.split} has {unit.examples:,} of {unit.sibling.rows:,} rows of the base"
        for unit in units
        if unit.sibling and unit.plan.limit is not None and unit.examples < unit.sibling.rows
    ]
    if not parts:
        return f"Every row of the base {listed}"
    return f"With --limit {first.plan.limit}, {', '.join(parts)}; each of those {listed}"


def _origin(unit: Manifest) -> str:
    if unit.sibling is not None:
        return f"made from `{unit.sibling.base}` ({unit.sibling.transformation})"
    adopted = unit.options.get("adopted_from")
    if unit.options.get("images_only"):
        return f"images without texts, for the sets made from it; adopted from {adopted}"
    return f"adopted from the published {adopted}" if adopted else "rebuilt from its official files"


def _table_row(unit: Manifest) -> str:
    rejects = ", ".join(f"{reason} {count:,}" for reason, count in unit.rejects.items()) or "none"
    return (
        f"| {unit.split} | {unit.instances:,} | {unit.images:,} | {unit.examples:,} | {rejects} |"
    )
