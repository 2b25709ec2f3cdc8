"""Every way a build can be wrong, planted one at a time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.dataset.index import REJECTS, SCHEMA
from m3it_builder.dataset.manifest import NAME
from tests.support import faults
from tests.support.verifying import OTHER

Plant = Callable[[Path], Any]


@dataclass(frozen=True)
class Planted:
    check: str
    about: str
    plant: Plant
    also: tuple[str, ...] = ()  # what cannot but be found with it
    task: str = "mixed"
    quick: bool = False  # found without opening a shard
    folder: str = "out"


def each(*plants: Plant) -> Plant:
    def plant(folder: Path) -> None:
        for one in plants:
            one(folder)

    return plant


def edited(**values: Any) -> Plant:
    return lambda folder: faults.manifest(folder, lambda value: value.update(values))


def first_row(**values: Any) -> Plant:
    return lambda folder: faults.index(folder, lambda rows: rows[0].update(values))


def first_image(**values: Any) -> Plant:
    return lambda folder: faults.index(
        folder, lambda rows: imaged(rows)["images"][0].update(values)
    )


def imaged(rows: faults.Rows) -> dict[str, Any]:
    """Return a row that has images."""
    return next(row for row in rows if row["images"])


def first_region(**values: Any) -> Plant:
    def change(rows: faults.Rows) -> None:
        next(row for row in rows if row["regions"])["regions"][0].update(values)

    return lambda folder: faults.index(folder, change)


def swap(items: list[Any]) -> None:
    items[0], items[1] = items[1], items[0]


def write(name: str, data: bytes) -> Plant:
    def plant(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return plant


def unlink(name: str) -> Plant:
    return lambda folder: (folder / name).unlink()


def change_shards(edit: Callable[[list[dict[str, Any]]], Any]) -> Plant:
    return lambda folder: faults.manifest(folder, lambda value: edit(value["shards"]))


def cut_index(folder: Path) -> None:
    path = faults.index_path(folder)
    path.write_bytes(path.read_bytes()[:-200])
    faults.redigest(folder)


def rewrite_index(change: Callable[[pa.Table], pa.Table]) -> Plant:
    def plant(folder: Path) -> None:
        path = faults.index_path(folder)
        pq.write_table(change(pq.read_table(path)), path)
        faults.redigest(folder)

    return plant


def rejects(rows: list[dict[str, Any]], schema: pa.Schema = REJECTS) -> Plant:
    """Replace the list of rejects, with counts to match."""

    def plant(folder: Path) -> None:
        path = folder / "meta" / "train" / "rejects.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)

        def count(value: dict[str, Any]) -> None:
            value["rejects"] = {"no_answer": len(rows)} if rows else {}
            value["examples"] = value["instances"] + len(rows)

        faults.manifest(folder, count)
        faults.redigest(folder)

    return plant


def a_reject(**values: Any) -> dict[str, Any]:
    row = {"task": "mixed", "split": "train", "stage": "convert", "id": "x"}
    return {**row, "reason": "no_answer", "detail": "", **values}


def bad_utf8(held: pa.Table) -> pa.Table:
    column = held.column("context").combine_chunks()
    bad = pa.array([b"\xff\xfe"] * len(column), pa.binary())
    texts = pa.StringArray.from_buffers(len(column), bad.buffers()[1], bad.buffers()[2])
    return held.set_column(held.schema.get_field_index("context"), SCHEMA.field("context"), texts)


def corrupt_pixels(rows: faults.Rows, images: list[list[bytes]]) -> None:
    """Change a byte amid a PNG's pixels; header and end marker stay, digests are made anew."""
    for row, held in zip(rows, images, strict=True):
        for place, image in enumerate(row["images"]):
            if image["mime"] == "image/png":
                data = bytearray(held[place])
                middle = data.index(b"IDAT") + 40
                data[middle] ^= 0xFF
                held[place] = bytes(data)
                faults.redescribe(image, held[place])
                return
    raise AssertionError


def other_type(rows: faults.Rows, _: Any) -> None:
    imaged(rows)["images"][0]["mime"] = "image/webp"


def second_json(edit: Callable[[dict[str, Any]], Any]) -> Plant:
    """Change the json of the second row of the tar."""

    def change(held: faults.Members) -> None:
        place = [n for n, (name, _) in enumerate(held) if name.endswith(".json")][1]
        value = orjson.loads(held[place][1])
        edit(value)
        held[place] = held[place][0], orjson.dumps(value)

    return lambda folder: faults.members(folder, change)


def every_json(edit: Callable[[dict[str, Any]], Any]) -> Plant:
    """Change the json of every row of the tar, without changing its length."""

    def change(held: faults.Members) -> None:
        for place, (name, data) in enumerate(held):
            if name.endswith(".json"):
                value = orjson.loads(data)
                edit(value)
                held[place] = name, orjson.dumps(value)

    return lambda folder: faults.members(folder, change)


def json_last(held: faults.Members) -> None:
    place = next(n for n, (name, _) in enumerate(held) if name.endswith(".0.jpg"))
    held[place - 1], held[place] = held[place], held[place - 1]


def flip_image(held: faults.Members) -> None:
    place = next(n for n, (name, _) in enumerate(held) if name.endswith(".0.jpg"))
    name, data = held[place]
    middle = len(data) // 2
    held[place] = name, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def as_members(held: faults.Members) -> None:
    rows, held[:] = list(held), []
    for name, data in rows:
        value = orjson.loads(data)
        images = [base64.b64decode(text) for text in value.pop("image_base64_str")]
        held.append((name, orjson.dumps({**value, "mimes": ["image/jpeg"] * len(images)})))
        key = name.partition(".")[0]
        held += [(f"{key}.{n}.jpg", image) for n, image in enumerate(images)]


def drop_row(held: faults.Members) -> None:
    key = held[-1][0].partition(".")[0]
    held[:] = [member for member in held if member[0].partition(".")[0] != key]


def swap_rows(held: faults.Members) -> None:
    keys = list(dict.fromkeys(name.partition(".")[0] for name, _ in held))
    swap(keys)
    held.sort(key=lambda member: keys.index(member[0].partition(".")[0]))


def header_field(start: int, data: bytes, checksum: bool = True) -> Plant:
    def change(held: bytearray) -> None:
        held[start : start + len(data)] = data
        if checksum:
            held[148:156] = b" " * 8
            held[148:156] = b"%06o\0 " % sum(held[:512])

    return lambda folder: faults.patch(folder, "webdataset", change)


def padding(held: bytearray) -> None:
    size = int(held[124:135], 8)
    held[512 + size] = 1


def compressed(folder: Path) -> None:
    faults.table(folder, "parquet", lambda held: held, compression="SNAPPY")


def other_marks(held: pa.Table) -> pa.Table:
    return held.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": {}}})})


def head(name: str, edit: Callable[[dict[str, Any]], Any]) -> Plant:
    return lambda folder: faults.readme(folder / name, edit)


def state(name: str, edit: Callable[[Any], Any]) -> Plant:
    def plant(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        edit(value)
        (folder / name).write_text(json.dumps(value))

    return plant


def said(name: str, text: str) -> Plant:
    def plant(folder: Path) -> None:
        (folder / name).write_text((folder / name).read_text() + text)

    return plant


def in_inputs(text: str) -> Plant:
    """Put words into a question and into what is rendered from it, so that only they are odd."""

    def change(rows: faults.Rows) -> None:
        row = rows[0]
        row["turns"][-1]["question"] += f" {text}"
        row["inputs"] += f" {text}"

    return lambda folder: faults.index(folder, change)


def build_path(folder: Path) -> None:
    in_inputs(f"see {folder.resolve()}/x")(folder)


def one_region_undrawn(rows: faults.Rows) -> None:
    rows[0]["images"][0]["source_digest"] = rows[0]["images"][0]["digest"]


def set_choice(**values: Any) -> Plant:
    def change(rows: faults.Rows) -> None:
        rows[0]["turns"][-1].update(values)

    return lambda folder: faults.index(folder, change)


PLANTED = [
    Planted("manifest_missing", "taken away", unlink(f"meta/train/{NAME}"),
            ("stray_file", "readme_files", "readme_numbers", "arrow_state")),
    Planted("manifest_unreadable", "cut short", write(f"meta/train/{NAME}", b'{"task":'),
            ("stray_file", "readme_files", "readme_numbers", "arrow_state")),
    Planted("manifest_unreadable", "another version", edited(format_version=99),
            ("stray_file", "readme_files", "readme_numbers", "arrow_state")),
    Planted("manifest_unreadable", "a text for a number", edited(instances="12"),
            ("stray_file", "readme_files", "readme_numbers", "arrow_state")),
    Planted("manifest_unreadable", "a list for a shard", change_shards(lambda s: s.append({})),
            ("stray_file", "readme_files", "readme_numbers", "arrow_state")),
    Planted("manifest_unreadable", "a format nobody writes",
            change_shards(lambda s: s[0]["files"].update(csv=s[0]["files"]["jsonl"])),
            ("stray_file", "readme_files", "readme_numbers", "arrow_state")),
    Planted("manifest_unit", "another split", edited(split="test"),
            ("stray_file", "readme_files", "readme_numbers", "arrow_state")),
    Planted("manifest_counts", "one instance more",
            lambda f: faults.manifest(f, lambda m: m.update(instances=13, examples=13)),
            ("readme_numbers",), quick=True),
    Planted("manifest_counts", "one example more", edited(examples=13), quick=True),
    Planted("manifest_counts", "a reject that is not listed",
            edited(examples=13, rejects={"no_answer": 1}), quick=True),
    Planted("manifest_counts", "a reject that is not counted",
            each(rejects([a_reject()]), edited(examples=12, rejects={})),
            quick=True),
    Planted("manifest_counts", "one image more",
            lambda f: faults.manifest(f, lambda m: m.update(images=m["images"] + 1)),
            quick=True),
    Planted("manifest_counts", "one byte of images more",
            lambda f: faults.manifest(f, lambda m: m.update(image_bytes=m["image_bytes"] + 1)),
            quick=True),
    Planted("manifest_counts", "rows in the wrong shard",
            change_shards(lambda s: (s[0].update(rows=s[0]["rows"] + 1),
                                     s[1].update(rows=s[1]["rows"] - 1))), quick=True),
    Planted("manifest_paths", "a shard left out of a format",
            change_shards(lambda s: s[1]["files"].pop("jsonl")), ("readme_header",)),
    Planted("manifest_paths", "a path that climbs",
            change_shards(lambda s: s[0]["files"]["jsonl"].update(path="../../x")), quick=True),
    Planted("manifest_paths", "shards listed backwards", change_shards(lambda s: s.reverse()),
            ("arrow_state",), quick=True),
    Planted("file_missing", "a shard", unlink("jsonl/train-00001.jsonl"), ("readme_files",)),
    Planted("file_missing", "an index", unlink("meta/train/index.parquet"), quick=True),
    Planted("file_missing", "the rejects", unlink("meta/train/rejects.parquet"), quick=True),
    Planted("file_size", "a byte more",
            lambda f: faults.patch(f, "jsonl", lambda d: d.append(10), claim=False),
            ("shard_unreadable", "file_digest", "row_extra")),
    Planted("file_size", "a byte more, seen quickly",
            lambda f: faults.patch(f, "jsonl", lambda d: d.append(10), claim=False), quick=True),
    Planted("file_digest", "a byte of an Arrow header",
            lambda f: faults.patch(f, "parquet", lambda d: d.__setitem__(4, d[4] ^ 1), claim=False),
            ("shard_unreadable",)),
    Planted("file_digest", "of the index",
            lambda f: faults.manifest(f, lambda m: m["index"].update(digest=OTHER)), quick=True),
    Planted("file_digest", "of the rejects",
            lambda f: faults.manifest(f, lambda m: m["reject_table"].update(digest=OTHER)),
            quick=True),
    Planted("stray_file", "a shard of an older build",
            write("parquet/train-00099.parquet", b"PAR1"), ("readme_files",), quick=True),
    Planted("stray_file", "another file among the shards", write("webdataset/notes.txt", b"x"),
            quick=True),
    Planted("stray_file", "a README of a format without shards", write("jsonl/x/README.md", b"x"),
            quick=True),
    Planted("partial_file", "a shard", write("webdataset/train-00000.tar.partial", b""),
            quick=True),
    Planted("partial_file", "a README", write(".README.md.partial", b""), quick=True),
    Planted("partial_file", "a manifest", write(f"meta/train/.{NAME}.partial", b""), quick=True),
    Planted("index_unreadable", "cut short", cut_index),
    Planted("index_unreadable", "a web page",
            each(write("meta/train/index.parquet", b"<html>" * 99), faults.redigest)),
    Planted("index_schema", "a column less", rewrite_index(lambda t: t.drop(["context"]))),
    Planted("index_order", "two rows exchanged", lambda f: faults.index(f, swap), ("row_order",)),
    Planted("index_order", "all shards in one row group", rewrite_index(lambda t: t), quick=True),
    Planted("rejects_unreadable", "a web page",
            each(write("meta/train/rejects.parquet", b"<html>"), faults.redigest),
            quick=True),
    Planted("rejects_schema", "a column less", rejects([], pa.schema(list(REJECTS)[:-1])),
            quick=True),
    Planted("rejects_rows", "without id", rejects([a_reject(id="")]), quick=True),
    Planted("rejects_rows", "of another split", rejects([a_reject(split="test")]), quick=True),
    Planted("rejects_rows", "a null", rejects([a_reject(detail=None)]), quick=True),
    Planted("private", "in a reject", rejects([a_reject(detail="/home/alice/x.jpg")]), quick=True),
    Planted("repeated_id", "two rows",
            lambda f: faults.index(f, lambda r: r[1].update(id=r[0]["id"])),
            ("wrong_key",), quick=True),
    Planted("repeated_key", "two rows",
            lambda f: faults.index(f, lambda r: r[1].update(key=r[0]["key"])),
            ("wrong_key",), quick=True),
    Planted("wrong_key", "of another id", first_row(key="other"), quick=True),
    Planted("null_value", "a text", first_row(outputs=None),
            quick=True),
    Planted("null_value", "inside an image", first_image(digest=None), quick=True),
    Planted("null_value", "all turns", first_row(turns=None), quick=True),
    Planted("null_value", "in a Parquet file",
            lambda f: faults.table_rows(f, "parquet", lambda r: r[0].update(inputs=None))),
    Planted("null_value", "an image in Arrow",
            lambda f: faults.table_rows(f, "arrow", lambda r: imaged(r)["images"][0].update(
                bytes=None))),
    Planted("damaged_text", "a null character", in_inputs("a\0b"), quick=True),
    Planted("damaged_text", "no UTF-8", rewrite_index(bad_utf8), ("index_order",), quick=True),
    Planted("wrong_unit", "another task", first_row(task="other"), quick=True),
    Planted("wrong_unit", "another split", first_row(split="test"), quick=True),
    Planted("empty_output", "blanks", first_row(outputs=" \n"), ("rendering",), quick=True),
    Planted("empty_instruction", "nothing", first_row(instruction=""), quick=True),
    Planted("empty_input", "neither image nor text",
            lambda f: faults.index(f, lambda rows: [
                (r.update(inputs=""), r["turns"][-1].update(question=""))
                for r in rows if not r["images"]]), quick=True),
    Planted("meta_json", "a list", first_row(meta="[1]"), quick=True),
    Planted("meta_json", "no JSON", first_row(meta="{'a': 1}"), quick=True),
    Planted("language", "no tag", first_row(lang="English"), quick=True),
    Planted("language", "not the card's", first_row(lang="fr"), quick=True),
    Planted("license", "of the row", first_row(license=""), quick=True),
    Planted("license", "of the image", first_row(image_license=" "), quick=True),
    Planted("image_count", "more than the card allows",
            lambda f: faults.manifest(f, lambda m: m["card"].update(images={"min": 0, "max": 2})),
            quick=True),
    Planted("image_facts", "no width", first_image(width=0), quick=True),
    Planted("image_facts", "no digest", first_image(digest="x", source_digest="x"), quick=True),
    Planted("image_facts", "no image", first_image(mime="text/html"), quick=True),
    Planted("image_name", "absolute", first_image(name="/data/1.jpg"), quick=True),
    Planted("image_name", "climbing", first_image(name="a/../../1.jpg"), quick=True),
    Planted("drawn", "no region, other bytes", first_image(source_digest="0" * 64), quick=True),
    Planted("drawn", "one region of many is not",
            lambda f: faults.index(f, one_region_undrawn), task="refcoco", quick=True),
    Planted("region", "on no image", first_region(image=3), ("drawn",), "refcoco", quick=True),
    Planted("region", "outside", first_region(box=[9000.0, 9000.0, 9010.0, 9010.0]),
            task="refcoco", quick=True),
    Planted("region", "upside down", first_region(box=[20.0, 30.0, 10.0, 40.0]),
            task="refcoco", quick=True),
    Planted("region", "not a number", first_region(box=[float("nan"), 0.0, 1.0, 1.0]),
            task="refcoco", quick=True),
    Planted("region", "three edges", first_region(box=[1.0, 2.0, 3.0]),
            task="refcoco", quick=True),
    Planted("region", "a color nobody draws", first_region(color="pink"), ("rendering",),
            "refcoco", quick=True),
    Planted("choices", "out of range", set_choice(gold=9), ("rendering",),
            "science-qa", quick=True),
    Planted("choices", "another answer", set_choice(answer="nothing of the kind"), ("rendering",),
            "science-qa", quick=True),
    Planted("rendering", "an option less",
            lambda f: faults.index(f, lambda r: r[0]["turns"][-1]["choices"].append("one more")),
            task="science-qa", quick=True),
    Planted("rendering", "another box", first_region(box=[1.0, 2.0, 3.0, 4.0]),
            task="refcoco-text", quick=True),
    Planted("rendering", "no turn", first_row(turns=[]), quick=True),
    Planted("box_token", "in the instruction", first_row(instruction="Describe {box:0}."),
            task="refcoco", quick=True),
    Planted("private", "a home folder in meta",
            first_row(meta='{"file":"/home/alice/coco/1.jpg"}'), quick=True),
    Planted("private", "a home folder of Windows",
            first_row(meta=json.dumps({"file": "C:\\Users\\alice\\1.jpg"})), quick=True),
    Planted("private", "a home folder as a name", first_image(name="/Users/alice/1.jpg"),
            ("image_name",), quick=True),
    Planted("private", "the build folder in a text", build_path, quick=True),
    Planted("private", "a home folder in a README", said("README.md", "\nBuilt in /home/bob/x/\n"),
            quick=True),
    Planted("private", "a home folder in the manifest",
            edited(options={"where": "/home/alice/x/"}), quick=True),
    Planted("secret", "a token", in_inputs("hf_" + "aB3" * 12), quick=True),
    Planted("secret", "a cloud key", first_row(meta='{"k":"AKIAIOSFODNN7EXAMPLE"}'), quick=True),
    Planted("secret", "a private key", in_inputs("-----BEGIN RSA PRIVATE KEY-----"), quick=True),
    Planted("secret", "a header",
            said("README.md", "\ncurl -H 'Authorization: Bearer abcdef123456'\n"), quick=True),
    Planted("shard_schema", "a column less in Parquet",
            lambda f: faults.table(f, "parquet", lambda t: t.drop(["lang"]))),
    Planted("shard_schema", "a column more in Arrow",
            lambda f: faults.table(f, "arrow", lambda t: t.append_column("x", t["id"]))),
    Planted("shard_schema", "other features inside",
            lambda f: faults.table(f, "arrow", other_marks)),
    Planted("shard_schema", "a key more in JSONL",
            lambda f: faults.lines(f, lambda r: r[-1].update(x=1)), ("row_place",)),
    Planted("shard_schema", "no mimes in a tar", second_json(lambda v: v.pop("mimes"))),
    Planted("shard_schema", "images as members where base64 was promised",
            lambda f: faults.members(f, as_members), ("row_place",), folder="base64"),
    Planted("tar_header", "a time", header_field(136, b"00000000017\0")),
    Planted("tar_header", "an owner", header_field(108, b"0001750\0")),
    Planted("tar_header", "a user name", header_field(265, b"alice")),
    Planted("tar_header", "a checksum", header_field(136, b"00000000017\0", checksum=False)),
    Planted("tar_header", "padding",
            lambda f: faults.patch(f, "webdataset", padding)),
    Planted("tar_members", "images before their json", lambda f: faults.members(f, json_last)),
    Planted("tar_members", "a stranger",
            lambda f: faults.members(f, lambda m: m.append(("x.txt", b"x")))),
    Planted("tar_members", "an image left out", lambda f: faults.members(f, lambda m: m.insert(
        1, (m[0][0].replace(".json", ".1.jpg"), b"x")))),
    Planted("tar_end", "no end blocks",
            lambda f: faults.patch(f, "webdataset", lambda d: d.__delitem__(slice(-1024, None)))),
    Planted("tar_end", "something behind",
            lambda f: faults.patch(f, "webdataset", lambda d: d.extend(b"x" * 512))),
    Planted("tar_end", "a member cut short", lambda f: faults.patch(
        f, "webdataset", lambda d: d.__delitem__(slice(-2000, None)))),
    Planted("parquet_layout", "compressed images", compressed),
    Planted("row_missing", "in a tar", lambda f: faults.members(f, drop_row)),
    Planted("row_missing", "in Parquet",
            lambda f: faults.table(f, "parquet", lambda t: t.slice(0, t.num_rows - 1))),
    Planted("row_missing", "in Arrow",
            lambda f: faults.table(f, "arrow", lambda t: t.slice(0, t.num_rows - 1))),
    Planted("row_missing", "in JSONL", lambda f: faults.lines(f, lambda r: r.pop())),
    Planted("row_extra", "in a tar",
            lambda f: faults.members(f, lambda m: m.append(("extra.json", m[0][1])))),
    Planted("row_extra", "in Parquet",
            lambda f: faults.table_rows(f, "parquet", lambda r: r.append(r[0]))),
    Planted("row_extra", "in Arrow",
            lambda f: faults.table_rows(f, "arrow", lambda r: r.append(r[0]))),
    Planted("row_extra", "in JSONL", lambda f: faults.lines(f, lambda r: r.append(r[0]))),
    Planted("row_order", "in a tar", lambda f: faults.members(f, swap_rows)),
    Planted("row_order", "in Parquet", lambda f: faults.table_rows(f, "parquet", swap)),
    Planted("row_order", "in Arrow", lambda f: faults.table_rows(f, "arrow", swap)),
    Planted("row_order", "in JSONL", lambda f: faults.lines(f, swap)),
    Planted("row_order", "another key in the tar", lambda f: faults.members(f, lambda m: [
        m.__setitem__(n, (name.replace(key, "z" * len(key)), data))
        for key in [m[0][0].partition(".")[0]]
        for n, (name, data) in enumerate(m) if name.startswith(key + ".")])),
    Planted("row_place", "an offset in the tar", first_row(webdataset_offset=512)),
    Planted("row_place", "a length of a line", first_row(jsonl_length=5)),
    Planted("row_place", "none at all", first_row(jsonl_offset=None), quick=True),
    Planted("text_differs", "in a tar",
            second_json(lambda v: v.update(outputs=v["outputs"][::-1]))),
    Planted("text_differs", "in Parquet",
            lambda f: faults.table_rows(f, "parquet", lambda r: r[0].update(meta="{}"))),
    Planted("text_differs", "in Arrow",
            lambda f: faults.table_rows(f, "arrow", lambda r: r[0].update(lang="de"))),
    Planted("text_differs", "in JSONL", lambda f: faults.lines(
        f, lambda r: r[0].update(outputs=r[0]["outputs"][::-1]))),
    Planted("base64", "in JSONL", lambda f: faults.lines(f, lambda r: [
        row.update(image_base64_str=["*" + t[1:] for t in row["image_base64_str"]])
        for row in r])),
    Planted("base64", "in Parquet", lambda f: faults.table_rows(f, "parquet", lambda r: [
        row.update(image_base64_str=[t[:-2] + "%%" for t in row["image_base64_str"]])
        for row in r]), folder="base64"),
    Planted("base64", "in a tar", every_json(lambda v: v.update(
        image_base64_str=[t[:-2] + "%%" for t in v["image_base64_str"]])), folder="base64"),
    Planted("image_differs", "a byte in a tar", lambda f: faults.members(f, flip_image)),
    Planted("image_differs", "another image in Parquet",
            lambda f: faults.table_rows(f, "parquet", lambda r: imaged(r)["images"][0].update(
                bytes=imaged(r[::-1])["images"][-1]["bytes"]))),
    Planted("image_differs", "an image less in Arrow",
            lambda f: faults.table_rows(f, "arrow", lambda r: imaged(r)["images"].pop())),
    Planted("image_differs", "another image in JSONL",
            lambda f: faults.lines(f, lambda r: r[0].update(image_base64_str=["AAAA"])),
            ("row_place",)),
    Planted("image_undecodable", "spoiled before it was packed",
            lambda f: faults.lie(f, corrupt_pixels)),
    Planted("image_undecodable", "spoiled, as base64",
            lambda f: faults.lie(f, corrupt_pixels), folder="base64"),
    Planted("image_described", "another type everywhere", lambda f: faults.lie(f, other_type)),
    Planted("image_described", "another width", first_image(width=1)),
    Planted("image_described", "another length",
            lambda f: faults.index(f, lambda r: imaged(r)["images"][0].update(bytes=7)),
            ("manifest_counts",)),
    Planted("image_described", "another type in the json of a tar",
            second_json(lambda v: v.update(mimes=["image/webp"] * len(v["mimes"])))),
    Planted("image_described", "another path in Parquet",
            lambda f: faults.table_rows(f, "parquet", lambda r: imaged(r)["images"][0].update(
                path="/home/x.jpg"))),
    Planted("readme_missing", "of the task", unlink("README.md"), quick=True),
    Planted("readme_missing", "of a format", unlink("parquet/README.md"), quick=True),
    Planted("readme_header", "no YAML", write("README.md", b"---\n: : [\n---\n"), quick=True),
    Planted("readme_header", "no header", write("jsonl/README.md", b"# Mixed\n"), quick=True),
    Planted("readme_header", "no configs", head("parquet/README.md", lambda h: h.pop("configs")),
            quick=True),
    Planted("readme_header", "another license",
            head("README.md", lambda h: h.update(license_name="MIT")), quick=True),
    Planted("readme_files", "a pattern too narrow", head(
        "webdataset/README.md",
        lambda h: h["configs"][0]["data_files"][0].update(path="train-00000.tar")), quick=True),
    Planted("readme_files", "a pattern too wide",
            head("parquet/README.md",
                 lambda h: h["configs"][0]["data_files"][0].update(path="*.parquet")), quick=True),
    Planted("readme_files", "a split left out",
            head("README.md", lambda h: h["configs"][0]["data_files"].pop()), quick=True),
    Planted("readme_files", "a pattern that climbs", head(
        "README.md",
        lambda h: h["configs"][0]["data_files"][0].update(path="parquet/../../**")), quick=True),
    Planted("readme_header", "a number for a pattern", head(
        "parquet/README.md",
        lambda h: h["configs"][0]["data_files"][0].update(path=7)), quick=True),
    Planted("readme_features", "two images where rows have three", head(
        "webdataset/README.md", lambda h: [
            h["dataset_info"]["features"].remove(f)
            for f in list(h["dataset_info"]["features"]) if f["name"] == "2.jpg"]), quick=True),
    Planted("readme_features", "a column less",
            head("README.md", lambda h: h["dataset_info"]["features"].pop()), quick=True),
    Planted("readme_numbers", "a row more", head("jsonl/README.md", lambda h: h["dataset_info"][
        "splits"][0].update(num_examples=13)), quick=True),
    Planted("readme_numbers", "a split more",
            head("README.md", lambda h: h["dataset_info"]["splits"].append(
                {"name": "validation", "num_bytes": 0, "num_examples": 0})), quick=True),
    Planted("arrow_state", "a shard left out",
            state("arrow/train/state.json", lambda v: v["_data_files"].pop()), quick=True),
    Planted("arrow_state", "other features", state(
        "arrow/train/dataset_info.json", lambda v: v["features"].pop("lang")), quick=True),
    Planted("arrow_state", "a split left out",
            state("arrow/dataset_dict.json", lambda v: v["splits"].pop()), quick=True),
    Planted("arrow_state", "no JSON", write("arrow/train/state.json", b"{"), quick=True),
]  # fmt: skip
