"""``m3it verify`` finds every planted fault by its name, and none in clean builds."""

from __future__ import annotations

import base64
import json
import random
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from m3it_builder import load_task
from m3it_builder.build import Build
from m3it_builder.cli import app
from m3it_builder.errors import BuildError
from m3it_builder.pipeline import PipelineFile, Plan
from m3it_builder.samples import write_sample
from m3it_builder.shards.digest import algorithm_of, file_digest
from m3it_builder.shards.index import REJECTS, SCHEMA
from m3it_builder.shards.manifest import NAME
from m3it_builder.tasks import Task, all_names
from m3it_builder.verify.faults import CHECKS
from m3it_builder.verify.private import watch
from m3it_builder.verify.run import How, Verdict
from m3it_builder.verify.run import verify as run_verify
from tests import faults, mixed
from tests.conftest import assert_one_line, run_m3it
from tests.test_endurance import peak_kilobytes

ALL = ("arrow", "jsonl", "parquet", "webdataset")
SMALL = PipelineFile.model_validate({"output": {"format": ("webdataset",), "shard_mb": 0.03}})
PLAN = Plan(file=SMALL, formats=ALL)  # type: ignore[arg-type]
OTHER = "blake3:" + "0" * 64
NEEDS_VIDEO = {"msrvtt-qa"}


def task_named(name: str) -> Task:
    return mixed.TASK if name == "mixed" else load_task(name)


def build(sources: Path, out: Path, name: str, plan: Plan = PLAN, count: int = 4) -> None:
    task = task_named(name)
    if not (sources / name).exists():
        write_sample(task, sources / name, count)
    for split in task.card.splits:
        Build(sources=sources / name, out=out, plan=plan).unit(task, split)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clean build: 0 to 3 pictures, boxes drawn and told, choices, base64."""
    folder = tmp_path_factory.mktemp("verify")
    for name in ("mixed", "okvqa", "refcoco", "refcoco-text", "science-qa"):
        build(folder / "src", folder / "out", name)
    build(folder / "src", folder / "base64", "mixed", replace(PLAN, images="base64"))
    return folder


def verified(build: Path, *words: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Run the command; return status, findings by check, and the lines for people."""
    runner = CliRunner()
    done = runner.invoke(app, ["verify", str(build), "--json", "-j", "1", *words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    value = json.loads(done.stdout)
    found = {finding["check"]: finding for finding in value["findings"]}
    assert value["count"] == sum(finding["count"] for finding in found.values())
    return done.exit_code, found, done.stderr


# ------------------------------------------------------------------------------------- the faults

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
        folder, lambda rows: pictured(rows)["images"][0].update(values)
    )


def pictured(rows: faults.Rows) -> dict[str, Any]:
    """Return a row that has pictures."""
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


def corrupt_pixels(rows: faults.Rows, pictures: list[list[bytes]]) -> None:
    """Change a byte amid a PNG's pixels; header and end marker stay, digests are made anew."""
    for row, held in zip(rows, pictures, strict=True):
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
    pictured(rows)["images"][0]["mime"] = "image/webp"


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


def flip_picture(held: faults.Members) -> None:
    place = next(n for n, (name, _) in enumerate(held) if name.endswith(".0.jpg"))
    name, data = held[place]
    middle = len(data) // 2
    held[place] = name, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def as_members(held: faults.Members) -> None:
    rows, held[:] = list(held), []
    for name, data in rows:
        value = orjson.loads(data)
        pictures = [base64.b64decode(text) for text in value.pop("image_base64_str")]
        held.append((name, orjson.dumps({**value, "mimes": ["image/jpeg"] * len(pictures)})))
        key = name.partition(".")[0]
        held += [(f"{key}.{n}.jpg", picture) for n, picture in enumerate(pictures)]


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
    Planted("manifest_counts", "one picture more",
            lambda f: faults.manifest(f, lambda m: m.update(pictures=m["pictures"] + 1)),
            quick=True),
    Planted("manifest_counts", "one byte of pictures more",
            lambda f: faults.manifest(f, lambda m: m.update(picture_bytes=m["picture_bytes"] + 1)),
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
    Planted("null_value", "inside a picture", first_image(digest=None), quick=True),
    Planted("null_value", "all turns", first_row(turns=None), quick=True),
    Planted("null_value", "in a Parquet file",
            lambda f: faults.table_rows(f, "parquet", lambda r: r[0].update(inputs=None))),
    Planted("null_value", "a picture in Arrow",
            lambda f: faults.table_rows(f, "arrow", lambda r: pictured(r)["images"][0].update(
                bytes=None))),
    Planted("damaged_text", "a null character", in_inputs("a\0b"), quick=True),
    Planted("damaged_text", "no UTF-8", rewrite_index(bad_utf8), ("index_order",), quick=True),
    Planted("wrong_unit", "another task", first_row(task="other"), quick=True),
    Planted("wrong_unit", "another split", first_row(split="test"), quick=True),
    Planted("empty_output", "blanks", first_row(outputs=" \n"), ("rendering",), quick=True),
    Planted("empty_instruction", "nothing", first_row(instruction=""), quick=True),
    Planted("empty_input", "neither picture nor text",
            lambda f: faults.index(f, lambda rows: [
                (r.update(inputs=""), r["turns"][-1].update(question=""))
                for r in rows if not r["images"]]), quick=True),
    Planted("meta_json", "a list", first_row(meta="[1]"), quick=True),
    Planted("meta_json", "no JSON", first_row(meta="{'a': 1}"), quick=True),
    Planted("language", "no tag", first_row(lang="English"), quick=True),
    Planted("language", "not the card's", first_row(lang="fr"), quick=True),
    Planted("license", "of the row", first_row(license=""), quick=True),
    Planted("license", "of the picture", first_row(image_license=" "), quick=True),
    Planted("picture_count", "more than the card allows",
            lambda f: faults.manifest(f, lambda m: m["card"].update(images={"min": 0, "max": 2})),
            quick=True),
    Planted("picture_facts", "no width", first_image(width=0), quick=True),
    Planted("picture_facts", "no digest", first_image(digest="x", source_digest="x"), quick=True),
    Planted("picture_facts", "no picture", first_image(mime="text/html"), quick=True),
    Planted("picture_name", "absolute", first_image(name="/data/1.jpg"), quick=True),
    Planted("picture_name", "climbing", first_image(name="a/../../1.jpg"), quick=True),
    Planted("drawn", "no region, other bytes", first_image(source_digest="0" * 64), quick=True),
    Planted("drawn", "one region of many is not",
            lambda f: faults.index(f, one_region_undrawn), task="refcoco", quick=True),
    Planted("region", "on no picture", first_region(image=3), ("drawn",), "refcoco", quick=True),
    Planted("region", "outside", first_region(box=[9000.0, 9000.0, 9010.0, 9010.0]),
            task="refcoco", quick=True),
    Planted("region", "upside down", first_region(box=[20.0, 30.0, 10.0, 40.0]),
            task="refcoco", quick=True),
    Planted("region", "not a number", first_region(box=[float("nan"), 0.0, 1.0, 1.0]),
            task="refcoco", quick=True),
    Planted("region", "three edges", first_region(box=[1.0, 2.0, 3.0]),
            task="refcoco", quick=True),
    Planted("region", "a colour nobody draws", first_region(colour="pink"), ("rendering",),
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
            ("picture_name",), quick=True),
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
    Planted("shard_schema", "pictures as members where base64 was promised",
            lambda f: faults.members(f, as_members), ("row_place",), folder="base64"),
    Planted("tar_header", "a time", header_field(136, b"00000000017\0")),
    Planted("tar_header", "an owner", header_field(108, b"0001750\0")),
    Planted("tar_header", "a user name", header_field(265, b"alice")),
    Planted("tar_header", "a checksum", header_field(136, b"00000000017\0", checksum=False)),
    Planted("tar_header", "padding",
            lambda f: faults.patch(f, "webdataset", padding)),
    Planted("tar_members", "pictures before their json", lambda f: faults.members(f, json_last)),
    Planted("tar_members", "a stranger",
            lambda f: faults.members(f, lambda m: m.append(("x.txt", b"x")))),
    Planted("tar_members", "a picture left out", lambda f: faults.members(f, lambda m: m.insert(
        1, (m[0][0].replace(".json", ".1.jpg"), b"x")))),
    Planted("tar_end", "no end blocks",
            lambda f: faults.patch(f, "webdataset", lambda d: d.__delitem__(slice(-1024, None)))),
    Planted("tar_end", "something behind",
            lambda f: faults.patch(f, "webdataset", lambda d: d.extend(b"x" * 512))),
    Planted("tar_end", "a member cut short", lambda f: faults.patch(
        f, "webdataset", lambda d: d.__delitem__(slice(-2000, None)))),
    Planted("parquet_layout", "compressed pictures", compressed),
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
    Planted("picture_differs", "a byte in a tar", lambda f: faults.members(f, flip_picture)),
    Planted("picture_differs", "another picture in Parquet",
            lambda f: faults.table_rows(f, "parquet", lambda r: pictured(r)["images"][0].update(
                bytes=pictured(r[::-1])["images"][-1]["bytes"]))),
    Planted("picture_differs", "a picture less in Arrow",
            lambda f: faults.table_rows(f, "arrow", lambda r: pictured(r)["images"].pop())),
    Planted("picture_differs", "another picture in JSONL",
            lambda f: faults.lines(f, lambda r: r[0].update(image_base64_str=["AAAA"])),
            ("row_place",)),
    Planted("picture_undecodable", "spoiled before it was packed",
            lambda f: faults.lie(f, corrupt_pixels)),
    Planted("picture_undecodable", "spoiled, as base64",
            lambda f: faults.lie(f, corrupt_pixels), folder="base64"),
    Planted("picture_described", "another type everywhere", lambda f: faults.lie(f, other_type)),
    Planted("picture_described", "another width", first_image(width=1)),
    Planted("picture_described", "another length",
            lambda f: faults.index(f, lambda r: pictured(r)["images"][0].update(bytes=7)),
            ("manifest_counts",)),
    Planted("picture_described", "another type in the json of a tar",
            second_json(lambda v: v.update(mimes=["image/webp"] * len(v["mimes"])))),
    Planted("picture_described", "another path in Parquet",
            lambda f: faults.table_rows(f, "parquet", lambda r: pictured(r)["images"][0].update(
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
    Planted("readme_features", "two pictures where rows have three", head(
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


@pytest.mark.parametrize(
    "planted", PLANTED, ids=[f"{p.check}-{p.about}".replace(" ", "_") for p in PLANTED]
)
def test_planted_fault_is_found(base: Path, tmp_path: Path, planted: Planted) -> None:
    folder = tmp_path / planted.task
    shutil.copytree(base / planted.folder / planted.task, folder)
    planted.plant(folder)
    code, found, line = verified(folder, *(["--quick"] if planted.quick else []))
    assert code == 1
    assert [text for text in line.splitlines() if text.startswith("m3it: ")] == line.splitlines()
    assert planted.check in line
    assert set(found) == {planted.check, *planted.also}
    assert found[planted.check]["faults"][0]["where"].startswith(planted.task)


def test_every_check_has_a_fault_planted() -> None:
    elsewhere = {"shard_unreadable", "source_file", "source_picture"}
    assert {planted.check for planted in PLANTED} | elsewhere == set(CHECKS)


def test_host_and_user_names_are_looked_for(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-07.example.org")
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    faults.index(folder, lambda rows: rows[0].update(meta='{"by":"gpu-07"}'))
    code, found, _ = verified(folder, "--quick")
    assert (code, set(found)) == (1, {"private"})


@pytest.mark.parametrize(
    "text",
    [
        "and/or at home/work, see http://www.example.org/home/alice/1.jpg",
        "https://example.org:80/Users/alice/ 12/home/",
        "a task-based approach, sk-ill and the hf_logo; ask-me-anything-about-the-big-red-dog",
        "Bearer of news; Authorization: none",
        "the users of C:\\ drives",
        "localhost, root and ubuntu are words",
    ],
)
def test_texts_that_only_look_private(tmp_path: Path, text: str) -> None:
    assert list(watch(tmp_path).in_document(text)) == []


# ------------------------------------------------------------------------------------ clean builds


def verdict(folder: Path, **how: Any) -> Verdict:
    return run_verify(folder, How(**how))


def kinds(found: Verdict) -> dict[str, int]:
    return {finding.check: finding.count for finding in found.findings}


@pytest.fixture(scope="session")
def every_task(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return sources (a folder a task) and the build of all tasks and variants."""
    folder = tmp_path_factory.mktemp("every")
    names = sorted(all_names() - (set() if find_spec("av") else NEEDS_VIDEO))
    for name in names:
        build(folder / "src", folder / "out", name, count=2)
    return folder, names


def test_no_fault_in_a_build_of_every_task(every_task: tuple[Path, list[str]]) -> None:
    folder, names = every_task
    found = verdict(folder / "out")
    assert kinds(found) == {}
    assert found.units == sum(len(load_task(name).card.splits) for name in names)
    assert found.rows > 100
    assert found.bytes > 1_000_000


def test_every_picture_of_every_task_is_found_in_its_source(
    every_task: tuple[Path, list[str]],
) -> None:
    """Files, members, frames of videos and cells of arrays alike."""
    folder, names = every_task
    for name in names:
        found = verdict(folder / "out", quick=True, tasks=(name,), sources=folder / "src" / name)
        assert kinds(found) == {}, name
        assert found.unchecked == {}
        assert bool(found.from_sources) == bool(found.pictures), name


@pytest.mark.parametrize("name", ["mixed", "science-qa", "refcoco"])
def test_no_fault_in_smaller_and_other_builds(base: Path, tmp_path: Path, name: str) -> None:
    for number, plan in enumerate(
        (
            replace(PLAN, limit=2),
            replace(PLAN, images="base64"),
            replace(PLAN, formats=("jsonl",)),
            replace(PLAN, formats=("webdataset",), file=PipelineFile()),
        )
    ):
        build(base / "src", tmp_path / str(number), name, plan)
        assert kinds(verdict(tmp_path / str(number))) == {}


def test_rows_lost_while_packing_are_no_fault(base: Path, tmp_path: Path) -> None:
    sources = tmp_path / "src" / "mixed"
    shutil.copytree(base / "src" / "mixed", sources)
    for path in sources.rglob("*.jpg"):
        path.write_bytes(b"")  # found to be bad when shards are packed
    for images in ("bytes", "base64"):
        plan = replace(PLAN, max_reject_share=1.0, images=images)
        build(tmp_path / "src", tmp_path / images, "mixed", plan)
        found = verdict(tmp_path / images)
        assert kinds(found) == {}
        assert found.rows == 4


def test_a_unit_without_rows_has_no_fault(base: Path, tmp_path: Path) -> None:
    sources = tmp_path / "src" / "refcoco"
    shutil.copytree(base / "src" / "refcoco", sources)
    pictures = sorted((sources / "coco-2014-train-images").rglob("*.jpg"))
    for path in pictures:
        path.write_bytes(b"")
    plan = replace(PLAN, max_reject_share=1.0)
    build(tmp_path / "src", tmp_path / "packed", "refcoco", plan)
    found = verdict(tmp_path / "packed")
    assert (kinds(found), found.rows, found.units) == ({}, 0, 3)
    assert found.bytes > 0, "shards without rows are shards"
    for path in pictures:
        path.unlink()
    build(tmp_path / "src", tmp_path / "located", "refcoco", plan)
    found = verdict(tmp_path / "located")
    assert (kinds(found), found.rows, found.bytes) == ({}, 0, 0)
    assert not (tmp_path / "located" / "refcoco" / "README.md").exists()


# ----------------------------------------------------------------------------------- damaged files

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "garbage": lambda data: random.Random(1).randbytes(len(data)),
    "garbage within": lambda data: data[:700] + random.Random(2).randbytes(300) + data[1000:],
    "zeros": lambda data: bytes(len(data)),
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ALL)
def test_damaged_shard(base: Path, tmp_path: Path, name: str, damage: str) -> None:
    """With digests that agree, as if it had been written so."""
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    path = faults.shard(folder, name, 1)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    faults.redigest(folder)
    code, found, line = verified(folder)
    assert code == 1
    assert "file_digest" not in found
    wheres = {fault["where"] for finding in found.values() for fault in finding["faults"]}
    assert all(name in where for where in wheres), "no other file is blamed"
    if name in ("arrow", "parquet") and damage != "garbage within":
        assert set(found) == {"shard_unreadable"}
    assert len(line.splitlines()) == 1


@pytest.fixture(scope="session")
def victim(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("victim") / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    return folder


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_a_fault_and_never_a_crash(victim: Path, data: st.DataObject) -> None:
    files = sorted(p for p in victim.rglob("*") if p.is_file() and ".m3it" not in p.parts)
    path = data.draw(st.sampled_from(files))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, 64))
    bits = data.draw(st.integers(1, 255))
    spoiled = bytes(byte ^ bits for byte in whole[start : start + length])
    cut = data.draw(st.booleans())
    manifest_file = victim / "meta" / "train" / NAME
    manifest_text = manifest_file.read_bytes()
    try:
        path.write_bytes(whole[:start] + (b"" if cut else spoiled + whole[start + length :]))
        if path.suffix in (".tar", ".parquet", ".arrow", ".jsonl"):
            assert verdict(victim).faults, "the digest tells"
            value = json.loads(manifest_text)
            for claim in [value["index"], value["reject_table"]] + [
                file for shard in value["shards"] for file in shard["files"].values()
            ]:
                held = (victim / claim["path"]).read_bytes()
                kind = algorithm_of(claim["digest"])
                assert kind is not None
                claim |= {"bytes": len(held), "digest": file_digest(victim / claim["path"], kind)}
            manifest_file.write_text(json.dumps(value))
        verdict(victim)  # it may find nothing: not every byte of a file means something
    finally:
        path.write_bytes(whole)
        manifest_file.write_bytes(manifest_text)


# -------------------------------------------------------------------------------- official files


@pytest.fixture
def raw(base: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a build of okvqa, and sources of its own."""
    shutil.copytree(base / "src" / "okvqa", tmp_path / "raw")
    shutil.copytree(base / "out" / "okvqa", tmp_path / "okvqa")
    return tmp_path / "okvqa", tmp_path / "raw"


def pictures_of(sources: Path) -> list[Path]:
    return sorted((sources / "coco-2014-train-images").rglob("*.jpg"))


def test_sources_unchanged_altered_missing(raw: tuple[Path, Path]) -> None:
    folder, sources = raw
    code, found, _ = verified(folder, "--quick", "--sources", str(sources))
    assert (code, found) == (0, {})
    unit = json.loads((folder / "meta" / "train" / NAME).read_text())
    used = {
        image["name"].partition("/")[2]
        for row in pq.read_table(faults.index_path(folder)).to_pylist()
        for image in row["images"]
    }
    altered, gone, *_ = [
        path for path in pictures_of(sources) if path.parent.name + "/" + path.name in used
    ]
    data = bytearray(altered.read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    gone.unlink()
    annotations = sources / next(iter(unit["sources"]))
    annotations.write_bytes(annotations.read_bytes() + b" ")
    code, found, said = verified(folder, "--quick", "--split", "train", "--sources", str(sources))
    assert code == 1
    assert set(found) == {"source_file", "source_picture"}
    assert "the official files are others by now; build again with --replace" in said
    assert "delete" not in said
    told = {
        fault["where"].split()[1]: fault["detail"] for fault in found["source_picture"]["faults"]
    }
    assert {name.rpartition("/")[2]: detail for name, detail in told.items()} == {
        altered.name: "its bytes are others now",
        gone.name: "it is not there",
    }
    assert "the build was made from" in found["source_file"]["faults"][0]["detail"]
    annotations.unlink()
    _, found, _ = verified(folder, "--quick", "--split", "train", "--sources", str(sources))
    assert found["source_file"]["faults"][0]["detail"] == "it is not there"


def test_sources_moved_into_their_archive(raw: tuple[Path, Path]) -> None:
    folder, sources = raw
    images = sources / "coco-2014-train-images"
    shutil.make_archive(str(images / "train2014"), "zip", images, "train2014")
    shutil.rmtree(images / "train2014")
    code, found, _ = verified(folder, "--quick", "--sources", str(sources))
    assert (code, found) == (0, {})
    (images / "train2014.zip").write_bytes(b"PK no zip")
    code, found, _ = verified(folder, "--quick", "--sources", str(sources))
    assert (code, set(found)) == (1, {"source_picture"})


def test_sources_of_a_task_that_is_not_installed(base: Path, tmp_path: Path) -> None:
    found = verdict(base / "out", tasks=("mixed",), sources=base / "src" / "mixed", quick=True)
    assert kinds(found) == {}
    assert found.from_sources == found.pictures > 10


@pytest.mark.skipif(find_spec("av") is None, reason="no video decoder")
def test_frames_are_checked_or_counted(every_task: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "msrvtt-qa"
    shutil.copytree(every_task[0] / "out" / "msrvtt-qa", folder)
    sources = every_task[0] / "src" / "msrvtt-qa"

    def shift(rows: faults.Rows) -> None:
        for image in rows[0]["images"]:
            image["source_digest"] = rows[0]["images"][0]["source_digest"]

    faults.index(folder, shift)
    found = verdict(folder, quick=True, sources=sources)
    assert kinds(found)["source_picture"] == 1
    faults.manifest(folder, lambda value: value["toolchain"].update(pillow="1.0"))
    found = verdict(folder, quick=True, sources=sources, splits=("train",))
    assert "source_picture" not in kinds(found)
    (reason,) = found.unchecked
    assert reason.startswith("made with pillow 1.0")
    assert found.unchecked[reason] == found.pictures
    assert found.from_sources == 0


# ------------------------------------------------------------------------------------- the command


def test_quick_opens_no_shard(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    for name in ALL:
        path = faults.shard(folder, name)
        path.write_bytes(bytes(path.stat().st_size))
    assert verified(folder, "--quick")[:2] == (0, {})
    code, found, _ = verified(folder)
    assert code == 1
    assert found["file_digest"]["count"] == len(ALL)


class Watched:
    def __init__(self) -> None:
        self.phases: list[tuple[str, int | None, str]] = []
        self.done: list[int] = []

    def start(self, title: str, total: int | None, unit: str = "rows") -> None:
        self.phases.append((title, total, unit))
        self.done.append(0)

    def advance(self, done: int, *_: int) -> None:
        self.done[-1] += done

    def finish(self) -> None: ...


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_ends_where_it_should(base: Path, workers: int) -> None:
    seen = Watched()
    sources = base / "src" / "refcoco"
    found = verdict(
        base / "out", tasks=("refcoco",), sources=sources, workers=workers, progress=seen
    )
    assert [phase[0] for phase in seen.phases] == ["shards", "sources"]
    assert [phase[1] for phase in seen.phases] == seen.done, "shared pictures count too"
    assert seen.done[0] == found.bytes > 0
    verdict(base / "out", tasks=("refcoco",), quick=True, progress=seen)
    assert seen.phases[-1] == ("shards", found.rows, "rows")
    assert seen.done[-1] == found.rows


def test_processes_change_nothing(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    faults.lines(folder, lambda rows: rows[0].update(outputs="x"))
    faults.members(folder, swap_rows)
    one, two = verdict(folder), verdict(folder, workers=2)
    assert one == two
    assert len(one.findings) > 1


def test_faults_without_number_are_counted_and_the_first_are_kept(
    base: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)

    def spoil(rows: faults.Rows) -> None:
        for row in rows:
            row["turns"] += row["turns"] * 9
            for turn in row["turns"]:
                turn["gold"] = 3

    faults.index(folder, spoil)
    _, found, _ = verified(folder, "--quick")
    assert found["choices"]["count"] == 120
    assert len(found["choices"]["faults"]) == 20


def test_command_for_people(base: Path, tmp_path: Path) -> None:
    clean = run_m3it("verify", base / "out", "--task", "mixed", "--split", "test", "-j", "1")
    assert clean.returncode == 0, clean.stderr
    assert "1 units, 12 rows" in clean.stdout
    assert "no fault found" in clean.stdout
    shutil.copytree(base / "out" / "mixed", tmp_path / "mixed")
    faults.lines(tmp_path / "mixed", lambda rows: rows[0].update(inputs="[red]x[/red]"))
    done = run_m3it("verify", tmp_path, "--quick", "-j", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no shard was opened (--quick)" in done.stdout
    done = run_m3it("verify", tmp_path, "-j", "1")
    assert_one_line(done, 1, "text_differs 1")
    assert "mixed/jsonl/train-00000.jsonl row 0" in done.stdout


def test_nothing_to_verify_is_one_line(base: Path, tmp_path: Path) -> None:
    assert_one_line(run_m3it("verify", tmp_path), 1, "holds no finished build")
    with pytest.raises(BuildError, match="holds no build of okvq; it has mixed, okvqa"):
        verdict(base / "out", tasks=("okvq",))
    with pytest.raises(BuildError, match="is no folder"):
        verdict(base / "out", quick=True, sources=tmp_path / "none")
    done = CliRunner().invoke(app, ["verify", str(base / "out"), "--split", "dev"])
    assert done.exit_code == 2


@pytest.mark.slow
def test_memory_does_not_grow_with_the_shard(tmp_path: Path) -> None:
    """One shard of eight times the rows, in every format."""
    peaks = {}
    for count in (5_000, 40_000):
        sources, out = tmp_path / f"src{count}", tmp_path / f"out{count}"
        write_sample(load_task("okvqa"), sources, count)
        plan = replace(PLAN, file=PipelineFile())
        report = Build(sources=sources, out=out, plan=plan).unit(load_task("okvqa"), "train")
        assert report.shards == len(ALL)
        words = [sys.executable, "-m", "m3it_builder", "verify", str(out), "--workers", "1"]
        peaks[count] = peak_kilobytes(words)
    assert peaks[40_000] <= 1.25 * peaks[5_000], peaks
