"""Faults to plant in a finished build, one at a time, and the check that must report each."""

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
from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.storage import json_values
from tests.support import edits
from tests.support.verifying import WRONG_DIGEST

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


PLANTED = [
    Fault("manifest_missing", "deleted", delete(f"meta/train/{MANIFEST}"),
          ("stray_file", "readme_files", "readme_counts", "arrow_state")),
    Fault("manifest_unreadable", "truncated", write(f"meta/train/{MANIFEST}", b'{"task":'),
          ("stray_file", "readme_files", "readme_counts", "arrow_state")),
    Fault("manifest_unreadable", "unsupported version", set_manifest(format_version=99),
          ("stray_file", "readme_files", "readme_counts", "arrow_state")),
    Fault("manifest_unreadable", "string instead of number", set_manifest(instances="12"),
          ("stray_file", "readme_files", "readme_counts", "arrow_state")),
    Fault("manifest_unreadable", "empty shard entry", edit_shards(lambda s: s.append({})),
          ("stray_file", "readme_files", "readme_counts", "arrow_state")),
    Fault("manifest_unreadable", "unknown format",
          edit_shards(lambda s: s[0]["files"].update(csv=s[0]["files"]["jsonl"])),
          ("stray_file", "readme_files", "readme_counts", "arrow_state")),
    Fault("manifest_unit", "other split", set_manifest(split="test"),
          ("stray_file", "readme_files", "readme_counts", "arrow_state")),
    Fault("manifest_counts", "one instance too many",
          lambda f: edits.edit_manifest(f, lambda m: m.update(instances=13, examples=13)),
          ("readme_counts",), quick=True),
    Fault("manifest_counts", "one example too many", set_manifest(examples=13), quick=True),
    Fault("manifest_counts", "reject not listed",
          set_manifest(examples=13, rejects={"no_answer": 1}), quick=True),
    Fault("manifest_counts", "reject not counted",
          all_of(set_rejects([reject()]), set_manifest(examples=12, rejects={})), quick=True),
    Fault("manifest_counts", "one image too many",
          lambda f: edits.edit_manifest(f, lambda m: m.update(images=m["images"] + 1)),
          quick=True),
    Fault("manifest_counts", "one image byte too many",
          lambda f: edits.edit_manifest(f, lambda m: m.update(image_bytes=m["image_bytes"] + 1)),
          quick=True),
    Fault("manifest_counts", "rows with one image more",
          lambda f: edits.edit_manifest(f, lambda m: m.update(max_images=m["max_images"] + 1)),
          ("readme_features",), quick=True),
    Fault("manifest_counts", "rows in the wrong shard",
          edit_shards(lambda s: (s[0].update(rows=s[0]["rows"] + 1),
                                 s[1].update(rows=s[1]["rows"] - 1))), quick=True),
    Fault("manifest_paths", "format missing for a shard",
          edit_shards(lambda s: s[1]["files"].pop("jsonl")), ("readme_counts",)),
    Fault("manifest_paths", "path traversal",
          edit_shards(lambda s: s[0]["files"]["jsonl"].update(path="../../x")), quick=True),
    Fault("manifest_paths", "shards in reverse order", edit_shards(lambda s: s.reverse()),
          ("arrow_state",), quick=True),
    Fault("file_missing", "shard", delete("jsonl/train-00001.jsonl"), ("readme_files",)),
    Fault("file_missing", "index", delete("meta/train/index.parquet"), quick=True),
    Fault("file_missing", "rejects", delete("meta/train/rejects.parquet"), quick=True),
    Fault("file_size", "extra byte",
          lambda f: edits.edit_bytes(f, "jsonl", lambda d: d.append(10), update=False),
          ("shard_unreadable", "file_digest", "row_extra")),
    Fault("file_size", "extra byte, quick",
          lambda f: edits.edit_bytes(f, "jsonl", lambda d: d.append(10), update=False),
          quick=True),
    Fault("file_digest", "changed byte in Parquet",
          lambda f: edits.edit_bytes(
              f, "parquet", lambda d: d.__setitem__(4, d[4] ^ 1), update=False),
          ("shard_unreadable",)),
    Fault("file_digest", "index",
          lambda f: edits.edit_manifest(f, lambda m: m["index"].update(digest=WRONG_DIGEST)),
          quick=True),
    Fault("file_digest", "rejects",
          lambda f: edits.edit_manifest(
              f, lambda m: m["reject_table"].update(digest=WRONG_DIGEST)), quick=True),
    Fault("stray_file", "shard of an older build",
          write("parquet/train-00099.parquet", b"PAR1"), ("readme_files",), quick=True),
    Fault("stray_file", "text file among the shards", write("webdataset/notes.txt", b"x"),
          quick=True),
    Fault("stray_file", "README in a subfolder", write("jsonl/x/README.md", b"x"), quick=True),
    Fault("stray_file", "README among Parquet files", write("parquet/README.md", b"x"),
          quick=True),
    Fault("partial_file", "shard", write("webdataset/train-00000.tar.partial", b""), quick=True),
    Fault("partial_file", "README", write(".README.md.partial", b""), quick=True),
    Fault("partial_file", "manifest", write(f"meta/train/.{MANIFEST}.partial", b""), quick=True),
    Fault("index_unreadable", "truncated", truncate_index),
    Fault("index_unreadable", "HTML page",
          all_of(write("meta/train/index.parquet", b"<html>" * 99), edits.update_digests)),
    Fault("index_schema", "missing column", rewrite_index(lambda t: t.drop(["context"]))),
    Fault("index_order", "swapped rows", lambda f: edits.edit_index(f, swap), ("row_order",)),
    Fault("index_order", "all shards in one row group", rewrite_index(lambda t: t), quick=True),
    Fault("rejects_unreadable", "HTML page",
          all_of(write("meta/train/rejects.parquet", b"<html>"), edits.update_digests),
          quick=True),
    Fault("rejects_schema", "missing column", set_rejects([], pa.schema(list(REJECTS)[:-1])),
          quick=True),
    Fault("rejects_rows", "empty id", set_rejects([reject(id="")]), quick=True),
    Fault("rejects_rows", "other split", set_rejects([reject(split="test")]), quick=True),
    Fault("rejects_rows", "null", set_rejects([reject(detail=None)]), quick=True),
    Fault("private", "reject", set_rejects([reject(detail="/home/alice/x.jpg")]), quick=True),
    Fault("duplicate_id", "two rows",
          lambda f: edits.edit_index(f, lambda r: r[1].update(id=r[0]["id"])),
          ("wrong_key",), quick=True),
    Fault("duplicate_key", "two rows",
          lambda f: edits.edit_index(f, lambda r: r[1].update(key=r[0]["key"])),
          ("wrong_key",), quick=True),
    Fault("wrong_key", "other key", set_row(key="other"), quick=True),
    Fault("null_value", "text", set_row(outputs=None), quick=True),
    Fault("null_value", "image digest", set_image(digest=None), quick=True),
    Fault("null_value", "turns", set_row(turns=None), quick=True),
    Fault("null_value", "text in Parquet",
          lambda f: edits.edit_table_rows(f, "parquet", lambda r: r[0].update(inputs=None))),
    Fault("null_value", "image in Arrow",
          lambda f: edits.edit_table_rows(
              f, "arrow", lambda r: row_with_images(r)["images"][0].update(bytes=None))),
    Fault("invalid_text", "null character", add_to_inputs("a\0b"), quick=True),
    Fault("invalid_text", "invalid UTF-8", rewrite_index(invalid_utf8), ("index_order",),
          quick=True),
    Fault("wrong_unit", "other task", set_row(task="other"), quick=True),
    Fault("wrong_unit", "other split", set_row(split="test"), quick=True),
    Fault("empty_output", "whitespace", set_row(outputs=" \n"), ("rendering",), quick=True),
    Fault("empty_instruction", "empty string", set_row(instruction=""), quick=True),
    Fault("empty_input", "neither image nor text",
          lambda f: edits.edit_index(f, lambda rows: [
              (r.update(inputs=""), r["turns"][-1].update(question=""))
              for r in rows if not r["images"]]), quick=True),
    Fault("meta_json", "list", set_row(meta="[1]"), quick=True),
    Fault("meta_json", "invalid JSON", set_row(meta="{'a': 1}"), quick=True),
    Fault("language", "not a tag", set_row(lang="English"), quick=True),
    Fault("language", "not the language of the card", set_row(lang="fr"), quick=True),
    Fault("license", "row", set_row(license=""), quick=True),
    Fault("license", "image", set_row(image_license=" "), quick=True),
    Fault("image_count", "more than the card allows",
          lambda f: edits.edit_manifest(
              f, lambda m: m["card"].update(images={"min": 0, "max": 2})), quick=True),
    Fault("image_metadata", "zero width", set_image(width=0), quick=True),
    Fault("image_metadata", "invalid digest", set_image(digest="x", source_digest="x"), quick=True),
    Fault("image_metadata", "not an image type", set_image(mime="text/html"), quick=True),
    Fault("image_name", "absolute path", set_image(name="/data/1.jpg"), quick=True),
    Fault("image_name", "path traversal", set_image(name="a/../../1.jpg"), quick=True),
    Fault("regions_drawn", "changed bytes without region", set_image(source_digest="0" * 64),
          quick=True),
    Fault("regions_drawn", "not drawn in one row",
          lambda f: edits.edit_index(f, leave_one_region_undrawn), task="refcoco", quick=True),
    Fault("region", "nonexistent image", set_region(image=3), ("regions_drawn",), "refcoco",
          quick=True),
    Fault("region", "outside the image", set_region(box=[9000.0, 9000.0, 9010.0, 9010.0]),
          task="refcoco", quick=True),
    Fault("region", "corners swapped", set_region(box=[20.0, 30.0, 10.0, 40.0]),
          task="refcoco", quick=True),
    Fault("region", "NaN", set_region(box=[float("nan"), 0.0, 1.0, 1.0]),
          task="refcoco", quick=True),
    Fault("region", "three coordinates", set_region(box=[1.0, 2.0, 3.0]),
          task="refcoco", quick=True),
    Fault("region", "unknown color", set_region(color="pink"), ("rendering",),
          "refcoco", quick=True),
    Fault("choices", "gold out of range", set_turn(gold=9), ("rendering",),
          "science-qa", quick=True),
    Fault("choices", "other answer", set_turn(answer="nothing of the kind"), ("rendering",),
          "science-qa", quick=True),
    Fault("rendering", "choice not rendered",
          lambda f: edits.edit_index(
              f, lambda r: r[0]["turns"][-1]["choices"].append("one more")),
          task="science-qa", quick=True),
    Fault("rendering", "other box", set_region(box=[1.0, 2.0, 3.0, 4.0]),
          task="refcoco-text", quick=True),
    Fault("rendering", "no turns", set_row(turns=[]), quick=True),
    Fault("box_token", "instruction", set_row(instruction="Describe {box:0}."),
          task="refcoco", quick=True),
    Fault("private", "home folder in meta",
          set_row(meta='{"file":"/home/alice/coco/1.jpg"}'), quick=True),
    Fault("private", "Windows home folder in meta",
          set_row(meta=json.dumps({"file": "C:\\Users\\alice\\1.jpg"})), quick=True),
    Fault("private", "home folder in image name", set_image(name="/Users/alice/1.jpg"),
          ("image_name",), quick=True),
    Fault("private", "build folder in inputs", build_path_in_inputs, quick=True),
    Fault("private", "home folder in README", append_text("README.md", "\nBuilt in /home/bob/x/\n"),
          quick=True),
    Fault("private", "home folder in manifest",
          set_manifest(options={"where": "/home/alice/x/"}), quick=True),
    Fault("secret", "token", add_to_inputs("hf_" + "aB3" * 12), quick=True),
    Fault("secret", "cloud access key", set_row(meta='{"k":"AKIAIOSFODNN7EXAMPLE"}'), quick=True),
    Fault("secret", "private key", add_to_inputs("-----BEGIN RSA PRIVATE KEY-----"), quick=True),
    Fault("secret", "authorization header",
          append_text("README.md", "\ncurl -H 'Authorization: Bearer abcdef123456'\n"), quick=True),
    Fault("shard_schema", "missing column in Parquet",
          lambda f: edits.edit_table(f, "parquet", lambda t: t.drop(["lang"]))),
    Fault("shard_schema", "extra column in Arrow",
          lambda f: edits.edit_table(f, "arrow", lambda t: t.append_column("x", t["id"]))),
    Fault("shard_schema", "wrong features metadata in Arrow",
          lambda f: edits.edit_table(f, "arrow", wrong_features)),
    Fault("shard_schema", "extra key in JSONL",
          lambda f: edits.edit_jsonl(f, lambda r: r[-1].update(x=1)), ("row_location",)),
    Fault("shard_schema", "no mimes in tar", edit_second_json(lambda v: v.pop("mimes"))),
    Fault("shard_schema", "image members instead of base64",
          lambda f: edits.edit_tar(f, base64_to_members), ("row_location",), folder="base64"),
    Fault("tar_header", "mtime", set_tar_header(136, b"00000000017\0")),
    Fault("tar_header", "uid", set_tar_header(108, b"0001750\0")),
    Fault("tar_header", "user name", set_tar_header(265, b"alice")),
    Fault("tar_header", "checksum", set_tar_header(136, b"00000000017\0", checksum=False)),
    Fault("tar_header", "nonzero padding",
          lambda f: edits.edit_bytes(f, "webdataset", nonzero_padding)),
    Fault("tar_members", "image before JSON", lambda f: edits.edit_tar(f, json_after_image)),
    Fault("tar_members", "unexpected member",
          lambda f: edits.edit_tar(f, lambda m: m.append(("x.txt", b"x")))),
    Fault("tar_members", "image position skipped", lambda f: edits.edit_tar(f, lambda m: m.insert(
        1, (m[0][0].replace(".json", ".1.jpg"), b"x")))),
    Fault("tar_end", "no end blocks",
          lambda f: edits.edit_bytes(
              f, "webdataset", lambda d: d.__delitem__(slice(-1024, None)))),
    Fault("tar_end", "bytes after the end",
          lambda f: edits.edit_bytes(f, "webdataset", lambda d: d.extend(b"x" * 512))),
    Fault("tar_end", "truncated member", lambda f: edits.edit_bytes(
        f, "webdataset", lambda d: d.__delitem__(slice(-2000, None)))),
    Fault("parquet_layout", "compressed images", compress_parquet),
    Fault("parquet_layout", "images in a dictionary",
          lambda f: edits.edit_table(f, "parquet", lambda t: t, use_dictionary=True)),
    Fault("row_missing", "tar", lambda f: edits.edit_tar(f, delete_last_row)),
    Fault("row_missing", "Parquet",
          lambda f: edits.edit_table(f, "parquet", lambda t: t.slice(0, t.num_rows - 1))),
    Fault("row_missing", "Arrow",
          lambda f: edits.edit_table(f, "arrow", lambda t: t.slice(0, t.num_rows - 1))),
    Fault("row_missing", "JSONL", lambda f: edits.edit_jsonl(f, lambda r: r.pop())),
    Fault("row_extra", "tar",
          lambda f: edits.edit_tar(f, lambda m: m.append(("extra.json", m[0][1])))),
    Fault("row_extra", "Parquet",
          lambda f: edits.edit_table_rows(f, "parquet", lambda r: r.append(r[0]))),
    Fault("row_extra", "Arrow",
          lambda f: edits.edit_table_rows(f, "arrow", lambda r: r.append(r[0]))),
    Fault("row_extra", "JSONL", lambda f: edits.edit_jsonl(f, lambda r: r.append(r[0]))),
    Fault("row_order", "tar", lambda f: edits.edit_tar(f, swap_rows)),
    Fault("row_order", "Parquet", lambda f: edits.edit_table_rows(f, "parquet", swap)),
    Fault("row_order", "Arrow", lambda f: edits.edit_table_rows(f, "arrow", swap)),
    Fault("row_order", "JSONL", lambda f: edits.edit_jsonl(f, swap)),
    Fault("row_order", "other key in tar", lambda f: edits.edit_tar(f, lambda m: [
        m.__setitem__(n, (name.replace(key, "z" * len(key)), data))
        for key in [m[0][0].partition(".")[0]]
        for n, (name, data) in enumerate(m) if name.startswith(key + ".")])),
    Fault("row_location", "offset in tar", set_row(webdataset_offset=512)),
    Fault("row_location", "line length", set_row(jsonl_length=5)),
    Fault("row_location", "offset in Parquet", set_row(parquet_offset=4)),
    Fault("row_location", "length in Parquet", set_row(parquet_length=5)),
    Fault("row_location", "null offset", set_row(jsonl_offset=None), quick=True),
    Fault("row_location", "null length", set_row(parquet_length=None), quick=True),
    Fault("row_location", "offset of base64 Parquet", set_row(parquet_offset=4, parquet_length=5),
          folder="base64", quick=True),
    Fault("text_differs", "tar",
          edit_second_json(lambda v: v.update(outputs=v["outputs"][::-1]))),
    Fault("text_differs", "Parquet",
          lambda f: edits.edit_table_rows(f, "parquet", lambda r: r[0].update(meta="{}"))),
    Fault("text_differs", "Arrow",
          lambda f: edits.edit_table_rows(f, "arrow", lambda r: r[0].update(lang="de"))),
    Fault("text_differs", "JSONL", lambda f: edits.edit_jsonl(
        f, lambda r: r[0].update(outputs=r[0]["outputs"][::-1]))),
    Fault("base64", "JSONL", lambda f: edits.edit_jsonl(f, lambda r: [
        row.update(image_base64_str=["*" + t[1:] for t in row["image_base64_str"]])
        for row in r])),
    Fault("base64", "Parquet", lambda f: edits.edit_table_rows(f, "parquet", lambda r: [
        row.update(image_base64_str=[t[:-2] + "%%" for t in row["image_base64_str"]])
        for row in r]), folder="base64"),
    Fault("base64", "tar", edit_every_json(lambda v: v.update(
        image_base64_str=[t[:-2] + "%%" for t in v["image_base64_str"]])), folder="base64"),
    Fault("image_differs", "changed byte in tar", lambda f: edits.edit_tar(f, flip_image_bit)),
    Fault("image_differs", "other image in Parquet",
          lambda f: edits.edit_table_rows(
              f, "parquet", lambda r: row_with_images(r)["images"][0].update(
                  bytes=row_with_images(r[::-1])["images"][-1]["bytes"]))),
    Fault("image_differs", "missing image in Arrow",
          lambda f: edits.edit_table_rows(
              f, "arrow", lambda r: row_with_images(r)["images"].pop())),
    Fault("image_differs", "other image in JSONL",
          lambda f: edits.edit_jsonl(f, lambda r: r[0].update(image_base64_str=["AAAA"])),
          ("row_location",)),
    Fault("image_undecodable", "corrupt before packing",
          lambda f: edits.rebuild(f, corrupt_pixels)),
    Fault("image_undecodable", "corrupt before packing, base64",
          lambda f: edits.rebuild(f, corrupt_pixels), folder="base64"),
    Fault("image_metadata_differs", "wrong MIME type everywhere",
          lambda f: edits.rebuild(f, wrong_mime)),
    Fault("image_metadata_differs", "wrong width", set_image(width=1)),
    Fault("image_metadata_differs", "wrong length",
          lambda f: edits.edit_index(
              f, lambda r: row_with_images(r)["images"][0].update(bytes=7)),
          ("manifest_counts",)),
    Fault("image_metadata_differs", "wrong MIME type in tar",
          edit_second_json(lambda v: v.update(mimes=["image/webp"] * len(v["mimes"])))),
    Fault("image_metadata_differs", "wrong path in Parquet",
          lambda f: edits.edit_table_rows(
              f, "parquet", lambda r: row_with_images(r)["images"][0].update(
                  path="/home/x.jpg"))),
    Fault("readme_missing", "task README", delete("README.md"), quick=True),
    Fault("readme_missing", "format README", delete("webdataset/README.md"), quick=True),
    Fault("readme_header", "invalid YAML", write("README.md", b"---\n: : [\n---\n"), quick=True),
    Fault("readme_header", "no header", write("jsonl/README.md", b"# Mixed\n"), quick=True),
    Fault("readme_header", "no configs",
          edit_header("jsonl/README.md", lambda h: h.pop("configs")), quick=True),
    Fault("readme_header", "other license",
          edit_header("README.md", lambda h: h.update(license_name="MIT")), quick=True),
    Fault("readme_files", "pattern too narrow", edit_header(
        "webdataset/README.md",
        lambda h: h["configs"][0]["data_files"][0].update(path="train-00000.tar")), quick=True),
    Fault("readme_files", "pattern too wide",
          edit_header("jsonl/README.md",
               lambda h: h["configs"][0]["data_files"][0].update(path="*.jsonl")), quick=True),
    Fault("readme_files", "missing split",
          edit_header("README.md", lambda h: h["configs"][0]["data_files"].pop()), quick=True),
    Fault("readme_files", "path traversal", edit_header(
        "README.md",
        lambda h: h["configs"][0]["data_files"][0].update(path="parquet/../../**")), quick=True),
    Fault("readme_header", "number instead of pattern", edit_header(
        "jsonl/README.md",
        lambda h: h["configs"][0]["data_files"][0].update(path=7)), quick=True),
    Fault("readme_features", "two images instead of three", edit_header(
        "webdataset/README.md", lambda h: [
          h["dataset_info"]["features"].remove(f)
          for f in list(h["dataset_info"]["features"]) if f["name"] == "2.jpg"]), quick=True),
    Fault("readme_features", "missing column",
          edit_header("README.md", lambda h: h["dataset_info"]["features"].pop()), quick=True),
    Fault("readme_counts", "one row too many", edit_header(
        "jsonl/README.md",
        lambda h: h["dataset_info"]["splits"][0].update(num_examples=13)), quick=True),
    Fault("readme_counts", "extra split",
          edit_header("README.md", lambda h: h["dataset_info"]["splits"].append(
              {"name": "validation", "num_bytes": 0, "num_examples": 0})), quick=True),
    Fault("arrow_state", "missing shard",
          edit_json("arrow/train/state.json", lambda v: v["_data_files"].pop()), quick=True),
    Fault("arrow_state", "missing feature", edit_json(
        "arrow/train/dataset_info.json", lambda v: v["features"].pop("lang")), quick=True),
    Fault("arrow_state", "missing split",
          edit_json("arrow/dataset_dict.json", lambda v: v["splits"].pop()), quick=True),
    Fault("arrow_state", "invalid JSON", write("arrow/train/state.json", b"{"), quick=True),
]  # fmt: skip
