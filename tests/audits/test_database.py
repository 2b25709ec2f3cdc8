"""Builds that audits and queries read: seeds, malformed manifests and indexes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from m3it_builder import load_task
from m3it_builder.audits.runner import audit, query
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.errors import BuildError
from m3it_builder.tasks.sampling import write_sample

MANIFEST = "okvqa/meta/train/manifest.json"
OTHER_TYPES: tuple[Any, ...] = (
    None,
    [],
    ["x"],
    "x",
    10**30,
    1.5,
    {"a": {"b": []}},
    True,
    "\ud800",
    -1,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("database")
    task = load_task("okvqa")
    write_sample(task, folder / "src", 5)
    for split in task.card.splits:
        Build(sources=folder / "src", out=folder / "out", plan=Plan(is_sample=True)).unit(
            task, split
        )
    return folder / "out"


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "out"))


def change(out: Path, edit: Callable[[Any], Any]) -> None:
    path = out / MANIFEST
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps(edit(manifest) or manifest))


def plan(**values: Any) -> Callable[[Any], None]:
    return lambda manifest: manifest["plan"].update(values)


@pytest.mark.parametrize("seed", [0, -1, 2**63 - 1, -(2**63) + 1])
def test_seeds_and_limits(out: Path, seed: int) -> None:
    change(out, plan(seed=seed, limit=2**63 - 1))
    sql = "SELECT seed, row_limit FROM cards WHERE split = 'train'"
    assert query(out, sql).rows == ((seed, 2**63 - 1),)
    assert all(finding.count == 0 for finding in audit(out))


@pytest.mark.parametrize("name", ["seed", "limit"])
@pytest.mark.parametrize("value", [2**63, -(2**64), 10**30, 10**50])
def test_seeds_and_limits_beyond_64_bits(out: Path, name: str, value: int) -> None:
    change(out, plan(**{name: value}))
    with pytest.raises(BuildError, match=r"train/manifest\.json: malformed .*rebuild") as caught:
        query(out, "SELECT 1")
    assert "\n" not in str(caught.value)


def test_drop_lists_are_a_column(out: Path) -> None:
    change(out, lambda manifest: manifest.update(drop="a.parquet: 00ff"))
    sql = "SELECT drop_lists FROM cards ORDER BY split"
    assert query(out, sql).rows == (("a.parquet: 00ff",), ("",))


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a JSON document."""
    if prefix:
        yield prefix
    items = dict(enumerate(value)) if isinstance(value, list) else value
    for key, item in items.items() if isinstance(items, dict) else ():
        yield from paths(item, (*prefix, key))


def test_type_confused_manifests(out: Path) -> None:
    """Any field with any other value gives a result, or one line that names the manifest."""
    path = out / MANIFEST
    text = path.read_text()
    tried = refused = 0
    for field in paths(json.loads(text)):
        for value in OTHER_TYPES:
            manifest = json.loads(text)
            parent = manifest
            for key in field[:-1]:
                parent = parent[key]
            parent[field[-1]] = value
            path.write_text(json.dumps(manifest))
            tried += 1
            try:
                query(out, "SELECT * FROM cards")
            except BuildError as error:
                refused += 1
                assert str(path) in str(error), field
                assert "\n" not in str(error), field
    assert tried > 500
    assert refused > tried / 2


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "3", '"x"', "{", "{}", "[" * 100_000, '{"format_version": "2"}']
)
def test_manifests_that_are_none(out: Path, text: str) -> None:
    (out / MANIFEST).write_text(text)
    with pytest.raises(BuildError, match=r"train/manifest\.json: .*rebuild the unit") as caught:
        list(audit(out))
    assert "\n" not in str(caught.value)


def test_manifest_of_another_split(out: Path) -> None:
    """Otherwise the rows of one split are read twice, and those of the other one never."""
    shutil.copy(out / "okvqa/meta/validation/manifest.json", out / MANIFEST)
    with pytest.raises(BuildError, match=r"train/manifest\.json: malformed .*validation"):
        query(out, "SELECT 1")


@pytest.mark.parametrize("name", ["index", "rejects"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"no Parquet file at all"])
def test_unreadable_parquet(out: Path, name: str, content: bytes | None) -> None:
    path = out / "okvqa" / "meta" / "validation" / f"{name}.parquet"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(BuildError) as caught:
        query(out, "SELECT 1")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_index_with_other_columns(out: Path) -> None:
    path = out / "okvqa" / "meta" / "train" / "index.parquet"
    pq.write_table(pq.read_table(path, partitioning=None).select(["id"]), path)
    rows = query(out, "SELECT count(*), count(task) FROM instances").rows
    assert rows == ((10, 5),), "union by name: missing columns are null"
