"""Compares READMEs and Arrow's JSON files, which loaders read first, with the manifests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from m3it_builder.dataset.build_readme import built_tasks, common_format, is_foreign_readme
from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.dataset.readme import README, license_fields
from m3it_builder.records import JsonObject
from m3it_builder.shards.features import table_features, to_json, to_yaml, webdataset_features
from m3it_builder.shards.formats import FORMATS
from m3it_builder.sources.archives import is_safe
from m3it_builder.storage.atomic import is_partial
from m3it_builder.verify.findings import Findings, Tally
from m3it_builder.verify.privacy import PrivacyScanner
from m3it_builder.verify.stored_row import first_line

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is optional in PyYAML
# What a header of unexpected structure raises when it is read as if it were well-formed.
_MALFORMED = (LookupError, TypeError, AttributeError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True)
class _Readme:
    """A README, and the format its config loads."""

    folder: Path
    format: str
    prefix: str  # from the README to the folder of the format
    units: tuple[Manifest, ...]


def check_readmes(
    folder: Path, manifests: Sequence[Manifest], scanner: PrivacyScanner, tally: Tally
) -> None:
    """Check all files of a task that loaders read before its shards."""
    with_shards = [manifest for manifest in manifests if manifest.shards]
    by_format = {
        name: tuple(unit for unit in with_shards if name in unit.plan.formats) for name in FORMATS
    }
    for name, units in by_format.items():
        if units and FORMATS[name].folder_file == README:
            _check(_Readme(folder / name, name, "", units), folder, scanner, tally)
    if by_format["arrow"]:
        tally.extend(f"{folder.name}/arrow", _check_arrow(folder / "arrow", by_format["arrow"]))
    if with_shards:
        _check(_task_readme(folder, by_format), folder, scanner, tally)


def check_build_readme(out: Path, scanner: PrivacyScanner, tally: Tally) -> None:
    """Check the README of an output folder; one that is not of a build is left to its author."""
    path, tasks = out / README, built_tasks(out)
    for partial in filter(is_partial, sorted(out.glob(f".{README}.*"))):
        tally.add("partial_file", partial.name, "")
    if is_foreign_readme(path):
        return
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        # Without local state the folder may be a collection of copies, which needs none.
        if tasks and (out / STATE_FOLDER).is_dir():
            tally.add("readme_missing", README, "")
        return
    tally.extend(README, scanner.scan_document(text))
    header = _parse_header(text)  # its digest is right, so it is as it was written
    configs = {config["config_name"]: config for config in header["configs"]}
    infos = {info["config_name"]: info for info in header["dataset_info"]}
    name = common_format(tasks) if tasks else ""
    expected = {
        task: chosen
        for task, units in tasks.items()
        if (chosen := tuple(unit for unit in units if name in unit.plan.formats))
    }
    for task in sorted(expected.keys() ^ configs.keys()):
        state = "is not listed" if task in expected else "does not exist"
        tally.add("readme_files", README, f"{task} {state}")
    for task in expected.keys() & configs.keys():
        readme = _Readme(out, name, f"{task}/{name}/", expected[task])
        tally.extend(README, _check_config(configs[task], infos[task], readme))


def _task_readme(folder: Path, by_format: dict[str, tuple[Manifest, ...]]) -> _Readme:
    """Return the README of the task, with the format that its first pattern names."""
    try:
        header = _parse_header((folder / README).read_text(encoding="utf-8"))
        name = header["configs"][0]["data_files"][0]["path"].partition("/")[0]
    except (OSError, yaml.YAMLError, *_MALFORMED):
        name = ""
    if not by_format.get(name):
        # Any format that was built will do: _check reports what is wrong with the README.
        name = next(name for name, units in by_format.items() if units)
    return _Readme(folder, name, f"{name}/", by_format[name])


def _check(readme: _Readme, folder: Path, scanner: PrivacyScanner, tally: Tally) -> None:
    path = readme.folder / README
    where = f"{folder.name}/{path.relative_to(folder).as_posix()}"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        tally.add("readme_missing", where, "")
        return
    except (OSError, ValueError) as error:
        tally.add("readme_header", where, first_line(error))
        return
    tally.extend(where, scanner.scan_document(text))
    try:
        tally.extend(where, list(_check_header(_parse_header(text), readme)))
    except (yaml.YAMLError, *_MALFORMED) as error:
        tally.add("readme_header", where, f"{type(error).__name__}: {first_line(error)}")


def _parse_header(text: str) -> Any:
    before, header, _ = text.split("---\n", 2)
    if before:
        raise ValueError("it does not begin with ---")
    return yaml.load(header, Loader=_LOADER)  # noqa: S506 - a safe loader


def _check_header(header: Any, readme: _Readme) -> Findings:
    card = readme.units[0].card
    licenses = {key: header[key] for key in ("license", "license_name") if key in header}
    stated = header["pretty_name"], header["language"], licenses
    if stated != (card.title, list(card.languages), license_fields(card)):
        yield "readme_header", f"title, language or license differ from the card: {stated}"
    yield from _check_config(header["configs"][0], header["dataset_info"], readme)


def _check_config(config: Any, info: Any, readme: _Readme) -> Findings:
    patterns = {entry["split"]: entry["path"] for entry in config["data_files"]}
    yield from _check_patterns(patterns, readme)
    if info["features"] != _features(readme):
        yield "readme_features", f"not those of {readme.format} files"
    counts = {s["name"]: (s["num_examples"], s["num_bytes"]) for s in info["splits"]}
    for unit in readme.units:
        rows, size = (
            unit.instances,
            sum(s.files[readme.format].bytes for s in unit.shards if readme.format in s.files),
        )
        if counts.pop(unit.split, None) != (rows, size):
            yield "readme_counts", f"{unit.split} has {rows:,} rows in {size:,} bytes"
    for split in counts:
        yield "readme_counts", f"{split} does not exist"


def _check_patterns(patterns: dict[str, str], readme: _Readme) -> Findings:
    units = {unit.split: unit for unit in readme.units}
    for split in sorted(units.keys() ^ patterns.keys()):
        yield "readme_files", f"{split} {'is not listed' if split in units else 'does not exist'}"
    for split in units.keys() & patterns.keys():
        if not is_safe(patterns[split]):
            yield "readme_files", f"{patterns[split]} points outside the folder"
            continue
        matches = {
            path.relative_to(readme.folder).as_posix()
            for path in readme.folder.glob(patterns[split])
        }
        if unmatched := matches ^ _shard_paths(units[split], readme):
            files = ", ".join(sorted(unmatched)[:3])
            yield "readme_files", f"{patterns[split]} matches too much or too little: {files}"


def _shard_paths(unit: Manifest, readme: _Readme) -> set[str]:
    """Return the expected paths of a unit's shards, relative to the folder of the README."""
    paths = (FORMATS[readme.format].path(unit.split, shard.shard) for shard in unit.shards)
    return {readme.prefix + path.partition("/")[2] for path in paths}


def _features(readme: _Readme) -> list[JsonObject]:
    images = readme.units[0].plan.images
    if readme.format == "webdataset":
        max_images = max(unit.max_images for unit in readme.units)
        return to_yaml(webdataset_features(images, max_images))
    return to_yaml(table_features(FORMATS[readme.format].image_encoding(images)))


def _check_arrow(folder: Path, units: tuple[Manifest, ...]) -> Findings:
    splits = _json(folder / "dataset_dict.json")
    expected = [unit.split for unit in units]
    if not isinstance(splits, dict) or splits.get("splits") != expected:
        yield "arrow_state", f"dataset_dict.json does not list {', '.join(expected)}"
    for unit in units:
        state = _json(folder / unit.split / "state.json")
        files = [shard.files["arrow"] for shard in unit.shards if "arrow" in shard.files]
        names = [Path(file.path).name for file in files]
        if not isinstance(state, dict) or not _lists_shards(state, names, unit.split):
            yield "arrow_state", f"{unit.split}/state.json does not list the shards"
        info = _json(folder / unit.split / "dataset_info.json")
        features = to_json(table_features(unit.plan.images))
        if not isinstance(info, dict) or info.get("features") != features:
            yield "arrow_state", f"{unit.split}/dataset_info.json has other features"


def _lists_shards(state: JsonObject, names: list[str], split: str) -> bool:
    files = [{"filename": name} for name in names]
    return state.get("_data_files") == files and state.get("_split") == split


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
