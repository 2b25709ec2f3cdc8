"""Siblings: rows of a base in other words, under its ids, in its shards, with its images."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m3it_builder.build.builder import Build
from m3it_builder.build.drop_list import drop_list
from m3it_builder.build.sibling_inputs import Sibling
from m3it_builder.build.siblings import SiblingBuild
from m3it_builder.build.side_by_side import UnitBuild, build_units
from m3it_builder.build.transformation import TemplateAnswers
from m3it_builder.dataset.index_row import IndexRow, index_rows
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dataset.reader import read_rows
from m3it_builder.errors import BaseError, BuildError
from m3it_builder.progress import Silent
from m3it_builder.stages.template import sentence
from m3it_builder.tasks.sampling import write_sample
from m3it_builder.verify.run import VerifyOptions, verify
from tests.support.building import numbered_task, placeholder_sources
from tests.support.paths import ALL
from tests.support.siblings import (
    NAME,
    SIBLING,
    build_base,
    build_sibling,
    embedding,
    unit_bytes,
)
from tests.support.verifying import PLAN, task_named


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build with a base and a sibling of it."""
    out = build_base(tmp_path_factory.mktemp("siblings"))
    build_sibling(out)
    return out


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the build that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "out"))


def rows_of(out: Path, task: str) -> list[IndexRow]:
    path = out / task / "meta/train/index.parquet"
    return index_rows(pq.read_table(path, partitioning=None).to_pylist())


def test_rows_are_those_of_the_base_with_sentences(built: Path) -> None:
    base, own = rows_of(built, "mixed"), rows_of(built, NAME)
    assert len(own) == len(base) == 12
    assert {len(row.images) for row in own} == {0, 1, 2, 3}
    for one, other in zip(own, base, strict=True):
        same = ("id", "key", "shard", "instruction", "context", "images", "regions")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
        assert one.task == NAME
        assert json.loads(one.meta) == {
            **json.loads(other.meta), "paraphrase": {"outcome": "template"}}  # fmt: skip
        for turn, original in zip(one.turns, other.turns, strict=True):
            assert (turn.question, turn.answer, turn.choices, turn.gold) == (
                original.question, original.answer, original.choices, original.gold)  # fmt: skip
            assert turn.said == sentence(original, other.lang, "text")
        assert one.outputs != other.outputs
        assert one.turns[-1].answer in one.outputs


def test_shards_pair_with_those_of_the_base(built: Path) -> None:
    names = sorted(path.name for path in (built / "mixed/webdataset").glob("train-*.tar"))
    assert len(names) > 2
    assert names == sorted(path.name for path in (built / NAME / "webdataset").glob("*.tar"))
    for name in names:
        keys = [tar_keys(built / task / "webdataset" / name) for task in ("mixed", NAME)]
        assert keys[0] == keys[1]


def tar_keys(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return [name.removesuffix(".json") for name in tar.getnames() if name.endswith(".json")]


def test_shards_have_digests_in_place_of_images(built: Path) -> None:
    expected = {row.id: [image.digest for image in row.images] for row in rows_of(built, "mixed")}
    table = pq.read_table(sorted((built / NAME / "parquet").glob("*")), partitioning=None)
    found = {row["id"]: row["image_ids"] for row in table.to_pylist()}
    assert found == expected
    lines = [
        json.loads(line)
        for path in sorted((built / NAME / "jsonl").glob("*.jsonl"))
        for line in path.read_bytes().splitlines()
    ]
    assert {line["id"]: line["image_ids"] for line in lines} == expected
    with tarfile.open(built / NAME / "webdataset/train-00000.tar") as tar:
        members = [(one.name, json.load(tar.extractfile(one))) for one in tar.getmembers()]  # type: ignore[arg-type]
    for name, value in members:
        assert name.endswith(".json")
        assert value["image_ids"] == expected[value["id"]]


def test_readers_fetch_the_images_of_the_base(built: Path) -> None:
    base = {row.row.id: row.images for row in stored(built, "mixed")}
    for row in stored(built, NAME):
        assert row.images == base[row.row.id]
    (unit,) = manifests(built / NAME)
    some = [row.row.id for row in read_rows(built / NAME, unit, [1, 5, 11])]
    assert some == [rows_of(built, NAME)[n].id for n in (1, 5, 11)]


def stored(out: Path, task: str):  # type: ignore[no-untyped-def]
    (unit,) = (unit for unit in manifests(out / task) if unit.split == "train")
    return list(read_rows(out / task, unit))


def test_a_build_and_its_repetition_are_equal(out: Path) -> None:
    before = unit_bytes(out, NAME)
    assert build_sibling(out).status == "up to date"
    assert build_sibling(out, replace=True, workers=2).status == "built"
    assert unit_bytes(out, NAME) == before
    shutil.rmtree(out / NAME)
    assert build_sibling(out).status == "built"
    assert unit_bytes(out, NAME) == before


def test_the_base_is_never_changed(out: Path) -> None:
    before = unit_bytes(out, "mixed")
    build_sibling(out, replace=True)
    assert unit_bytes(out, "mixed") == before


@pytest.mark.parametrize("images", ["bytes", "base64"])
def test_images_can_be_embedded(out: Path, images: str) -> None:
    shutil.rmtree(out / NAME)
    build_sibling(out, plan=embedding(images))
    assert verify(out, VerifyOptions()).findings == ()
    shutil.move(out / "mixed", out / "elsewhere")  # they are found without the base
    base = {row.row.id: row.images for row in stored(out / "elsewhere" / "..", "elsewhere")}
    assert {row.row.id: row.images for row in stored(out, NAME)} == base


def test_the_four_fields_of_m3it_80(out: Path) -> None:
    shutil.rmtree(out / NAME)
    build_sibling(out, plan=replace(embedding("base64"), formats=("jsonl",)))
    for path in (out / NAME / "jsonl").glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            row = json.loads(line)
            assert {"instruction", "inputs", "outputs", "image_base64_str"} <= row.keys()
            assert "image_ids" not in row


def test_part_of_a_base(out: Path) -> None:
    shutil.rmtree(out / NAME)
    report = build_sibling(out, plan=replace(PLAN, limit=7))
    assert report.rows == 7
    few = {row.id for row in rows_of(out, NAME)}
    build_sibling(out, plan=replace(PLAN, limit=12), replace=True)
    more = {row.id for row in rows_of(out, NAME)}
    assert few < more
    assert len(more) == 12
    assert verify(out, VerifyOptions()).findings == ()
    limited = build_base(out.parent / "limited", plan=replace(PLAN, limit=7))
    assert {row.id for row in rows_of(limited, "mixed")} == few, "the first by the base's own rank"


def test_dropped_rows_are_rejects(out: Path, tmp_path: Path) -> None:
    ids = [row.id for row in rows_of(out, NAME)]
    path = tmp_path / "drop.jsonl"
    path.write_text(json.dumps({"task": NAME, "split": "train", "id": ids[3]}) + "\n")
    with pytest.raises(BuildError, match="drop lists"):
        build_sibling(out, plan=replace(PLAN, drop=(drop_list(path),)))
    report = build_sibling(out, plan=replace(PLAN, drop=(drop_list(path),)), replace=True)
    assert (report.rows, report.rejects) == (len(ids) - 1, {"dropped": 1})
    assert [row.id for row in rows_of(out, NAME)] == [one for one in ids if one != ids[3]]


def test_a_rebuilt_base_makes_it_stale(out: Path) -> None:
    build_base_again(out, seed=5)
    with pytest.raises(BuildError, match=r"the base, which was rebuilt or replaced.*--replace"):
        build_sibling(out)
    assert build_sibling(out, replace=True).status == "built"
    assert verify(out, VerifyOptions()).findings == ()


def build_base_again(out: Path, seed: int) -> None:
    sources = out.parent / "sources"
    write_sample(task_named("mixed"), sources, 30)
    plan = replace(PLAN, seed=seed)
    Build(sources=sources, out=out, plan=plan, replace=True).unit(task_named("mixed"), "train")


def test_an_absent_base_is_named_with_its_command(tmp_path: Path) -> None:
    build = SiblingBuild(out=tmp_path, plan=PLAN, base_command="m3it build --task mixed")
    with pytest.raises(BaseError) as caught:
        build.unit(SIBLING, "train")
    assert "mixed/train is not built" in str(caught.value)
    assert "build it first: `m3it build --task mixed`" in str(caught.value)


def test_an_incomplete_base(out: Path) -> None:
    (out / "mixed/parquet/train-00001.parquet").unlink()
    with pytest.raises(BaseError, match=r"missing or have another size: parquet/train-00001"):
        build_sibling(out, replace=True)


def test_a_sibling_is_no_base(out: Path) -> None:
    with pytest.raises(BaseError, match="has no images of its own, it is made from mixed"):
        build_sibling(out, Sibling("x", NAME, TemplateAnswers()))


def test_a_base_replaced_while_it_is_read(out: Path) -> None:
    before = unit_bytes(out, NAME)

    class Replacing(TemplateAnswers):
        def rows(self, rows, style):  # type: ignore[no-untyped-def]
            manifest = out / "mixed/meta/train/manifest.json"
            manifest.write_bytes(manifest.read_bytes() + b"\n")
            return super().rows(rows, style)

    with pytest.raises(BaseError, match="was rebuilt or removed while"):
        build_sibling(out, Sibling(NAME, "mixed", Replacing()), replace=True)
    assert unit_bytes(out, NAME) == before


def test_a_language_without_template(out: Path) -> None:
    for path in (out / "mixed/meta/train").glob("manifest.json"):
        value = json.loads(path.read_bytes())
        value["card"]["lang"] = "fr"
        path.write_text(json.dumps(value))
    with pytest.raises(BuildError, match="has rows in fr; answers can be rephrased in en, zh only"):
        build_sibling(out, replace=True)


def test_rows_without_images(tmp_path: Path) -> None:
    task = numbered_task(40)
    Build(sources=placeholder_sources(tmp_path), out=tmp_path, plan=PLAN).unit(task, "train")
    report = build_sibling(tmp_path, Sibling("numbers-rephrased", "numbers", TemplateAnswers()))
    assert report.rows == 40
    rows = rows_of(tmp_path, "numbers-rephrased")
    assert {row.outputs for row in rows} == {f"The answer is {n}." for n in range(40)}
    assert verify(tmp_path, VerifyOptions()).findings == ()
    formats = {path.parent.name for path in (tmp_path / "numbers-rephrased").rglob("train-0*")}
    assert formats == {*ALL} - {"arrow"} | {"train"}


def test_a_damaged_image_is_not_embedded(out: Path) -> None:
    for path in (out / "mixed/webdataset").glob("train-*.tar"):
        data = bytearray(path.read_bytes())
        at = data.find(b"\xff\xd8\xff") + 400
        data[at] ^= 1
        path.write_bytes(data)
    with pytest.raises(BuildError, match="are not those of its index; check it with"):
        build_sibling(out, plan=replace(embedding("bytes"), formats=("jsonl",)), replace=True)


def test_rows_in_a_language_without_template_are_rejects(out: Path) -> None:
    path = out / "mixed/meta/train/index.parquet"
    table = pq.read_table(path, partitioning=None)
    rows = table.to_pylist()
    rows[0]["lang"] = "ar"
    shards = sorted({row["shard"] for row in rows})
    with pq.ParquetWriter(path, table.schema) as writer:
        for shard in shards:
            own = [row for row in rows if row["shard"] == shard]
            writer.write_table(pa.Table.from_pylist(own, schema=table.schema))
    manifest = out / "mixed/meta/train/manifest.json"
    value = json.loads(manifest.read_bytes())
    value["index"]["bytes"] = path.stat().st_size
    manifest.write_text(json.dumps(value))
    report = build_sibling(out, plan=replace(PLAN, max_reject_share=1.0), replace=True)
    assert (report.rows, report.rejects) == (11, {"no_template": 1})


def test_a_list_that_drops_rows_of_the_base(out: Path, tmp_path: Path) -> None:
    ids = [row.id for row in rows_of(out, NAME)]
    path = tmp_path / "drop.jsonl"
    listed = [("mixed", ids[3]), (NAME, ids[5]), (NAME, "nothing")]
    path.write_text(
        "".join(json.dumps({"task": t, "split": "train", "id": one}) + "\n" for t, one in listed)
    )
    report = build_sibling(out, plan=replace(PLAN, drop=(drop_list(path),)), replace=True)
    assert (report.rejects, report.unmatched) == ({"dropped": 2}, 1)


def test_readme_of_a_part(out: Path) -> None:
    build_sibling(out, plan=replace(PLAN, limit=7), replace=True)
    text = (out / NAME / "README.md").read_text()
    assert "With --limit 7, train has 7 of 12 rows of the base" in text
    assert "Every row of the base" not in text


def test_a_set_that_is_no_sibling_is_not_replaced(out: Path) -> None:
    with pytest.raises(BuildError, match="was not made from another set"):
        build_sibling(out, Sibling("mixed", "mixed", TemplateAnswers()), replace=True)


def test_plan_beside_a_planned_base(tmp_path: Path) -> None:
    write_sample(task_named("okvqa"), tmp_path / "src", 30)
    base = Build(sources=tmp_path / "src", out=tmp_path / "out", plan=PLAN, plan_only=True)
    siblings = SiblingBuild(out=tmp_path / "out", plan=replace(PLAN, limit=9), plan_only=True)
    units = [
        UnitBuild(base, task_named("okvqa"), "train"),
        UnitBuild(siblings, Sibling("okvqa-rephrased", "okvqa", TemplateAnswers()), "train"),
    ]
    reports, failures = build_units(units, 1, Silent())
    assert not failures
    assert [(one.task, one.status, one.rows) for one in reports] == [
        ("okvqa", "planned", 30),
        ("okvqa-rephrased", "planned", 9),
    ]
