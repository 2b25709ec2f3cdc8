"""What a unit was made from, so that a second run knows whether anything changed.

Same parts: resume, or nothing to do. Different parts: the error names them.
Times and sizes of source files are local state and stay out of the published
manifest.
"""

from __future__ import annotations

import inspect
import platform
import sys
from collections.abc import Mapping
from functools import cache, partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from m3it_builder.build.drop_list import dropped_digest
from m3it_builder.build.plan import Plan
from m3it_builder.records import File, Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.tasks.registry import BUILT_IN, Task

Parts = Mapping[str, Any]  # JSON values, by what they speak of

_LIBRARIES = ("pillow", "pyarrow", "orjson")
_NAMES = {
    "card": "the task card or one of its source cards",
    "instructions": "the instruction pool",
    "converter": "the converter",
    "code": "the code that makes rows",
    "packing": "the code that packs rows into shards",
    "toolchain": "Python or a library that writes shards",
    "options": "the task's options",
    "plan": "the plan",
    "drop": "the plan (rows to drop)",
    "files": "the source files",
    "texts": "the annotation files",
}


def fingerprint(task: Task, split: Split, plan: Plan, sources: Path) -> dict[str, Any]:
    """Return all that the rows and shards of a unit depend on, before anything is read."""
    catalogs = [Catalog(task.sources[name], sources) for name in task.card.sources_of(split)]
    cards = [task.card.model_dump(mode="json")]
    cards += [catalog.card.model_dump(mode="json") for catalog in catalogs]
    return {
        "card": digest(orjson.dumps(cards)),
        "instructions": digest("\0".join(task.instructions).encode()),
        "converter": _converter_code(task),
        "code": _code(_ROW_MAKERS),
        "packing": _code(_SHARD_MAKERS),
        "toolchain": toolchain(),
        "options": dict(task.options),
        "plan": dict(plan.choices()),
        "drop": dropped_digest(plan.drop, (task.name, split)),
        "files": {
            name: list(stamp)
            for catalog in catalogs
            for name, stamp in sorted(catalog.stamps().items())
        },
    }


def text_stamps(task: Task, split: Split, sources: Path, names: list[str]) -> dict[str, Any]:
    """Return the state of annotation files that the source card does not declare by name."""
    catalogs = {name: Catalog(task.sources[name], sources) for name in task.card.sources_of(split)}
    stamps: dict[str, Any] = {}
    for name in sorted(names):
        source, _, rest = name.partition("/")
        catalog = catalogs.get(source)
        place = catalog and (catalog.find(rest) or catalog.find(rest + ".gz"))
        if isinstance(place, File):
            stamps[name] = [place.length, place.mtime_ns]
        else:
            stamps[name] = [place.length, place.crc] if place else None
    return stamps


def changes(old: Parts, new: Parts) -> list[str]:
    """Say in words what differs between two fingerprints."""
    said = []
    for part in sorted(set(old) | set(new)):
        name = _NAMES.get(part, f"the {part}")
        before, after = old.get(part), new.get(part)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            said.append(f"{name} ({_which(before, after)})")
        else:
            said.append(name)
    return said


def toolchain() -> dict[str, str]:
    """Return the versions that decide the bytes of shards."""
    from m3it_builder.version import __version__

    versions = {name: version(name) for name in _LIBRARIES}
    return {"m3it_builder": __version__, "python": platform.python_version(), **versions}


def digest(data: bytes) -> str:
    """Return a short content digest."""
    return blake2b(data, digest_size=16).hexdigest()


def _which(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    keys = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    shown = [_how(key, before.get(key), after.get(key)) for key in keys[:3]]
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(shown) + more


def _how(key: str, before: Any, after: Any) -> str:
    if isinstance(before, list) or isinstance(after, list) or before is None or after is None:
        return key
    return f"{key}: {before} → {after}"


def _converter_code(task: Task) -> str:
    """Return a digest of the converter; of all modules beside it, where it is not built in."""
    code = inspect.unwrap(task.convert)
    while isinstance(code, partial):
        code = code.func
    file = inspect.getsourcefile(code if inspect.isfunction(code) else type(code))
    if not file or not Path(file).is_file():
        return "unknown"
    path = Path(file)
    files = [path] if task.origin == BUILT_IN else sorted(path.parent.glob("**/*.py"))
    return digest(b"\0".join(each.read_bytes() for each in files))


# What makes rows, and what makes shards of them: a change of the former alone leaves
# shards as they are wherever the rows come out the same.
_ROW_MAKERS = ("sources/*", "formats/*", "stages/*", "build/plan", "build/spool",
               "build/shard_cuts", "build/text_phase")  # fmt: skip
_SHARD_MAKERS = ("records", "storage/*", "media/**/*", "shards/**/*", "sources/archives",
                 "sources/base64_span", "sources/member_stream", "stages/render",
                 "build/row_codec", "build/assemble", "build/pack", "dataset/index")  # fmt: skip


@cache
def _code(modules: tuple[str, ...]) -> str:
    package = Path(sys.modules["m3it_builder"].__file__ or "").parent
    files = [path for name in modules for path in sorted(package.glob(f"{name}.py"))]
    return digest(b"\0".join(path.read_bytes() for path in files))
