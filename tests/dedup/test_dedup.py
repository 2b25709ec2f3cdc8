"""What stands twice is found, counted once, and can be left out of a build."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.audits.runner import audit
from m3it_builder.build.builder import Build, Report
from m3it_builder.build.plan import Plan, load_pipeline, make_plan
from m3it_builder.cards.cards import SplitCard
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dedup import Search, find, spread
from m3it_builder.dedup import hamming_search as search
from m3it_builder.dedup import hash_images as images
from m3it_builder.dedup import near_images as near
from m3it_builder.dedup import phash as hashing
from m3it_builder.dedup.ngrams import gram_length, grams, words
from m3it_builder.dedup.phash import UnreadableImage, look
from m3it_builder.errors import BuildError
from m3it_builder.samples.files import write_bytes
from m3it_builder.tasks.registry import Task
from tests.support.command import assert_one_line, run_m3it
from tests.support.mixed import TASK as MIXED
from tests.support.slices import REAL

LONG = "the quick brown fox jumps over the lazy dog while seven grey herons watch from the reeds"


@dataclass(frozen=True)
class Row:
    """One row to be built: its id, its images as bytes, what is asked and answered."""

    id: str
    images: tuple[bytes, ...] = ()
    question: str = ""
    answer: str = "yes"


def scene(number: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Return an image of soft blotches, unlike that of any other number."""
    cells = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def make(sources: Path, name: str, **splits: Sequence[Row]) -> Task:
    """Return a task of these rows, its images written below a source folder."""
    for split, rows in splits.items():
        for number, row in enumerate(rows):
            for place, data in enumerate(row.images):
                write_bytes(sources / "mixed-files" / f"{name}-{split}-{number}-{place}", data)
    write_bytes(sources / "mixed-files" / "there", b"")

    def convert(source: Source) -> Iterator[Record | Reject]:
        for number, row in enumerate(splits[source.split]):
            names = [f"mixed-files/{name}-{source.split}-{number}-{p}" for p in range(9)]
            yield Record(
                id=row.id,
                turns=(Turn(row.question, row.answer),),
                images=tuple(source.image(n) for n in names[: len(row.images)]),
            )

    cards = {split: SplitCard(rows=len(rows)) for split, rows in splits.items()}
    card = MIXED.card.model_copy(update={"name": name, "splits": cards})
    return replace(MIXED, name=name, card=card, convert=convert)


def built(tmp_path: Path, tasks: Sequence[Task], out: str = "out", **how: Any) -> Path:
    """Build whole tasks and return the folder."""
    work = Build(sources=tmp_path / "src", out=tmp_path / out, plan=Plan(**how))
    for task in tasks:
        for split in task.card.splits:
            work.unit(task, split)
    return tmp_path / out


def compared(tmp_path: Path, *builds: Path, **how: Any) -> dict[str, Any]:
    return find(Search(builds=builds, report=tmp_path / "report", **how))


def counts(report: dict[str, Any]) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    return {
        (one["left"], one["right"], one["kind"]):
        (one["pairs"], one["left_rows"], one["right_rows"])
        for one in report["shared"]
    }  # fmt: skip


def dropped(tmp_path: Path) -> dict[tuple[str, str, str], str]:
    rows = pq.read_table(tmp_path / "report" / "drop.parquet").to_pylist()
    lines = (tmp_path / "report" / "drop.jsonl").read_text().splitlines()
    assert rows == [json.loads(line) for line in lines]
    return {(row["task"], row["split"], row["id"]): row["reason"] for row in rows}


@pytest.fixture
def planted(tmp_path: Path) -> list[Task]:
    """Return two tasks: two images stand in both as they are, two in another encoding."""
    first = [Row(f"a{n}", (encoded(scene(n)),), f"What is number {n}?") for n in range(30)]
    # One image in many rows, as captions have it: five rows, one image.
    first += [Row(f"a0-{n}", (encoded(scene(0)),), f"And caption {n}?") for n in range(4)]
    second = [
        Row("v0", (encoded(scene(0)),), "The same bytes"),
        Row("v1", (encoded(scene(100)), encoded(scene(1))), "The second image is the same"),
        Row("v2", (encoded(scene(2), quality=40),), "Of lower quality"),
        Row("v3", (encoded(scene(3).resize((48, 36)), "PNG"),), "Smaller, and a PNG"),
        Row("v4", (encoded(scene(104)),), "Of its own"),
        Row("v5", (), "Without any image"),
    ]
    sources = tmp_path / "src"
    return [make(sources, "one", train=first), make(sources, "two", validation=second)]


@pytest.mark.parametrize(
    ("formats", "images"),
    [(("webdataset",), "bytes"), (("parquet",), "bytes"), (("jsonl",), "base64"),
     (("arrow", "parquet"), "base64")],
)  # fmt: skip
def test_planted_images_are_found(
    tmp_path: Path, planted: list[Task], formats: tuple[str, ...], images: str
) -> None:
    out = built(tmp_path, planted, formats=formats, images=images)
    report = compared(tmp_path, out)
    assert counts(report) == {
        ("one/train", "one/train", "exact"): (1, 5, 5),
        ("one/train", "two/validation", "exact"): (2, 6, 2),
        ("one/train", "two/validation", "near"): (2, 2, 2),
    }
    assert report["images"] | {"unreadable_listed": []} == {
        "distinct": 34, "in_rows": 40, "decoded": 34, "kept": 0, "flat": 0, "unreadable": 0,
        "unreadable_listed": [],
    }  # fmt: skip
    assert dropped(tmp_path) == {
        **{("one", "train", row): "exact_image" for row in ("a0", "a1")},
        **{("one", "train", f"a0-{n}"): "exact_image" for n in range(4)},
        **{("one", "train", row): "near_image" for row in ("a2", "a3")},
    }
    pairs = pq.read_table(tmp_path / "report" / "pairs.parquet").to_pylist()
    across = [row for row in pairs if row["left_task"] != row["right_task"]]
    keys = ("left_id", "left_image", "right_id", "right_image")
    assert {tuple(str(row[key])[:2] for key in keys) for row in across} == {
        ("a0", "0", "v0", "0"), ("a1", "0", "v1", "1"), ("a2", "0", "v2", "0"),
        ("a3", "0", "v3", "0"),
    }  # fmt: skip


def test_second_run_decodes_nothing(
    tmp_path: Path, planted: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = built(tmp_path, planted)
    first = compared(tmp_path, out)
    monkeypatch.setattr(images, "look", None)
    second = compared(tmp_path, out)
    assert second["images"]["decoded"] == 0
    assert second["images"]["kept"] == first["images"]["decoded"] == 34
    assert second["shared"] == first["shared"]
    monkeypatch.undo()
    monkeypatch.setattr("m3it_builder.dedup.cache._STEM", "hashes-of-another-version")
    assert compared(tmp_path, out)["images"]["decoded"] == 34


@pytest.mark.slow
def test_processes_change_nothing(
    tmp_path: Path, planted: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = built(tmp_path, planted)
    alone = compared(tmp_path, out)
    pairs = (tmp_path / "report" / "pairs.parquet").read_bytes()
    for cache in out.rglob("hashes-*.parquet"):
        cache.unlink()
    monkeypatch.setattr(spread, "_WORTH", 1)
    assert compared(tmp_path, out, workers=2) == alone
    assert (tmp_path / "report" / "pairs.parquet").read_bytes() == pairs


def test_work_is_spread() -> None:
    assert sorted(spread.spread(math.isqrt, range(100), 2)) == sorted(map(math.isqrt, range(100)))
    assert spread.processes(8, 10) == 1, "few items are not worth a process"
    assert spread.processes(8, 10**6) == 8
    with pytest.raises(BuildError, match="a worker process was killed"):
        list(spread.spread(os._exit, [9], 2))


def test_an_interrupted_run_is_taken_up(
    tmp_path: Path, planted: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = built(tmp_path, planted)
    monkeypatch.setattr(images, "_JOB_IMAGES", 8)
    jobs = 0
    hash_job = getattr(images, "_hash")

    def stops(job: Any) -> Any:
        nonlocal jobs
        jobs += 1
        if jobs == 3:
            raise KeyboardInterrupt
        return hash_job(job)

    with monkeypatch.context() as patch:
        patch.setattr(images, "_hash", stops)
        with pytest.raises(KeyboardInterrupt):
            compared(tmp_path, out)
    assert list((tmp_path / "report").iterdir()) == [], "nothing looks finished"
    assert compared(tmp_path, out)["images"]["kept"] == 16


def test_rows_of_the_list_are_left_out(tmp_path: Path, planted: list[Task]) -> None:
    out = built(tmp_path, planted)
    compared(tmp_path, out)
    listed = {row for _, _, row in dropped(tmp_path)}
    for ending in ("parquet", "jsonl"):
        pipeline = tmp_path / f"{ending}.yaml"  # names the list as seen from itself
        pipeline.write_text(f"drop: [report/drop.{ending}]\nmax_reject_share: 0\n")
        plan = make_plan(load_pipeline(str(pipeline)), {})
        work = Build(sources=tmp_path / "src", out=out, plan=plan)
        with pytest.raises(BuildError, match=r"changed: .*the plan \(.*drop"):
            work.unit(planted[0], "train")
        report = replace(work, replace=True).unit(planted[0], "train")
        assert (report.rows, report.rejects) == (34 - len(listed), {"dropped": len(listed)})
        assert work.unit(planted[0], "train").status == "up to date"
        (unit,) = manifests(out / "one")
        kept = pq.read_table(out / "one" / unit.index["path"], columns=["id"])["id"].to_pylist()
        assert not listed & set(kept)
        assert str(tmp_path) not in (out / "one/meta/train/manifest.json").read_text()
    assert not any(f.count for f in audit(out) if f.audit == "unaccounted_example")
    assert compared(tmp_path, out)["dropped"] == [], "what is left meets nothing"


def test_what_is_kept_is_chosen_by_rule(tmp_path: Path) -> None:
    sources = tmp_path / "src"
    train = [Row(f"t{n}", (encoded(scene(n)),), "What is it?") for n in (0, 1, 1, 2)]
    train = [replace(row, id=f"{row.id}-{n}") for n, row in enumerate(train)]
    test = [Row("e0", (encoded(scene(0)),), "And this?")]
    out = built(tmp_path, [make(sources, "both", train=train, test=test)])
    wanted = {
        "evaluation": {("both", "train", "t0-0"): "exact_image"},
        "training": {("both", "test", "e0"): "exact_image"},
        "all": {},
    }
    for keep, rows in wanted.items():
        compared(tmp_path, out, keep=keep)
        assert dropped(tmp_path) == rows, keep
    order = [row["id"] for row in pq.read_table(out / "both/meta/train/index.parquet").to_pylist()]
    later = max("t1-1", "t1-2", key=order.index)
    compared(tmp_path, out, keep="first")
    assert dropped(tmp_path) == {**wanted["evaluation"], ("both", "train", later): "repeated"}


def test_builds_of_one_unit_are_told_apart(tmp_path: Path, planted: list[Task]) -> None:
    one = built(tmp_path, planted[:1], "one-build")
    two = built(tmp_path, planted, "other-build")
    report = compared(tmp_path, one, two)
    names = {unit["unit"] for unit in report["units"]}
    assert names == {f"{one}: one/train", f"{two}: one/train", "two/validation"}
    assert counts(report)[f"{one}: one/train", f"{two}: one/train", "exact"] == (30, 34, 34)
    assert len(dropped(tmp_path)) == 8, "an id is listed once"
    with pytest.raises(BuildError, match="named twice"):
        compared(tmp_path, one, one / "one")
    with pytest.raises(BuildError, match="holds no finished build"):
        compared(tmp_path, tmp_path / "src")


def test_texts(tmp_path: Path) -> None:
    sources = tmp_path / "src"
    chinese = "这张照片里有一只白色的小狗在绿色的草地上追着一个红色的皮球跑来跑去非常开心"
    asked = "What color is the car?"
    train = [
        Row("copied", (), f"So it is said: {LONG.upper()}, and more.", "one"),
        Row("chinese", (), f"描述一下：{chinese}。", "好"),
        Row("short", (), "Two and two?", "Four."),
        Row("other answer", (), "Two and two??", "five"),
        Row("car", (encoded(scene(1)),), asked, "red"),
        # A template asks of twenty images what an evaluation row asks of another one.
        *(Row(f"template{n}", (encoded(scene(20 + n)),), f"{LONG} template?") for n in range(20)),
    ]
    test = [
        Row("long", (encoded(scene(2)),), LONG),
        Row("zh", (), chinese),
        Row("tiny", (), "TWO and two", "four"),
        Row("same question, own image", (encoded(scene(3)),), asked, "red"),
        Row("untouched", (), "a b c d e f g h i j k l m n o p q r s t u v w x y z"),
    ]
    task = make(sources, "texts", train=train[:5], test=test)
    report = compared(tmp_path, built(tmp_path, [task]))
    assert counts(report) == {("texts/test", "texts/train", "text"): (3, 3, 3)} or counts(
        report
    ) == {("texts/train", "texts/test", "text"): (3, 3, 3)}
    reasons = dropped(tmp_path)
    assert reasons == {("texts", "train", i): "text" for i in ("copied", "chinese", "short")}

    templated = make(sources, "texts", train=train, test=test)
    out = built(tmp_path, [templated], "templated")
    compared(tmp_path, out)
    assert set(dropped(tmp_path)) == set(reasons) - {("texts", "train", "copied")}


def test_flat_images_are_compared_by_digest_alone(tmp_path: Path) -> None:
    blank = Image.new("RGB", (64, 48), (240, 240, 240))
    train = [Row(f"t{n}", (encoded(blank, quality=60 + n),)) for n in range(5)]
    test = [Row("e", (encoded(blank, quality=60),))]
    out = built(tmp_path, [make(tmp_path / "src", "flat", train=train, test=test)])
    report = compared(tmp_path, out)
    assert report["images"]["flat"] == report["images"]["distinct"] > 1
    assert set(dropped(tmp_path).values()) <= {"exact_image"}
    assert ("flat", "train", "t0") in dropped(tmp_path)


def test_images_of_one_row_are_no_pair(tmp_path: Path) -> None:
    """Frames of one video look alike; that says nothing of rows."""
    frames = tuple(encoded(scene(5), quality=90 - 10 * n) for n in range(3))
    out = built(tmp_path, [make(tmp_path / "src", "frames", train=[Row("film", frames)])])
    assert counts(compared(tmp_path, out)) == {}


def test_broken_images_are_reported(tmp_path: Path, planted: list[Task]) -> None:
    out = built(tmp_path, planted)
    (shard,) = (out / "one" / "webdataset").glob("*.tar")
    data = bytearray(shard.read_bytes())
    place = data.index(encoded(scene(7)))
    data[place + 300] ^= 0xFF
    shard.write_bytes(data)
    (other,) = (out / "two" / "webdataset").glob("*.tar")
    other.write_bytes(other.read_bytes()[:600])  # torn
    report = compared(tmp_path, out)
    listed = report["images"]["unreadable_listed"]
    why = {(one["unit"], one["id"]): one["reason"] for one in listed}
    assert "shard is damaged" in why["one/train", "a7"]
    assert "shard cannot be read" in why["two/validation", "v4"]
    assert report["images"]["unreadable"] == len(listed) == 5
    assert "shard is damaged" in (tmp_path / "report" / "report.html").read_text()
    with pytest.raises(UnreadableImage, match="truncated"):
        look(encoded(scene(7))[:-600])


def test_the_page_escapes_what_it_shows(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>\"'&"
    rows = {split: [Row(evil, (encoded(scene(1)),), evil, evil)] for split in ("train", "test")}
    out = built(tmp_path, [make(tmp_path / "src", "evil", **rows)])
    compared(tmp_path, out)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert "http" not in page, "nothing is loaded from elsewhere"


def test_a_read_only_build_keeps_its_hashes_in_the_report(
    tmp_path: Path, planted: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = built(tmp_path, planted)
    monkeypatch.setattr("os.access", lambda path, _: not Path(path).is_relative_to(out))
    before = sorted(out.rglob("*"))
    compared(tmp_path, out)
    assert compared(tmp_path, out)["images"]["decoded"] == 0
    assert sorted(out.rglob("*")) == before


def test_command(tmp_path: Path, planted: list[Task]) -> None:
    out = built(tmp_path, planted)
    done = run_m3it("dedup", out, "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert "exact_image" in done.stdout
    assert "34 distinct images: 34 decoded" in done.stdout
    done = run_m3it("dedup", out, "--out", tmp_path / "report", "--json", "--keep", "all")
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["dropped"] == []
    listed = tmp_path / "list.jsonl"
    listed.write_text('{"task": "okvqa", "split": "train", "id": "25", "why": "other keys pass"}\n')
    words = ["--task", "okvqa", "--split", "train", "--sample", "--sample-rows", "5"]
    done = run_m3it("build", *words, "--out", tmp_path / "new", "--drop", listed, "--json")
    assert json.loads(done.stdout)[0]["rejects"] == {"dropped": 1}, done.stdout + done.stderr
    assert run_m3it("dedup", out, "--out", tmp_path / "r", "--keep", "none").returncode == 2
    assert_one_line(run_m3it("dedup", tmp_path / "x", "--out", tmp_path / "r"), 1, "no finished")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.jsonl", None, "cannot be read"),
        ("list.csv", "task,split,id", r"\.parquet or \.jsonl"),
        ("list.jsonl", '{"task": "one", "split": "train"}\n', "not a list of rows to drop.*line 1"),
        ("list.jsonl", "nonsense\n", "line 1"),
        ("list.parquet", "nonsense", "not a list of rows to drop"),
        ("list.jsonl", '{"task": "one", "split": "train", "id": 25}\n', "ids are texts"),
        ("list.jsonl", '{"task": "one", "split": "train", "id": ["a"]}\n', "ids are texts"),
        ("list.jsonl", '{"task": "one", "split": "val", "id": "a"}\n', "splits train / validation"),
    ],
)
def test_lists_that_are_none(
    tmp_path: Path, planted: list[Task], name: str, text: str | None, said: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(BuildError, match=said):
        _with_list(tmp_path, planted[0], path)


def test_a_limit_is_taken_before_rows_are_dropped(tmp_path: Path, planted: list[Task]) -> None:
    """Were others to move up, they would be rows that nobody has compared."""
    path = tmp_path / "list.jsonl"
    words = {"limit": 10, "max_reject_share": 1.0}
    first = make_plan(load_pipeline("default"), words)
    task = planted[0]
    Build(sources=tmp_path / "src", out=tmp_path / "first", plan=first).unit(task, "train")
    index = tmp_path / "first/one/meta/train/index.parquet"
    chosen = pq.read_table(index, columns=["id"])["id"].to_pylist()
    lines = [{"task": "one", "split": "train", "id": row} for row in (*chosen[:4], "nobody")]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    plan = make_plan(load_pipeline("default"), {**words, "drop": [str(path)]})
    report = Build(sources=tmp_path / "src", out=tmp_path / "second", plan=plan).unit(task, "train")
    assert (report.rows, report.rejects["dropped"], report.unmatched) == (6, 4, 1)
    left = pq.read_table(tmp_path / "second/one/meta/train/index.parquet", columns=["id"])
    assert set(left["id"].to_pylist()) == set(chosen[4:])


def test_units_a_list_does_not_speak_of_are_left_alone(tmp_path: Path, planted: list[Task]) -> None:
    built(tmp_path, planted)
    path = tmp_path / "list.jsonl"
    path.write_text('{"task": "two", "split": "validation", "id": "v1"}\n')
    assert _with_list(tmp_path, planted[0], path).status == "up to date"
    plan = make_plan(load_pipeline("default"), {"drop": [str(path)], "max_reject_share": 1.0})
    work = Build(sources=tmp_path / "src", out=tmp_path / "out", plan=plan)
    with pytest.raises(BuildError, match=r"changed: .*rows to drop"):
        work.unit(planted[1], "validation")
    report = replace(work, replace=True).unit(planted[1], "validation")
    assert (report.rows, report.rejects) == (5, {"dropped": 1})
    assert work.unit(planted[1], "validation").status == "up to date"


def test_a_list_changed_under_way_is_refused(tmp_path: Path, planted: list[Task]) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"task": "one", "split": "train", "id": "a1"}\n')
    plan = make_plan(load_pipeline("default"), {"drop": [str(path)]})
    path.write_text("")
    with pytest.raises(BuildError, match="has changed since the build began"):
        Build(sources=tmp_path / "src", out=tmp_path / "out", plan=plan).unit(planted[0], "train")


def _with_list(tmp_path: Path, task: Task, path: Path) -> Report:
    plan = make_plan(load_pipeline("default"), {"drop": [str(path)]})
    return Build(sources=tmp_path / "src", out=tmp_path / "out", plan=plan).unit(task, "train")


HASHES = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.integers(0, 63), max_size=6)), min_size=1, max_size=40
)


def _hashes(drawn: list[tuple[int, list[int]]]) -> Any:
    """Return hashes that lie around a few centres, as those of images do."""
    centres = np.random.default_rng(0).integers(0, 2**64, 6, dtype=np.uint64)
    values = [int(centres[c]) ^ sum(1 << bit for bit in set(bits)) for c, bits in drawn]
    return np.unique(np.array(values, np.uint64))


@settings(deadline=None, max_examples=60)
@given(HASHES, st.integers(0, 12))
@example([(0, []), (0, list(range(4)))], 4)
def test_search_finds_what_comparing_all_finds(drawn: list[Any], distance: int) -> None:
    hashes = _hashes(drawn)
    wanted = {
        (i, j): bits
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (bits := (int(hashes[i]) ^ int(hashes[j])).bit_count()) <= distance
    }
    for crowded in (1 << 24, 2):  # 2: most pairs of buckets are searched by other bands
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "_CROWDED", crowded)
            patch.setattr(search, "_CHUNK", 7)
            patch.setattr(search, "_BAND_BITS", 8)
            found = [
                ((min(i, j), max(i, j)), bits)
                for arrays in search.near_pairs(hashes, distance)
                for i, j, bits in zip(*(array.tolist() for array in arrays), strict=True)
            ]
        assert len(found) == len(wanted), "every pair once"
        assert dict(found) == wanted


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=1, max_size=25))
def test_candidates_are_confirmed_by_the_finer_hash(drawn: list[tuple[int, int]]) -> None:
    drawn = sorted(set(drawn))
    coarse = np.array([c for c, _ in drawn], np.uint64)
    fine = np.array([[(1 << (16 * f)) - 1 & (2**64 - 1), 0, 0, 0] for _, f in drawn], np.uint64)
    thumb = np.random.default_rng(0).integers(0, 256, (1, 192), np.uint8).repeat(len(drawn), 0)
    looks = near.Looks(coarse, fine, thumb)
    wanted = set()
    for i in range(len(drawn)):
        for j in range(i + 1, len(drawn)):
            apart = sum(
                (int(a) ^ int(b)).bit_count() for a, b in zip(fine[i], fine[j], strict=True)
            )
            if (int(coarse[i]) ^ int(coarse[j])).bit_count() <= 1 and apart <= 29:
                wanted.add((i, j))
    found = [
        (min(i, j), max(i, j))
        for one, two, _, _ in near.confirmed(looks, 1)
        for i, j in zip(one.tolist(), two.tolist(), strict=True)
    ]
    assert sorted(found) == sorted(wanted)


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=12), min_size=1, max_size=8),
    st.integers(3, 5),
)
def test_grams_are_runs_of_words(texts: list[list[str]], length: int) -> None:
    runs = {
        (number, tuple(text[at : at + length]))
        for number, text in enumerate(texts)
        for at in range(len(text) - length + 1)
    }
    found = grams(texts, length).once()
    pairs = set(zip(found.text.tolist(), found.gram.tolist(), strict=True))
    assert len(found.gram) == len(pairs) == len(runs)
    assert len(set(found.gram.tolist())) == len({run for _, run in runs})
    some = np.unique(found.gram[::2])
    assert set(found.among(some).gram.tolist()) == set(some.tolist())


def test_words_of_many_scripts() -> None:
    assert words("It's the ﬁne CAFÉ—co\u00adop, x_y 3.5") == [
        *("it", "s", "the", "fine", "café", "coop"),
        *("x", "y", "3", "5"),
    ]
    assert words("ＡＢＣ 东京！大きい") == ["abc", *"东京大きい"]
    assert words("हिन्दी한국어") == ["हिन्दी한국어"]
    assert words("!?") == []
    lengths = [gram_length(words(text), 13) for text in ("a b c", "这只狗 ok", "ภาษาไทย", "")]
    assert lengths == [13, 19, 52, 13]


def test_looks_survive_what_is_done_to_images() -> None:
    for number in range(20):
        image = scene(number, (320, 240))
        known = look(encoded(image, "PNG"))
        changed = {
            "quality 30": encoded(image, quality=30),
            "WebP": encoded(image, "WEBP", quality=60),
            "half": encoded(image.resize((160, 120)), quality=85),
            "double": encoded(image.resize((640, 480)), quality=85),
            "cropped": encoded(image.crop((2, 1, 318, 239)), quality=85),
            "grey": encoded(image.convert("L"), quality=85),
            "turned": _turned(image),
        }
        for name, data in changed.items():
            seen = look(data)
            bits, fine_bits = _apart(known, seen)
            assert bits <= hashing.DEFAULT_DISTANCE, (number, name)
            assert fine_bits <= hashing.fine_distance(hashing.DEFAULT_DISTANCE), (number, name)
            assert _same_colors(known, seen), (number, name)
        other = look(encoded(scene(number + 1000, (320, 240)), "PNG"))
        assert _apart(known, other)[0] > 12


def _turned(image: Image.Image) -> bytes:
    """Return an image stored on its side, with the tag that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), quality=95, exif=exif)


def _same_colors(one: hashing.Look, two: hashing.Look) -> bool:
    sides = [np.frombuffer(each.thumb, np.uint8)[None] for each in (one, two)]
    return bool(hashing.same_colors(*sides)[0])


def _apart(one: hashing.Look, two: hashing.Look) -> tuple[int, int]:
    fine = int.from_bytes(one.fine) ^ int.from_bytes(two.fine)
    return (one.coarse ^ two.coarse).bit_count(), fine.bit_count()


def test_genuine_photographs_are_all_different() -> None:
    """Photographs of several sources: no false alarm, and each is known again at quality 40."""
    folders = [REAL / name for name in ("coco", "imagenet", "gqa", "cc3m", "laion400m")]
    files = [path for folder in folders for path in sorted(folder.rglob("*.jpg"))]
    if not files:
        pytest.skip(f"genuine images below {REAL} are not here")
    seen: dict[bytes, hashing.Look] = {}
    for path in files:
        seen.setdefault(path.read_bytes(), look(path.read_bytes()))
    looks = list(seen.values())
    assert not any(one.flat for one in looks)
    limit = hashing.fine_distance(hashing.DEFAULT_DISTANCE)
    for number, one in enumerate(looks):
        for two in looks[number + 1 :]:
            bits, fine = _apart(one, two)
            assert bits > hashing.DEFAULT_DISTANCE or fine > limit or not _same_colors(one, two)
    for data, known in seen.items():
        with Image.open(io.BytesIO(data)) as image:
            again = look(encoded(image.convert("RGB"), quality=40))
        assert _apart(known, again)[0] <= hashing.DEFAULT_DISTANCE


def test_without_numpy_one_line_names_the_extra(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['numpy'] = None; from m3it_builder.cli import main;"
        f" sys.argv = ['m3it', 'dedup', {str(tmp_path)!r}, '--out', {str(tmp_path / 'out')!r}];"
        " main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("m3it: dedup needs NumPy")
    assert "m3it-builder[dedup]" in done.stderr
    assert done.stderr.count("\n") == 1
