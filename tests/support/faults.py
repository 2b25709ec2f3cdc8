"""Ways to spoil a finished build: one file, one format, or all of it alike, digests made anew."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from blake3 import blake3

from m3it_builder.dataset.index import SCHEMA
from m3it_builder.dataset.manifest import read_manifest
from m3it_builder.dataset.reader import read_rows
from m3it_builder.shards.formats import FORMATS, TEXT_COLUMNS, EncodedImage, ShardRow, open_writer
from m3it_builder.shards.webdataset import tar_header
from m3it_builder.storage.digest import algorithm_of, file_digest
from m3it_builder.storage.output import Output

Rows = list[dict[str, Any]]
Members = list[tuple[str, bytes]]


def manifest(folder: Path, edit: Callable[[dict[str, Any]], Any], split: str = "train") -> None:
    path = folder / "meta" / split / "manifest.json"
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def redigest(folder: Path, split: str = "train") -> None:
    """Let the manifest claim the files as they are now, so that only their content tells."""

    def claim(value: dict[str, Any]) -> None:
        files = [file for shard in value["shards"] for file in shard["files"].values()]
        for file in (*files, value["index"], value["reject_table"]):
            path = folder / file["path"]
            if path.exists():
                data = path.read_bytes()
                kind = algorithm_of(file["digest"])
                assert kind is not None
                file |= {"bytes": len(data), "digest": file_digest(path, kind)}

    manifest(folder, claim, split)
    renumber(folder)


def renumber(folder: Path) -> None:
    """Let the READMEs state the sizes that the manifests state."""
    sizes: dict[tuple[str, str], int] = {}
    for path in folder.glob("meta/*/manifest.json"):
        value = json.loads(path.read_text())
        for shard in value["shards"]:
            for name, file in shard["files"].items():
                key = name, value["split"]
                sizes[key] = sizes.get(key, 0) + file["bytes"]
    for path in folder.rglob("README.md"):

        def state(head: dict[str, Any], path: Path = path) -> None:
            first = head["configs"][0]["data_files"][0]["path"]
            name = path.parent.name if path.parent != folder else first.partition("/")[0]
            for entry in head["dataset_info"]["splits"]:
                entry["num_bytes"] = sizes[name, entry["name"]]

        readme(path, state)


def readme(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    start, head, rest = path.read_text().split("---\n", 2)
    value = yaml.safe_load(head)
    edit(value)
    path.write_text(f"{start}---\n{yaml.safe_dump(value, sort_keys=False)}---\n{rest}")


def index_path(folder: Path, split: str = "train") -> Path:
    return folder / "meta" / split / "index.parquet"


def index(folder: Path, edit: Callable[[Rows], Any], split: str = "train") -> None:
    """Rewrite the index, a row group a shard, and claim it."""
    rows = pq.read_table(index_path(folder, split)).to_pylist()
    edit(rows)
    write_index(index_path(folder, split), rows)
    redigest(folder, split)


def write_index(path: Path, rows: Rows) -> None:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        group: Rows = []
        for row in rows:
            if group and row["shard"] != group[0]["shard"]:
                writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
                group = []
            group.append(row)
        writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))


def shard(folder: Path, name: str, number: int = 0, split: str = "train") -> Path:
    return folder / FORMATS[name].path(split, number, name)


def table(folder: Path, name: str, edit: Callable[[pa.Table], pa.Table], **options: Any) -> None:
    """Rewrite the first Parquet or Arrow shard, and claim it."""
    path = shard(folder, name)
    if name == "parquet":
        changed = edit(pq.read_table(path))
        pq.write_table(changed, path, **{"compression": "NONE", "write_page_index": True} | options)
    else:
        changed = edit(pa.ipc.open_stream(path.read_bytes()).read_all())
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, changed.schema) as writer:
            writer.write_table(changed)
    redigest(folder)


def table_rows(folder: Path, name: str, edit: Callable[[Rows], Any]) -> None:
    def change(held: pa.Table) -> pa.Table:
        rows = held.to_pylist()
        edit(rows)
        return pa.Table.from_pylist(rows, schema=held.schema)

    table(folder, name, change)


def lines(folder: Path, edit: Callable[[Rows], Any]) -> None:
    """Rewrite the first JSONL shard, and claim it."""
    path = shard(folder, "jsonl")
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    edit(rows)
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    redigest(folder)


def members(folder: Path, edit: Callable[[Members], Any]) -> None:
    """Rewrite the first tar, and claim it."""
    path = shard(folder, "webdataset")
    with tarfile.open(path) as tar:
        held = [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    edit(held)
    out = io.BytesIO()
    for name, data in held:
        out.write(tar_header(name.encode(), len(data)) + data + bytes(-len(data) % 512))
    path.write_bytes(out.getvalue() + bytes(1024))
    redigest(folder)


def patch(folder: Path, name: str, edit: Callable[[bytearray], Any], claim: bool = True) -> None:
    """Change bytes of the first shard of a format, and claim it."""
    path = shard(folder, name)
    data = bytearray(path.read_bytes())
    edit(data)
    path.write_bytes(data)
    if claim:
        redigest(folder)


def lie(folder: Path, edit: Callable[[Rows, list[list[bytes]]], Any], split: str = "train") -> None:
    """Rewrite index and every format from changed rows, as a faulty build would have done.

    ``edit`` gets all rows, and the images of each.
    """
    unit = read_manifest(folder / "meta" / split)
    assert unit is not None
    built = list(read_rows(folder, unit))
    rows = [dict(row.texts) for row in built]
    stored = [list(row.images) for row in built]
    edit(rows, stored)
    for entry in unit.shards:
        chosen = [n for n, row in enumerate(rows) if row["shard"] == entry["shard"]]
        for name in unit.formats:
            output = Output(folder / entry["files"][name]["path"])
            writer = open_writer(name, output, unit.plan["images"])
            for n in chosen:
                images = zip(stored[n], rows[n]["images"], strict=True)
                out = ShardRow(
                    rows[n]["key"],
                    {column: rows[n][column] for column in TEXT_COLUMNS},
                    tuple(EncodedImage(data, image["mime"]) for data, image in images),
                )
                offset, length = writer.write(out)
                if length:
                    rows[n] |= {f"{name}_offset": offset, f"{name}_length": length}
            writer.close()
            output.close()
    write_index(index_path(folder, split), rows)

    def count(value: dict[str, Any]) -> None:
        images = [image for row in rows for image in row["images"]]
        value["image_bytes"] = sum(image["bytes"] for image in images)

    manifest(folder, count, split)
    redigest(folder, split)


def redescribe(image: dict[str, Any], data: bytes) -> None:
    digest = blake3(data).hexdigest()
    image |= {"digest": digest, "source_digest": digest, "bytes": len(data)}
