"""Edits of a finished build (one file, one format, or all formats) that update its digests."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from blake3 import blake3

from m3it_builder.dataset.index import SCHEMA
from m3it_builder.dataset.manifest import read_manifest
from m3it_builder.dataset.reader import read_rows
from m3it_builder.shards.formats import FORMATS, TEXT_COLUMNS, EncodedImage, ShardRow, open_writer
from m3it_builder.shards.webdataset import tar_header
from m3it_builder.storage import json_values
from m3it_builder.storage.digest import algorithm_of, file_digest
from m3it_builder.storage.output import Output
from m3it_builder.verify.parquet_ranges import IMAGE_BYTES, image_ranges

Rows = list[dict[str, Any]]
Members = list[tuple[str, bytes]]


def edit_manifest(
    folder: Path, edit: Callable[[dict[str, Any]], Any], split: str = "train"
) -> None:
    path = folder / "meta" / split / "manifest.json"
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def update_digests(folder: Path, split: str = "train") -> None:
    """Update sizes and digests in the manifest, so that only the content of a file is wrong."""

    def update(value: dict[str, Any]) -> None:
        files = [file for shard in value["shards"] for file in shard["files"].values()]
        for file in (*files, value["index"], value["reject_table"]):
            path = folder / file["path"]
            if path.exists():
                algorithm = algorithm_of(file["digest"])
                assert algorithm is not None
                digest = file_digest(path, algorithm)
                file |= {"bytes": path.stat().st_size, "digest": digest}

    edit_manifest(folder, update, split)
    update_readmes(folder)


def update_readmes(folder: Path) -> None:
    """Copy the shard sizes of the manifests to the READMEs."""
    sizes: dict[tuple[str, str], int] = {}
    for path in folder.glob("meta/*/manifest.json"):
        value = json.loads(path.read_text())
        for shard in value["shards"]:
            for name, file in shard["files"].items():
                key = name, value["split"]
                sizes[key] = sizes.get(key, 0) + file["bytes"]
    for path in folder.rglob("README.md"):

        def update(header: dict[str, Any], path: Path = path) -> None:
            first = header["configs"][0]["data_files"][0]["path"]
            name = path.parent.name if path.parent != folder else first.partition("/")[0]
            for entry in header["dataset_info"]["splits"]:
                entry["num_bytes"] = sizes[name, entry["name"]]

        edit_readme(path, update)


def edit_readme(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    before, header, rest = path.read_text().split("---\n", 2)
    value = yaml.safe_load(header)
    edit(value)
    path.write_text(f"{before}---\n{yaml.safe_dump(value, sort_keys=False)}---\n{rest}")


def index_path(folder: Path, split: str = "train") -> Path:
    return folder / "meta" / split / "index.parquet"


def edit_index(folder: Path, edit: Callable[[Rows], Any], split: str = "train") -> None:
    """Rewrite the index, one row group per shard, and update its digest."""
    rows = pq.read_table(index_path(folder, split)).to_pylist()
    edit(rows)
    write_index(index_path(folder, split), rows)
    update_digests(folder, split)


def write_index(path: Path, rows: Rows) -> None:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        group: Rows = []
        for row in rows:
            if group and row["shard"] != group[0]["shard"]:
                writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
                group = []
            group.append(row)
        writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))


def shard_path(folder: Path, name: str, number: int = 0, split: str = "train") -> Path:
    return folder / FORMATS[name].path(split, number)


def edit_table(
    folder: Path, name: str, edit: Callable[[pa.Table], pa.Table], **options: Any
) -> None:
    """Rewrite the first Parquet or Arrow shard, and update its digest."""
    path = shard_path(folder, name)
    if name == "parquet":
        table = edit(pq.read_table(path))
        plain = {"compression": "NONE", "use_dictionary": False, "write_page_index": True}
        pq.write_table(table, path, **plain | options)
        update_parquet_ranges(folder)
    else:
        table = edit(pa.ipc.open_stream(path.read_bytes()).read_all())
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    update_digests(folder)


def update_parquet_ranges(folder: Path) -> None:
    """Set the byte ranges in the index to those of the rewritten first Parquet shard."""
    with pq.ParquetFile(shard_path(folder, "parquet")) as file:
        if IMAGE_BYTES not in [file.schema.column(n).path for n in range(len(file.schema))]:
            return
        ranges = list(image_ranges(shard_path(folder, "parquet"), file))

    def update(rows: Rows) -> None:
        for row, byte_range in zip(rows, ranges, strict=False):
            if byte_range is not None and row["shard"] == 0:
                row["parquet_offset"], row["parquet_length"] = byte_range

    edit_index(folder, update)


def edit_table_rows(folder: Path, name: str, edit: Callable[[Rows], Any]) -> None:
    def change(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        edit(rows)
        return pa.Table.from_pylist(rows, schema=table.schema)

    edit_table(folder, name, change)


def edit_jsonl(folder: Path, edit: Callable[[Rows], Any]) -> None:
    """Rewrite the first JSONL shard, and update its digest."""
    path = shard_path(folder, "jsonl")
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    edit(rows)
    path.write_bytes(b"".join(json_values.dumps(row) + b"\n" for row in rows))
    update_digests(folder)


def edit_tar(folder: Path, edit: Callable[[Members], Any]) -> None:
    """Rewrite the first tar, and update its digest."""
    path = shard_path(folder, "webdataset")
    with tarfile.open(path) as tar:
        members = [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    edit(members)
    out = io.BytesIO()
    for name, data in members:
        out.write(tar_header(name.encode(), len(data)) + data + bytes(-len(data) % 512))
    path.write_bytes(out.getvalue() + bytes(1024))
    update_digests(folder)


def edit_bytes(
    folder: Path, name: str, edit: Callable[[bytearray], Any], update: bool = True
) -> None:
    """Edit the bytes of the first shard of a format; ``update`` updates its digest."""
    path = shard_path(folder, name)
    data = bytearray(path.read_bytes())
    edit(data)
    path.write_bytes(data)
    if update:
        update_digests(folder)


def rebuild(
    folder: Path, edit: Callable[[Rows, list[list[bytes]]], Any], split: str = "train"
) -> None:
    """Rewrite the index and every format from edited rows, as a faulty build would.

    ``edit`` gets all rows, and the images of each row.
    """
    unit = read_manifest(folder / "meta" / split)
    assert unit is not None
    built = list(read_rows(folder, unit))
    rows = pq.read_table(index_path(folder, split)).to_pylist()
    stored = [list(row.images) for row in built]
    edit(rows, stored)
    for entry in unit.shards:
        in_shard = [n for n, row in enumerate(rows) if row["shard"] == entry.shard]
        for name in unit.formats:
            output = Output(folder / entry.files[name].path)
            writer = open_writer(name, output, unit.plan.images)
            for n in in_shard:
                images = zip(stored[n], rows[n]["images"], strict=True)
                out = ShardRow(
                    rows[n]["key"],
                    {column: rows[n][column] for column in TEXT_COLUMNS},
                    tuple(EncodedImage(data, image["mime"]) for data, image in images),
                )
                writer.write(out)
            writer.close()
            for n, span in zip(in_shard, writer.ranges or (), strict=False):
                rows[n] |= dict(zip(FORMATS[name].range_columns, span, strict=True))
            output.close()
    write_index(index_path(folder, split), rows)

    def count(value: dict[str, Any]) -> None:
        images = [image for row in rows for image in row["images"]]
        value["image_bytes"] = sum(image["bytes"] for image in images)

    edit_manifest(folder, count, split)
    update_digests(folder, split)


def update_image(image: dict[str, Any], data: bytes) -> None:
    digest = blake3(data).hexdigest()
    image |= {"digest": digest, "source_digest": digest, "bytes": len(data)}
