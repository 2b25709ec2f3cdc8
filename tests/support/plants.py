"""Ways to plant a fault in a finished build; the faults are listed in ``planted``."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.dataset.index import REJECTS, SCHEMA
from m3it_builder.storage import json_values
from tests.support import edits

Plant = Callable[[Path], Any]


@dataclass(frozen=True)
class Fault:
    check: str
    description: str
    plant: Plant
    also: tuple[str, ...] = ()  # checks that inevitably report it as well
    task: str = "mixed"
    quick: bool = False  # detected without opening a shard
    folder: str = "out"


def all_of(*plants: Plant) -> Plant:
    def plant(folder: Path) -> None:
        for each in plants:
            each(folder)

    return plant


def set_manifest(**values: Any) -> Plant:
    return lambda folder: edits.edit_manifest(folder, lambda value: value.update(values))


def set_row(**values: Any) -> Plant:
    """Set columns of the first index row."""
    return lambda folder: edits.edit_index(folder, lambda rows: rows[0].update(values))


def set_image(**values: Any) -> Plant:
    """Set fields of the first image in the index."""
    return lambda folder: edits.edit_index(
        folder, lambda rows: row_with_images(rows)["images"][0].update(values)
    )


def row_with_images(rows: edits.Rows) -> dict[str, Any]:
    """Return the first row with images."""
    return next(row for row in rows if row["images"])


def set_region(**values: Any) -> Plant:
    """Set fields of the first region in the index."""

    def change(rows: edits.Rows) -> None:
        next(row for row in rows if row["regions"])["regions"][0].update(values)

    return lambda folder: edits.edit_index(folder, change)


def swap(items: list[Any]) -> None:
    items[0], items[1] = items[1], items[0]


def write(name: str, data: bytes) -> Plant:
    def plant(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return plant


def delete(name: str) -> Plant:
    return lambda folder: (folder / name).unlink()


def edit_shards(edit: Callable[[list[dict[str, Any]]], Any]) -> Plant:
    return lambda folder: edits.edit_manifest(folder, lambda value: edit(value["shards"]))


def truncate_index(folder: Path) -> None:
    path = edits.index_path(folder)
    path.write_bytes(path.read_bytes()[:-200])
    edits.update_digests(folder)


def rewrite_index(change: Callable[[pa.Table], pa.Table]) -> Plant:
    def plant(folder: Path) -> None:
        path = edits.index_path(folder)
        pq.write_table(change(pq.read_table(path)), path)
        edits.update_digests(folder)

    return plant


def set_rejects(rows: list[dict[str, Any]], schema: pa.Schema = REJECTS) -> Plant:
    """Replace the rejects, and update their counts in the manifest."""

    def plant(folder: Path) -> None:
        path = folder / "meta" / "train" / "rejects.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)

        def count(value: dict[str, Any]) -> None:
            value["rejects"] = {"no_answer": len(rows)} if rows else {}
            value["examples"] = value["instances"] + len(rows)

        edits.edit_manifest(folder, count)
        edits.update_digests(folder)

    return plant


def reject(**values: Any) -> dict[str, Any]:
    row = {"task": "mixed", "split": "train", "stage": "convert", "id": "x"}
    return {**row, "reason": "no_answer", "detail": "", **values}


def invalid_utf8(index: pa.Table) -> pa.Table:
    column = index.column("context").combine_chunks()
    invalid = pa.array([b"\xff\xfe"] * len(column), pa.binary())
    texts = pa.StringArray.from_buffers(len(column), invalid.buffers()[1], invalid.buffers()[2])
    return index.set_column(index.schema.get_field_index("context"), SCHEMA.field("context"), texts)


def corrupt_pixels(rows: edits.Rows, images: list[list[bytes]]) -> None:
    """Change a byte of a PNG's pixels; header and end stay valid, and digests are updated."""
    for row, stored in zip(rows, images, strict=True):
        for position, image in enumerate(row["images"]):
            if image["mime"] == "image/png":
                data = bytearray(stored[position])
                middle = data.index(b"IDAT") + 40
                data[middle] ^= 0xFF
                stored[position] = bytes(data)
                edits.update_image(image, stored[position])
                return
    raise AssertionError("no PNG in the build")


def wrong_mime(rows: edits.Rows, _: Any) -> None:
    row_with_images(rows)["images"][0]["mime"] = "image/webp"


def edit_second_json(edit: Callable[[dict[str, Any]], Any]) -> Plant:
    """Edit the JSON member of the second row of the tar."""

    def change(members: edits.Members) -> None:
        position = [n for n, (name, _) in enumerate(members) if name.endswith(".json")][1]
        members[position] = _edited(members[position], edit)

    return lambda folder: edits.edit_tar(folder, change)


def edit_every_json(edit: Callable[[dict[str, Any]], Any]) -> Plant:
    """Edit the JSON member of every row of the tar; ``edit`` must keep its length."""

    def change(members: edits.Members) -> None:
        for position, member in enumerate(members):
            if member[0].endswith(".json"):
                members[position] = _edited(member, edit)

    return lambda folder: edits.edit_tar(folder, change)


def _edited(member: tuple[str, bytes], edit: Callable[[dict[str, Any]], Any]) -> tuple[str, bytes]:
    name, data = member
    value = json_values.loads(data)
    edit(value)
    return name, json_values.dumps(value)


def json_after_image(members: edits.Members) -> None:
    position = _first_image(members)
    members[position - 1], members[position] = members[position], members[position - 1]


def flip_image_bit(members: edits.Members) -> None:
    position = _first_image(members)
    name, data = members[position]
    middle = len(data) // 2
    members[position] = name, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _first_image(members: edits.Members) -> int:
    return next(n for n, (name, _) in enumerate(members) if name.endswith(".0.jpg"))


def base64_to_members(members: edits.Members) -> None:
    rows, members[:] = list(members), []
    for name, data in rows:
        value = json_values.loads(data)
        images = [base64.b64decode(text) for text in value.pop("image_base64_str")]
        members.append((name, json_values.dumps({**value, "mimes": ["image/jpeg"] * len(images)})))
        key = name.partition(".")[0]
        members += [(f"{key}.{n}.jpg", image) for n, image in enumerate(images)]


def delete_last_row(members: edits.Members) -> None:
    key = members[-1][0].partition(".")[0]
    members[:] = [member for member in members if member[0].partition(".")[0] != key]


def swap_rows(members: edits.Members) -> None:
    keys = list(dict.fromkeys(name.partition(".")[0] for name, _ in members))
    swap(keys)
    members.sort(key=lambda member: keys.index(member[0].partition(".")[0]))


def set_tar_header(start: int, field: bytes, checksum: bool = True) -> Plant:
    """Overwrite a field of the first tar header; ``checksum`` updates the checksum as well."""

    def change(tar: bytearray) -> None:
        tar[start : start + len(field)] = field
        if checksum:
            tar[148:156] = b" " * 8
            tar[148:156] = b"%06o\0 " % sum(tar[:512])

    return lambda folder: edits.edit_bytes(folder, "webdataset", change)


def nonzero_padding(tar: bytearray) -> None:
    size = int(tar[124:135], 8)
    tar[512 + size] = 1


def compress_parquet(folder: Path) -> None:
    edits.edit_table(folder, "parquet", lambda table: table, compression="SNAPPY")


def wrong_features(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": {}}})})


def edit_header(name: str, edit: Callable[[dict[str, Any]], Any]) -> Plant:
    return lambda folder: edits.edit_readme(folder / name, edit)


def edit_json(name: str, edit: Callable[[Any], Any]) -> Plant:
    def plant(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        edit(value)
        (folder / name).write_text(json.dumps(value))

    return plant


def append_text(name: str, text: str) -> Plant:
    def plant(folder: Path) -> None:
        (folder / name).write_text((folder / name).read_text() + text)

    return plant


def add_to_inputs(text: str) -> Plant:
    """Append a text to a question and to the inputs rendered from it, so that they still agree."""

    def change(rows: edits.Rows) -> None:
        row = rows[0]
        row["turns"][-1]["question"] += f" {text}"
        row["inputs"] += f" {text}"

    return lambda folder: edits.edit_index(folder, change)


def build_path_in_inputs(folder: Path) -> None:
    add_to_inputs(f"see {folder.resolve()}/x")(folder)


def leave_one_region_undrawn(rows: edits.Rows) -> None:
    rows[0]["images"][0]["source_digest"] = rows[0]["images"][0]["digest"]


def set_turn(**values: Any) -> Plant:
    """Set fields of the last turn of the first index row."""

    def change(rows: edits.Rows) -> None:
        rows[0]["turns"][-1].update(values)

    return lambda folder: edits.edit_index(folder, change)
