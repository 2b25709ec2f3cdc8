"""The fingerprint of a unit: everything its rows and shards depend on.

A build with an equal fingerprint is resumed or up to date; otherwise the error names what
has changed. Fingerprints contain mtimes of source files, so they are local state and not
part of the published manifest.
"""

from __future__ import annotations

import inspect
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from m3it_builder.build.drop_list import dropped_digest
from m3it_builder.build.plan import Plan
from m3it_builder.cards.instructions import Instruction
from m3it_builder.dataset.manifest import OptionValue, PlanChoices
from m3it_builder.errors import first_few
from m3it_builder.records import File, Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.storage.atomic import write_atomic
from m3it_builder.tasks.registry import BUILT_IN, Task
from m3it_builder.version import __version__

# Bytes, mtime_ns or CRC-32, and ctime_ns of a file: tools that copy or unpack restore the mtime, so
# that another version of a file may have the same.
FileState = tuple[int, int | None, int]

_NAME = "fingerprint.json"
_LIBRARIES = ("pillow", "pyarrow", "msgspec")


class Fingerprint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The inputs of a unit, known before a source is read."""

    card: str  # this and the next four are digests
    instructions: str
    converter: str
    code: str
    packing: str
    toolchain: dict[str, str]  # versions, by library
    options: dict[str, OptionValue]
    plan: PlanChoices
    drop: str  # digests of the drop lists that name rows of this unit
    files: dict[str, FileState]  # declared source files, by name
    base: str = ""  # digest of the manifest from whose unit a sibling is made
    transformation: str = ""  # digest of the code and the inputs that make it


class BuiltFrom(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The inputs of a spool or of a finished unit; local state."""

    fingerprint: Fingerprint
    annotations: dict[str, FileState | None]  # of annotation files that were read, by name
    sources: str  # absolute path of the folder


_LABELS = {
    "card": "the task card or one of its source cards",
    "instructions": "the instruction pool",
    "converter": "the converter",
    "code": "the code that decides rows",
    "packing": "the code that packs shards",
    "toolchain": "Python or a library that decides the bytes of shards",
    "options": "the task options",
    "plan": "the plan",
    "drop": "the plan (drop lists)",
    "files": "the source files",
    "base": "the base, which was rebuilt or replaced",
    "transformation": "the transformation",
    "annotations": "the annotation files",
}


def fingerprint(
    task: Task, split: Split, plan: Plan, catalogs: Mapping[str, Catalog]
) -> Fingerprint:
    """Return the fingerprint of a unit, given the catalogs of its sources by id."""
    cards = [task.card, *(catalog.card for catalog in catalogs.values())]
    return Fingerprint(
        card=digest(msgspec.json.encode([card.model_dump(mode="json") for card in cards])),
        instructions=_pool_digest(task.instructions),
        converter=_converter_code(task),
        code=_code(_ROW_CODE),
        packing=_code(_SHARD_CODE),
        toolchain=toolchain(),
        options=dict(task.options),
        plan=plan.choices(task.card),
        drop=dropped_digest(plan.drop, (task.name, split)),
        files={
            name: state
            for catalog in catalogs.values()
            for name, state in sorted(catalog.file_stats().items())
        },
    )


def sibling_fingerprint(
    base: str, transformation: str, plan: PlanChoices, drop: str
) -> Fingerprint:
    """Return the fingerprint of a unit that is made from another one.

    Args:
        base: digest of the manifest of its base.
        transformation: digest of what makes its rows.
        plan: its options.
        drop: digests of the drop lists that name rows of it.
    """
    return Fingerprint(
        card="",
        instructions="",
        converter="",
        code=_code(_SIBLING_CODE),
        packing=_code(_SHARD_CODE),
        toolchain=toolchain(),
        options={},
        plan=plan,
        drop=drop,
        files={},
        base=base,
        transformation=transformation,
    )


def _pool_digest(pool: Sequence[Instruction]) -> str:
    return digest(msgspec.json.encode([(one.text, sorted(one.needs)) for one in pool]))


def annotation_states(
    catalogs: Mapping[str, Catalog], names: Iterable[str]
) -> dict[str, FileState | None]:
    """Return the state of annotation files, which source cards need not declare by name."""
    states: dict[str, FileState | None] = {}
    for name in sorted(names):
        source, _, rest = name.partition("/")
        catalog = catalogs.get(source)
        location = catalog and (catalog.find(rest) or catalog.find(rest + ".gz"))
        if isinstance(location, File):
            states[name] = location.length, location.mtime_ns, location.ctime_ns
        else:
            states[name] = (location.length, location.crc, 0) if location else None
    return states


def changes(old: BuiltFrom, new: BuiltFrom) -> list[str]:
    """Describe the differences between the inputs of two builds."""
    before = {**structs.asdict(old.fingerprint), "annotations": old.annotations}
    after = {**structs.asdict(new.fingerprint), "annotations": new.annotations}
    return [
        label + _changed_keys(before[name], after[name])
        for name, label in _LABELS.items()
        if before[name] != after[name]
    ]


def resolved_name(folder: Path) -> str:
    """Return the absolute path of a folder, with escapes for bytes that are not UTF-8."""
    return os.fsencode(folder.resolve()).decode("utf-8", "backslashreplace")


def read_built_from(folder: Path) -> BuiltFrom | None:
    """Return the inputs of a spool or unit, or None if they are unknown."""
    try:
        return msgspec.json.decode((folder / _NAME).read_bytes(), type=BuiltFrom)
    except (FileNotFoundError, ValueError):  # absent, or written by another version
        return None


def write_built_from(folder: Path, built_from: BuiltFrom) -> None:
    """Save the inputs of a spool or unit."""
    data = msgspec.json.format(msgspec.json.encode(built_from, order="sorted"), indent=1)
    write_atomic(folder / _NAME, data)


def clear_spool(work: Path) -> None:
    """Delete the spool; packed shards stay, since their records decide if they are reused."""
    for name in ("spool.sqlite", _NAME, "ready"):
        (work / name).unlink(missing_ok=True)


def toolchain() -> dict[str, str]:
    """Return the versions that decide the bytes of shards."""
    versions = {name: version(name) for name in _LIBRARIES}
    return {"m3it_builder": __version__, "python": platform.python_version(), **versions}


def digest(data: bytes) -> str:
    """Return a short content digest."""
    return blake2b(data, digest_size=16).hexdigest()


def _changed_keys(before: object, after: object) -> str:
    """Return the differing keys of two mappings or structs in parentheses, "" for other values."""
    old, new = (_items(value) for value in (before, after))
    if old is None or new is None:
        return ""
    keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return f" ({first_few([_change(key, old.get(key), new.get(key)) for key in keys])})"


def _items(value: object) -> Mapping[str, object] | None:
    if isinstance(value, Struct):
        return structs.asdict(value)
    return value if isinstance(value, Mapping) else None


def _change(key: str, before: object, after: object) -> str:
    is_simple = all(isinstance(value, bool | int | float | str) for value in (before, after))
    return f"{key}: {before} → {after}" if is_simple else key


def _converter_code(task: Task) -> str:
    """Return a digest of the converter module; of its whole package if it is not built in."""
    code = inspect.unwrap(task.convert)
    while isinstance(code, partial):
        code = code.func
    file = inspect.getsourcefile(code if inspect.isfunction(code) else type(code))
    if not file or not Path(file).is_file():
        return "unknown"
    path = Path(file)
    files = [path] if task.origin == BUILT_IN else sorted(path.parent.glob("**/*.py"))
    return digest(b"\0".join(each.read_bytes() for each in files))


# Code that decides rows, and code that decides the shards of given rows. They are separate, since
# a change of row code alone rewrites no shard whose rows stay the same.
_ROW_CODE = ("sources/*", "formats/*", "stages/*", "build/plan", "build/spool",
             "build/spool_reader", "build/shard_cuts", "build/text_phase", "build/rank",
             "media/codecs")  # fmt: skip
_SIBLING_CODE = ("stages/*", "build/sibling_shard", "build/siblings", "build/sibling_inputs",
                 "build/transformation", "build/rank", "dataset/base",
                 "dataset/reader")  # fmt: skip
_SHARD_CODE = ("records", "storage/*", "media/**/*", "shards/**/*", "sources/archives",
               "sources/base64_span", "sources/member_stream", "sources/members",
               "stages/render", "stages/words", "build/row_codec", "build/assemble", "build/pack",
               "build/shard_writer",
               "dataset/index", "dataset/index_row")  # fmt: skip


@cache
def _code(patterns: tuple[str, ...]) -> str:
    package = Path(sys.modules["m3it_builder"].__file__ or "").parent
    files = {
        path
        for pattern in patterns
        for suffix in (".py", ".yaml")
        for path in package.glob(pattern + suffix)
    }
    return digest(b"\0".join(path.read_bytes() for path in sorted(files)))
