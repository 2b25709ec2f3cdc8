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
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.build.report import Report
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
from tests.support.genuine_sources_captions import (
    cc3m,
    cc12m,
    coco_objects,
    img2dataset,
    laion_rows,
    paragraphs,
    sbu,
    textcaps,
)
from tests.support.genuine_sources_chinese import (
    chinese_food,
    coco_cn_extension,
    coco_cn_merged,
    fm_iqa,
    mmchat,
)
from tests.support.genuine_sources_documents import (
    docvqa,
    docvqa_record,
    ocrvqa,
    ocrvqa_record,
    stvqa,
)
from tests.support.genuine_sources_reason import (
    koniq,
    mocheg,
    quality_lists,
    vsr,
    vsr_unsplit,
)
from tests.support.genuine_sources_video import activitynet_qa, msrvtt, msvd_qa
from tests.support.genuine_sources_vqa import (
    aokvqa_record,
    clevr_questions,
    gqa_record,
    gqa_testdev,
    multi30k,
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
    every = {
        "captions": "all",
        "extension": "icap2020",
        "sentences": "merged",
        "questions": "all",
        "nsfw": "any",
        "evaluation": "testdev",
        "test_set": "test_2017_mscoco",
        "databases": "A57,Toyama,UHD-IQA",
    }
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
        ("textcap", "train", "overlaid", textcaps, ()),
        ("image-paragraph-captioning", "train", "overlaid", paragraphs, ()),
        ("image-paragraph-captioning", "validation", "overlaid", paragraphs, ()),
        ("image-paragraph-captioning", "test", "overlaid", paragraphs, ()),
        ("coco-goi", "train", "genuine", coco_objects("train2017"), ()),
        ("coco-goi", "validation", "genuine", coco_objects("val2017"), ()),
        ("laion-400m", "train", "genuine", img2dataset("webdataset"), ()),
        ("laion-400m", "train", "genuine", img2dataset("files"), ("nsfw",)),
        ("laion-400m", "train", "reconstructed", laion_rows, ()),
        ("cc3m", "train", "reconstructed", cc3m("Train_GCC-training.tsv", "train"), ()),
        ("cc3m", "validation", "reconstructed",
         cc3m("Validation_GCC-1.1.0-Validation.tsv", "validation"), ()),
        ("cc12m", "train", "reconstructed", cc12m, ()),
        ("sbu", "train", "reconstructed", sbu, ()),
        ("vsr", "validation", "overlaid", vsr("random"), ()),
        ("vsr", "train", "overlaid", vsr_unsplit, ()),
        ("vsr-zeroshot", "validation", "overlaid", vsr("zeroshot"), ()),
        ("iqa", "train", "overlaid", koniq, ()),
        ("iqa", "validation", "overlaid", koniq, ()),
        ("iqa", "test", "overlaid", koniq, ()),
        ("iqa-mixed", "train", "overlaid", quality_lists, ()),
        ("iqa-mixed", "validation", "overlaid", quality_lists, ()),
        ("iqa-mixed", "test", "overlaid", quality_lists, ()),
        ("iqa-mixed", "train", "overlaid", quality_lists, ("databases",)),
        ("mocheg", "test", "reconstructed", mocheg, ()),
        ("docvqa", "train", "overlaid", docvqa_record, ()),
        ("docvqa", "validation", "reconstructed", docvqa, ()),
        ("st-vqa", "train", "reconstructed", stvqa, ()),
        ("ocr-vqa", "train", "overlaid", ocrvqa_record, ()),
        ("ocr-vqa", "train", "overlaid", ocrvqa_record, ("questions",)),
        ("ocr-vqa", "test", "reconstructed", ocrvqa, ("questions",)),
        ("a-okvqa", "train", "overlaid", aokvqa_record, ()),
        ("a-okvqa-answer", "train", "overlaid", aokvqa_record, ()),
        ("a-okvqa-choice", "train", "overlaid", aokvqa_record, ()),
        ("gqa", "train", "genuine", gqa_record, ()),
        ("gqa-full", "train", "genuine", gqa_record, ()),
        ("gqa", "train", "reconstructed", gqa_record, ("questions",)),
        ("gqa", "validation", "reconstructed", gqa_testdev, ("evaluation",)),
        ("clevr", "validation", "overlaid", clevr_questions, ()),
        ("multi30k", "validation", "overlaid", multi30k("val"), ()),
        ("multi30k", "test", "overlaid", multi30k("test_2016_flickr"), ()),
        ("multi30k", "test", "overlaid", multi30k("test_2017_mscoco"), ("test_set",)),
        ("coco-cn", "train", "overlaid", coco_cn_extension, ("extension",)),
        ("coco-cn", "test", "overlaid", coco_cn_merged, ("sentences", "captions")),
        ("fm-iqa", "train", "reconstructed", fm_iqa, ()),
        ("chinese-food", "test", "reconstructed", chinese_food, ()),
        ("mmchat", "train", "reconstructed", mmchat, ()),
        ("msvd-qa", "train", "reconstructed", msvd_qa("train"), ()),
        ("msvd-qa", "validation", "reconstructed", msvd_qa("val"), ("questions",)),
        ("msvd-qa", "test", "reconstructed", msvd_qa("test"), ()),
        ("activitynet-qa", "train", "overlaid", activitynet_qa("train"), ()),
        ("activitynet-qa", "validation", "overlaid", activitynet_qa("val"), ()),
        ("activitynet-qa", "test", "overlaid", activitynet_qa("test"), ("questions",)),
        ("msrvtt", "train", "overlaid", msrvtt, ()),
        ("msrvtt", "test", "overlaid", msrvtt, ()),
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
