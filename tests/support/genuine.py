"""Genuine slices of official files and the units they belong to.

``python -m tests.support.genuine`` prints the result of each slice.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from m3it_builder import load_task
from m3it_builder.build.builder import Build, Report
from m3it_builder.build.plan import Plan
from m3it_builder.errors import EmptyUnitError
from m3it_builder.records import Split
from tests.support.genuine_sources import (
    coco_captions,
    flickr8k_cn,
    imagenet_train,
    imagenet_validation,
    karpathy_record,
    msrvtt_qa,
    nlvr2_dev,
    nlvr_dev,
    okvqa,
    refcoco,
    refcoco_record,
    shapes,
    vcr,
    vist_record,
    vist_stories,
)


@dataclass(frozen=True, slots=True)
class GenuineSlice:
    """One genuine slice, and the unit it belongs to."""

    task: str
    split: Split
    kind: str  # genuine, overlaid (placeholder images or answers), reconstructed (container too)
    write_source: Callable[[Path], None]
    options: dict[str, str]

    @property
    def name(self) -> str:
        return "-".join([self.task, self.split, *self.options.values()])


def slices() -> Iterable[GenuineSlice]:
    """Yield every genuine slice of the built-in tasks."""
    every = {"captions": "all", "questions": "all"}
    listed: list[tuple[str, Split, str, Callable[[Path], None], tuple[str, ...]]] = [
        ("okvqa", "train", "overlaid", okvqa("train2014"), ()),
        ("okvqa", "validation", "overlaid", okvqa("val2014"), ()),
        ("nlvr-synthetic", "validation", "genuine", nlvr_dev, ()),
        ("nlvr", "validation", "overlaid", nlvr2_dev, ()),
        ("coco", "test", "overlaid", karpathy_record, ()),
        ("coco", "validation", "reconstructed", coco_captions, ()),
        ("coco-itm", "test", "overlaid", karpathy_record, ()),
        ("coco-itm", "validation", "reconstructed", coco_captions, ()),
        ("vcr", "train", "overlaid", vcr, ()),
        ("vcr-rationale", "train", "overlaid", vcr, ()),
        ("refcoco+", "train", "reconstructed", refcoco_record, ()),
        ("refcoco", "test", "reconstructed", refcoco("refcoco", "unc", "refcoco_testA.json"), ()),
        ("refcoco-locate-text", "test", "reconstructed",
         refcoco("refcoco", "unc", "refcoco_testA.json"), ()),
        ("refcoco+", "test", "reconstructed",
         refcoco("refcoco+", "unc", "refcoco+_testA.json"), ()),
        ("refcocog", "test", "reconstructed", refcoco("refcocog", "umd", "refcocog_test.json"), ()),
        ("vist", "test", "overlaid", vist_record, ()),
        ("vist", "test", "reconstructed", vist_stories, ()),
        ("msrvtt-qa", "validation", "reconstructed", msrvtt_qa("val"), ()),
        ("msrvtt-qa", "test", "reconstructed", msrvtt_qa("test"), ("questions",)),
        ("flickr8k-cn", "train", "overlaid", flickr8k_cn, ()),
        ("flickr8k-cn", "validation", "overlaid", flickr8k_cn, ()),
        ("flickr8k-cn", "test", "overlaid", flickr8k_cn, ("captions",)),
        ("imagenet", "validation", "overlaid", imagenet_validation, ()),
        ("imagenet", "train", "reconstructed", imagenet_train, ()),
        ("shapes", "validation", "genuine", shapes("val", "val"), ()),
        ("shapes", "train", "genuine", shapes("train.tiny", "train.large"), ()),
    ]  # fmt: skip
    for task, split, kind, write_source, options in listed:
        yield GenuineSlice(task, split, kind, write_source, {name: every[name] for name in options})


def build(case: GenuineSlice, folder: Path) -> Report:
    """Write the source of a slice in a folder and build it there.

    Raises:
        EmptyUnitError: the slice is too small to have a row.
    """
    case.write_source(folder / "src")
    for name in load_task(case.task).card.sources_of(case.split, optional=False):
        (folder / "src" / name).mkdir(parents=True, exist_ok=True)
        (folder / "src" / name / "SOURCE.txt").touch()
    task = load_task(case.task).with_options(case.options)
    plan = Plan(max_reject_share=1.0)
    return Build(sources=folder / "src", out=folder / "out", plan=plan).unit(task, case.split)


def counts(case: GenuineSlice, folder: Path) -> tuple[int, dict[str, int]]:
    """Build a slice; return its number of rows, and of rejects by reason."""
    try:
        report = build(case, folder)
    except EmptyUnitError as error:
        return 0, dict(error.reasons)
    return report.rows, report.rejects


def main() -> None:
    """Print a table of all slices."""
    os.environ["M3IT_PLUGINS"] = "0"
    print("| task | split | kind | instances | rejects |\n|---|---|---|---:|---|")  # noqa: T201
    for case in slices():
        folder = Path(tempfile.mkdtemp())
        rows, reasons = counts(case, folder)
        rejects = ", ".join(f"{reason} {n:,}" for reason, n in reasons.items()) or "–"
        row = f"| {case.task} | {case.split} | {case.kind} | {rows:,} | {rejects} |"
        print(row)  # noqa: T201
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
