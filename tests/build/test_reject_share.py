"""The reject share counts the examples that were processed, and no others."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder import Record, Reject, Source, Turn, load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.reject_share import INTENDED_REASONS, errors_only, reject_share
from m3it_builder.build.spool_reader import Facts
from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import RejectShareError
from m3it_builder.tasks.registry import Task
from tests.support.building import (
    IMAGES,
    PLAN,
    TEXT_PLAN,
    archive_images,
    build,
    images_of,
    index_rows,
    numbered_task,
    placeholder_sources,
    zero_member,
)
from tests.support.paths import FIXTURES

counts = st.integers(0, 10_000)


def facts(candidates: int, rejected_before: dict[str, int] | None = None) -> Facts:
    return Facts(
        task="t",
        split="train",
        candidates=candidates,
        rejected_before=rejected_before or {},
        has_video=False,
        archives={},
        unmatched=0,
    )


@given(before=counts, texts=counts, images=counts, rows=counts)
def test_of_an_unsampled_unit_it_is_rejected_over_all(
    before: int, texts: int, images: int, rows: int
) -> None:
    reasons = {"no_answer": before, "empty_output": texts, "image_truncated": images}
    share = reject_share(facts(rows + texts + images, {"no_answer": before}), rows, reasons)
    rejected = before + texts + images
    assert share.rejected == rejected
    assert share.share == float(Fraction(rejected, rejected + rows or 1))
    assert str(share) == f"{rejected:,} of {rejected + rows:,} examples were rejected"


@given(
    candidates=st.integers(1, 10_000),
    before=counts,
    rows=counts,
    images=counts,
    intended=st.dictionaries(st.sampled_from(INTENDED_REASONS), st.integers(0, 10**9)),
)
def test_rejects_by_intent_are_not_counted(
    candidates: int, before: int, rows: int, images: int, intended: dict[str, int]
) -> None:
    errors = {"no_answer": before, "image_truncated": images}
    plain = reject_share(facts(candidates, {"no_answer": before}), rows, errors)
    withheld = {"answer_withheld": intended.get("answer_withheld", 0)}
    both = reject_share(
        facts(candidates, {"no_answer": before, **withheld}), rows, {**errors, **intended}
    )
    assert both == plain
    assert errors_only({**errors, **intended}) == Counter(errors)


@pytest.mark.parametrize("percent", range(101))
def test_boundary_is_exact(percent: int) -> None:
    """5 of 100 is not above 0.05, and 15 of 100 not above 0.15, which no float equals exactly."""
    before = reject_share(facts(100 - percent, {"no_answer": percent}), 100 - percent,
                          {"no_answer": percent})  # fmt: skip
    after = reject_share(facts(100), 100 - percent, {"image_truncated": percent})
    assert before.share == after.share == float(f"{percent / 100:.2f}")


def test_both_steps_are_combined() -> None:
    """10 % of 1,000 examples, and 5 of 10 chosen rows: 55 % would fail in all."""
    share = reject_share(
        facts(900, {"no_answer": 100}),
        5,
        {"no_answer": 100, "over_limit": 890, "image_truncated": 5},
    )
    assert share.share == 0.55
    assert str(share) == "100 of 1,000 examples, and 5 of 10 chosen rows were rejected"


def test_nothing_was_checked() -> None:
    assert reject_share(facts(0), 0, {}).share == 0.0
    assert reject_share(facts(0), 0, {"answer_withheld": 7}).share == 0.0


def task_with_images(sources: Path, count: int, rejects: int = 0) -> Task:
    """Return a task of ``count`` examples, each with an image ``ID.jpg`` except the first ones."""
    write_images(sources, count)

    def convert(source: Source) -> Iterator[Record | Reject]:
        for number in range(count):
            if number < rejects:
                yield Reject(str(number), "no_answer")
                continue
            image = source.image(f"{IMAGES}/{number}.jpg")
            yield Record(id=str(number), turns=(Turn(f"{number}?", "yes"),), images=(image,))

    return replace(load_task("okvqa"), convert=convert)


def write_images(sources: Path, count: int) -> None:
    """Replace the images of a source by hard links of one."""
    image = images_of(sources)[0]
    for number in range(count):
        os.link(image, sources / IMAGES / f"{number}.jpg")


def break_image(sources: Path, row_id: str) -> None:
    path = sources / IMAGES / f"{row_id}.jpg"
    path.unlink()  # it is a hard link
    path.write_bytes(b"")


def test_broken_images_of_a_small_limit_fail_the_build(sources: Path, tmp_path: Path) -> None:
    """10 of 1,000 images are broken, but those are all that were read."""
    task = task_with_images(sources, 1_000)
    plan = replace(PLAN, limit=10, formats=("jsonl",))
    build(sources, tmp_path / "good", plan, task)
    chosen = [row["id"] for row in index_rows(tmp_path / "good")]
    assert len(chosen) == 10
    for row_id in chosen:
        break_image(sources, row_id)
    with pytest.raises(RejectShareError) as caught:
        build(sources, tmp_path / "out", plan, task)
    assert caught.value.exit_code == 3
    message = str(caught.value)
    assert "0 of 1,000 examples, and 10 of 10 chosen rows were rejected (100.0%" in message
    assert "image_empty 10. " in message
    assert "over_limit" not in message, "rejected by intent"
    assert list(manifests(tmp_path / "out" / "okvqa")) == []


@pytest.mark.parametrize(("broken", "fails"), [(1, False), (2, True)])
def test_boundary_of_a_limited_build(
    sources: Path, tmp_path: Path, broken: int, fails: bool
) -> None:
    task = task_with_images(sources, 300)
    plan = replace(PLAN, limit=20, formats=("jsonl",))
    build(sources, tmp_path / "good", plan, task)
    for row in index_rows(tmp_path / "good")[:broken]:
        break_image(sources, row["id"])
    if fails:
        with pytest.raises(RejectShareError, match="2 of 20 chosen rows were rejected"):
            build(sources, tmp_path / "out", plan, task)
    else:
        report = build(sources, tmp_path / "out", plan, task)
        assert (report.rows, report.rejects) == (19, {"over_limit": 280, "image_empty": 1})


@pytest.mark.parametrize(("rejects", "fails"), [(4, False), (5, False), (6, True)])
def test_rejects_before_the_limit_count_in_all_examples(
    sources: Path, tmp_path: Path, rejects: int, fails: bool
) -> None:
    """4 of 100 examples would be 40 % of the 10 rows that are built."""
    task = task_with_images(sources, 100, rejects)
    for limit in (10, None):
        plan = replace(PLAN, limit=limit, formats=("jsonl",))
        out = tmp_path / str(limit)
        if fails:
            with pytest.raises(RejectShareError, match="6 of 100 examples"):
                build(sources, out, plan, task)
        else:
            assert build(sources, out, plan, task).rows == (limit or 100 - rejects)


def test_missing_images_count_in_all_examples(sources: Path, tmp_path: Path) -> None:
    for path in images_of(sources)[:4]:
        path.unlink()  # 4 of 120, less than 5 %
    assert build(sources, tmp_path / "out", replace(PLAN, limit=10)).rows == 10


def test_withheld_answers_and_samples_never_fail_a_build(tmp_path: Path) -> None:
    sources = placeholder_sources(tmp_path)
    task = numbered_task(40, train={"rows": 3, "sample": True}, test={"answers": "withheld"})
    plan = replace(TEXT_PLAN, max_reject_share=0.0)
    assert build(sources, tmp_path / "out", plan, task).rejects == {"not_sampled": 37}
    report = Build(sources=sources, out=tmp_path / "out", plan=plan).unit(task, "test")
    assert (report.rows, report.rejects) == (0, {"answer_withheld": 40})


def test_failed_build_lists_its_rejects(tmp_path: Path) -> None:
    sources = FIXTURES / "okvqa" / "source"
    with pytest.raises(RejectShareError, match=r"5 of 9 examples were rejected \(55.6%") as caught:
        build(sources, tmp_path)
    assert caught.value.exit_code == 3
    assert list(manifests(tmp_path / "okvqa")) == []
    table = tmp_path / "okvqa" / ".m3it" / "train" / "rejects.parquet"
    assert str(table) in str(caught.value)
    assert pq.read_table(table).num_rows == 5
    assert build(sources, tmp_path, replace(PLAN, max_reject_share=0.6)).rows == 4
    assert not table.exists()


def test_failed_build_is_not_resumed(sources: Path, tmp_path: Path) -> None:
    """The next run reads the source again, which may have been repaired."""
    archive = archive_images(sources, "zip")
    good = archive.read_bytes()
    with zipfile.ZipFile(archive) as zip_file:
        names = zip_file.namelist()
    for name in names[::4]:
        zero_member(archive, name, archive)
    with pytest.raises(RejectShareError):
        build(sources, tmp_path / "out")
    archive.write_bytes(good)
    assert build(sources, tmp_path / "out").rejects == {}
