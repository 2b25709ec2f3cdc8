"""Manifests with values of the wrong type: every command ends with one line, none crashes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.support.in_process import call_m3it

_DELETED = object()
_WRONG: tuple[Any, ...] = (
    None,
    [],
    {},
    "x",
    "../../../etc/passwd",
    -1,
    10**30,
    1.5,
    ["x"],
    {"x": 1},
    _DELETED,
)
_VALUES_PER_KEY = 4  # of those above, in turn; all of them are tried over the whole manifest

Key = tuple[str | int, ...]


def keys_of(value: Any, above: Key = ()) -> Iterator[Key]:
    """Yield the key of every value in a manifest; of a list, those of its first item."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield (*above, name)
            yield from keys_of(item, (*above, name))
    elif isinstance(value, list) and value:
        yield (*above, 0)
        yield from keys_of(value[0], (*above, 0))


def with_value(manifest: Any, key: Key, value: object) -> bytes:
    """Return a manifest with one value replaced or deleted, as JSON."""
    changed = json.loads(json.dumps(manifest))
    holder = changed
    for part in key[:-1]:
        holder = holder[part]
    if value is _DELETED:
        del holder[key[-1]]
    else:
        holder[key[-1]] = value
    return json.dumps(changed).encode()


def variants(manifest: Any) -> Iterator[tuple[Key, bytes]]:
    """Yield malformed manifests: every key with some wrong values, every value with some keys."""
    values = cycle(_WRONG)
    for key in keys_of(manifest):
        for _ in range(_VALUES_PER_KEY):
            yield key, with_value(manifest, key, next(values))


@pytest.fixture
def built(sources: Path, tmp_path: Path) -> Path:
    """Build OK-VQA and return the output folder."""
    out = tmp_path / "out"
    assert call_m3it(*build_words(sources, out)).status == 0
    return out


def build_words(sources: Path, out: Path) -> tuple[str | Path, ...]:
    words = ("-t", "okvqa", "--split", "train", "-j", "1", "-f", "parquet", "-f", "webdataset")
    return ("build", *words, "--source", sources, "-o", out)


def test_no_command_crashes(built: Path, sources: Path) -> None:
    commands: list[tuple[str | Path, ...]] = [
        ("show", built, "--rows", "2"),
        ("info", built, "--source", sources),
        ("sql", built, "SELECT count(*) FROM cards"),
        ("verify", built, "--quick", "-j", "1"),
        build_words(sources, built),
    ]
    path = built / "okvqa/meta/train/manifest.json"
    good = path.read_bytes()
    tried = 0
    for (key, data), words in zip(variants(json.loads(good)), cycle(commands)):
        path.write_bytes(data)
        done = call_m3it(*words)  # raises what is no foreseen error
        assert done.status in (0, 1, 2), (key, words)
        assert len(done.lines) <= 1, (key, words, done.lines)
        assert done.status == 0 or done.lines, (key, words)
        tried += 1
    path.write_bytes(good)
    assert tried > 300
    assert call_m3it("verify", built, "-j", "1").status == 0, "the files are as they were"


@pytest.mark.parametrize(
    "key",
    [("instances",), ("shards",), ("plan", "formats"), ("index", "path"), ("format_version",)],
)
def test_slow_commands(built: Path, tmp_path: Path, key: Key) -> None:
    """All commands that read a manifest, on a text where it has another type."""
    path = built / "okvqa/meta/train/manifest.json"
    path.write_bytes(with_value(json.loads(path.read_bytes()), key, ["x"]))
    for words in (
        ("audit", built),
        ("verify", built, "-j", "1"),
        ("dedup", built, "-o", tmp_path / "report", "-j", "1"),
        ("show", built),
        ("info", built),
    ):
        done = call_m3it(*words)
        assert (done.status, len(done.lines)) == (1, 1), (words, done.lines)
    shutil.rmtree(built)


def test_paths_in_a_manifest_are_not_followed(built: Path, tmp_path: Path) -> None:
    """Rows are read from where the build has them, whatever the manifest says."""
    path = built / "okvqa/meta/train/manifest.json"
    manifest = json.loads(path.read_bytes())
    good = call_m3it("show", built).stdout
    (built / "okvqa/meta/train/index.parquet").rename(tmp_path / "stolen.parquet")
    path.write_bytes(with_value(manifest, ("index", "path"), str(tmp_path / "stolen.parquet")))
    done = call_m3it("show", built)
    assert done.status == 1
    assert "cannot be read" in done.lines[0]
    assert good != done.stdout
