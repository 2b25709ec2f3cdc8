"""READMEs and Arrow's JSON files: what makes the folders load, held against the manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from m3it_builder.shards.features import table_features, to_json, to_yaml, webdataset_features
from m3it_builder.shards.formats import FORMATS
from m3it_builder.sources.archives import is_safe
from m3it_builder.verify.faults import Tally
from m3it_builder.verify.manifest_schema import UnitClaim
from m3it_builder.verify.privacy import Watch
from m3it_builder.verify.stored_row import said

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, in C where it is there
_ODD = (LookupError, TypeError, AttributeError, ValueError, RuntimeError)  # of another shape
Findings = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Readme:
    """One README, and the format its config reads."""

    folder: Path  # that it lies in
    name: str  # of the format
    prefix: str  # of the format's folder, as seen from there
    units: tuple[UnitClaim, ...]


def check_readmes(folder: Path, claims: Sequence[UnitClaim], watch: Watch, tally: Tally) -> None:
    """Check all files that loaders read before the shards of a task."""
    claims = [claim for claim in claims if claim.shards]
    held = {name: tuple(c for c in claims if name in c.plan.formats) for name in FORMATS}
    for name, units in held.items():
        if units and name != "arrow":
            readme = _Readme(folder / name, name, "", units)
            _check(readme, folder, watch, tally)
    if held["arrow"]:
        tally.extend(f"{folder.name}/arrow", _arrow(folder / "arrow", held["arrow"]))
    if claims:
        main = _read_main(folder, held)
        _check(main, folder, watch, tally)


def _read_main(folder: Path, held: dict[str, tuple[UnitClaim, ...]]) -> _Readme:
    """Return the README of the task, which reads one of the formats: it says which."""
    try:
        head, _ = _parts((folder / "README.md").read_text(encoding="utf-8"))
        name = head["configs"][0]["data_files"][0]["path"].partition("/")[0]
    except (OSError, yaml.YAMLError, *_ODD):
        name = ""
    if name not in held or not held[name]:
        name = next(name for name, units in held.items() if units)  # faults are found below
    return _Readme(folder, name, f"{name}/", held[name])


def _check(readme: _Readme, folder: Path, watch: Watch, tally: Tally) -> None:
    path = readme.folder / "README.md"
    where = f"{folder.name}/{path.relative_to(folder).as_posix()}"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        tally.add("readme_missing", where, "")
        return
    except (OSError, ValueError) as error:
        tally.add("readme_header", where, said(error))
        return
    tally.extend(where, watch.in_document(text))
    try:
        head, _ = _parts(text)
        tally.extend(where, list(_header(head, readme)))
    except (yaml.YAMLError, *_ODD) as error:
        tally.add("readme_header", where, f"{type(error).__name__}: {said(error)}")


def _parts(text: str) -> tuple[Any, str]:
    start, head, rest = text.split("---\n", 2)
    if start:
        raise ValueError("it does not begin with ---")
    return yaml.load(head, Loader=_LOADER), rest  # noqa: S506 - a safe one


def _header(head: Any, readme: _Readme) -> Findings:
    card = readme.units[0].card
    stated = head["pretty_name"], head["language"], head["license_name"]
    if stated != (card.title, [card.lang], card.license):
        yield "readme_header", f"title, language or license is not the card's: {stated}"
    patterns = {entry["split"]: entry["path"] for entry in head["configs"][0]["data_files"]}
    yield from _files(patterns, readme)
    info = head["dataset_info"]
    if info["features"] != _features(readme):
        yield "readme_features", f"not those of {readme.name} files"
    numbers = {s["name"]: (s["num_examples"], s["num_bytes"]) for s in info["splits"]}
    for unit in readme.units:
        size = sum(shard.files[readme.name].bytes for shard in unit.shards)
        wanted = unit.instances, size
        if numbers.pop(unit.split, None) != wanted:
            yield "readme_numbers", f"{unit.split} has {wanted[0]:,} rows in {wanted[1]:,} bytes"
    for split in numbers:
        yield "readme_numbers", f"{split} is not there"


def _files(patterns: dict[str, str], readme: _Readme) -> Findings:
    splits = {unit.split: unit for unit in readme.units}
    for split in sorted(splits.keys() ^ patterns.keys()):
        yield "readme_files", f"{split} is {'not listed' if split in splits else 'not there'}"
    for split in splits.keys() & patterns.keys():
        if not is_safe(patterns[split]):
            yield "readme_files", f"{patterns[split]} leads out of the folder"
            continue
        found = {
            path.relative_to(readme.folder).as_posix()
            for path in readme.folder.glob(patterns[split])
        }
        entry = FORMATS[readme.name]
        above = readme.prefix.removesuffix("/")
        wanted = {
            Path(above, "/".join(entry.path(split, s.shard, readme.name).split("/")[1:])).as_posix()
            for s in splits[split].shards
        }
        if found != wanted:
            odd = ", ".join(sorted(found ^ wanted)[:3])
            yield "readme_files", f"{patterns[split]} misses or adds {odd}"


def _features(readme: _Readme) -> list[dict[str, Any]]:
    images = readme.units[0].plan.images
    if readme.name == "webdataset":
        most = max(unit.card.images.max for unit in readme.units)
        return to_yaml(webdataset_features(images, most))
    return to_yaml(table_features("base64" if readme.name == "jsonl" else images))


def _arrow(folder: Path, units: tuple[UnitClaim, ...]) -> Findings:
    splits = _json(folder / "dataset_dict.json")
    wanted = [unit.split for unit in units]
    if not isinstance(splits, dict) or splits.get("splits") != wanted:
        yield "arrow_state", f"dataset_dict.json does not list {', '.join(wanted)}"
    for unit in units:
        state = _json(folder / unit.split / "state.json")
        files = [shard.files["arrow"] for shard in unit.shards if "arrow" in shard.files]
        names = [Path(file.path).name for file in files]
        if not isinstance(state, dict) or not _lists(state, names, unit.split):
            yield "arrow_state", f"{unit.split}/state.json does not list the shards"
        info = _json(folder / unit.split / "dataset_info.json")
        features = to_json(table_features(unit.plan.images))
        if not isinstance(info, dict) or info.get("features") != features:
            yield "arrow_state", f"{unit.split}/dataset_info.json has other features"


def _lists(state: dict[str, Any], names: list[str], split: str) -> bool:
    files = [{"filename": name} for name in names]
    return state.get("_data_files") == files and state.get("_split") == split


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
