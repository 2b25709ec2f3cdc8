"""Sources made of genuine slices of official files, completed where only a part is genuine.

Each function lays out one source folder. What is not genuine is a stand-in: blank
images of the sizes the annotations name, answers where only questions are to be
had, official containers around values that come to us in another form.
``python -m tests.support.genuine`` prints what becomes of each.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from m3it_builder import load_task
from m3it_builder.build.builder import Build, Report
from m3it_builder.build.plan import Plan
from m3it_builder.records import Split
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.python2_pickle import dumps
from tests.support.slices import REAL, overlay, write_stand_ins


@dataclass(frozen=True, slots=True)
class Slice:
    """One genuine slice, and the unit it feeds."""

    task: str
    split: Split
    kind: str  # genuine, overlaid (images or answers stand in) or reconstructed (container too)
    lay: Callable[[Path], None]
    options: dict[str, str]

    @property
    def name(self) -> str:
        return "-".join([self.task, self.split, *self.options.values()])


def blank(size: tuple[int, int] = (32, 24), kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(buffer, kind)
    return buffer.getvalue()


def okvqa(year: str) -> Callable[[Path], None]:
    def lay(sources: Path) -> None:
        overlay(sources, ["okvqa-annotations"])
        folder = sources / "okvqa-annotations"
        asked = json.loads((folder / f"OpenEnded_mscoco_{year}_questions.json").read_text())
        questions = asked["questions"]
        annotations = [
            {
                "image_id": q["image_id"],
                "question_id": q["question_id"],
                "question_type": "one",
                "answers": [{"raw_answer": f"answer {q['question_id']}"}] * 10,
            }
            for q in questions
        ]
        value = {"annotations": annotations, "question_types": {"one": "Vehicles"}}
        write_json(folder / f"mscoco_{year}_annotations.json", value)
        names = [f"{year}/COCO_{year}_{n:012d}.jpg" for n in {q["image_id"] for q in questions}]
        archive = f"coco-2014-{year.removesuffix('2014')}-images/{year}.zip"
        write_stand_ins(sources / archive, sorted(names), blank())

    return lay


def nlvr_dev(sources: Path) -> None:
    overlay(sources, ["nlvr-annotations", "nlvr-images"])


def nlvr2_dev(sources: Path) -> None:
    overlay(sources, ["nlvr2-annotations"])
    lines = (sources / "nlvr2-annotations" / "dev.json").read_text().splitlines()
    pairs = sorted({json.loads(line)["identifier"].rpartition("-")[0] for line in lines})
    names = [f"dev/{pair}-img{side}.png" for pair in pairs for side in (0, 1)]
    write_stand_ins(sources / "nlvr2-images" / "dev_img.zip", names, blank(kind="PNG"))


def karpathy_record(sources: Path) -> None:
    overlay(sources, ["karpathy-splits"])
    name = "val2014/COCO_val2014_000000391895.jpg"
    write_stand_ins(sources / "coco-2014-val-images" / "val2014.zip", [name], blank())


def coco_captions(sources: Path) -> None:
    """Put genuine captions of val2017 into Karpathy's container, with their genuine images."""
    folder = _real("coco")
    captions = json.loads((folder / "annotations" / "captions_val2017.json").read_text())
    entries = []
    for image in captions["images"]:
        own = [a for a in captions["annotations"] if a["image_id"] == image["id"]]
        name = f"COCO_val2014_{image['id']:012d}.jpg"
        sentences = [{"raw": a["caption"], "sentid": a["id"], "tokens": []} for a in own]
        entries.append({"filepath": "val2014", "filename": name, "split": "val",
                        "cocoid": image["id"], "sentences": sentences})  # fmt: skip
        path = folder / "val2017" / image["file_name"]
        if path.exists():
            target = sources / "coco-2014-val-images" / "val2014" / name
            write_bytes(target, path.read_bytes())
    write_json(sources / "karpathy-splits" / "dataset_coco.json", {"images": entries})


def vcr(sources: Path) -> None:
    folder = _real("vcr")
    _link(folder / "vcr1annots", sources / "vcr-annotations")
    for metadata in (folder / "vcr1images").rglob("*.json"):
        target = sources / "vcr-images" / metadata.relative_to(folder)
        write_bytes(target, metadata.read_bytes())
        facts = json.loads(metadata.read_text())
        write_bytes(
            target.with_name(metadata.name[:-4] + "jpg"), blank((facts["width"], facts["height"]))
        )


def refcoco(release: str, by: str, file: str) -> Callable[[Path], None]:
    """Put genuine expressions, boxes and sizes into the official containers."""

    def lay(sources: Path) -> None:
        rows = json.loads((_real("refcoco") / "derived_eval_lists" / file).read_text())
        images: dict[int, Any] = {}
        annotations: dict[tuple[Any, ...], Any] = {}
        refs: dict[int, Any] = {}
        for number, row in enumerate(rows):
            name = row["image_path"].rpartition("/")[2]
            image = int(name.rpartition("_")[2].removesuffix(".jpg"))
            height, width = (int(part.lstrip("heigtwd")) for part in row["question_id"].split("_"))
            images[image] = {"id": image, "file_name": name, "height": height, "width": width}
            x0, y0, x1, y1 = row["gt_answers"]
            entry = annotations.setdefault(
                (image, x0, y0, x1, y1),
                {"id": len(annotations), "image_id": image, "category_id": 1,
                 "bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0},
            )  # fmt: skip
            ref = refs.setdefault(
                entry["id"],
                {"ref_id": entry["id"], "ann_id": entry["id"], "image_id": image,
                 "split": "testA", "sentences": [], "file_name": "ignore_me_16.jpg"},
            )  # fmt: skip
            said = row["question"]
            ref["sentences"].append({"sent_id": number, "sent": said, "raw": said, "tokens": []})
            path = sources / "coco-2014-train-images" / "train2014" / name
            write_bytes(path, blank((width, height)))
        folder = sources / f"{release}-annotations" / release
        write_bytes(folder / f"refs({by}).p", dumps(list(refs.values())))
        coco = {"images": list(images.values()), "annotations": list(annotations.values())}
        write_json(folder / "instances.json", coco)

    return lay


def refcoco_record(sources: Path) -> None:
    """The one official record that is known, beside an object made up for it."""
    refs = json.loads(
        (_real("refcoco") / "quoted_record/refcoco_plus_unc_record0.json").read_text()
    )
    folder = sources / "refcoco+-annotations" / "refcoco+"
    write_bytes(folder / "refs(unc).p", dumps(refs))
    image = {"id": refs[0]["image_id"], "file_name": "", "width": 640, "height": 480}
    box = {
        "id": refs[0]["ann_id"],
        "image_id": image["id"],
        "category_id": 1,
        "bbox": [9, 9, 99, 99],
    }
    write_json(folder / "instances.json", {"images": [image], "annotations": [box]})
    name = f"COCO_train2014_{image['id']:012d}.jpg"
    write_bytes(sources / "coco-2014-train-images" / "train2014" / name, blank((640, 480)))


def vist_record(sources: Path) -> None:
    folder = sources / "vist-annotations-sis" / "sis"
    quoted = _real("vist") / "quoted_record" / "test.story-in-sequence.json"
    write_bytes(folder / quoted.name, quoted.read_bytes())
    write_bytes(sources / "vist-images" / "images" / "test" / "1741642.jpg", blank())


def vist_stories(sources: Path) -> None:
    """Put genuine stories into the official container; three photos are genuine."""
    folder = _real("vist")
    stories = json.loads((folder / "derived_gt_test_stories.json").read_text())
    photos = sorted((folder / "images").iterdir())
    images = sources / "vist-images" / "images" / "test"
    entries = []
    for place, (story, text) in enumerate(stories.items()):
        words = text.split(" ")
        for order in range(5):
            part = words[order * len(words) // 5 : (order + 1) * len(words) // 5]
            genuine = photos[order % 3] if place == 0 else None
            photo = genuine.stem if genuine else f"{story}{order}"
            data = genuine.read_bytes() if genuine else blank()
            write_bytes(images / f"{photo}.jpg", data)
            entries.append([{"story_id": story, "album_id": "1", "photo_flickr_id": photo,
                             "worker_arranged_photo_order": order, "text": " ".join(part),
                             "original_text": " ".join(part)}])  # fmt: skip
    value = {"images": [], "albums": [{"id": "1", "title": "x"}], "annotations": entries}
    write_json(sources / "vist-annotations-sis/sis/test.story-in-sequence.json", value)


def msrvtt_qa(part: str) -> Callable[[Path], None]:
    def lay(sources: Path) -> None:
        file = _real("msrvtt_qa") / "reconstructed_not_original" / f"{part}_qa.json"
        write_bytes(sources / "msrvtt-qa-annotations" / file.name, file.read_bytes())
        numbers = {row["video_id"] for row in json.loads(file.read_text())}
        clip = _real("videos") / "mmaction2_demo.mp4"
        for number in numbers:
            target = sources / "msrvtt-videos" / "TrainValVideo" / f"video{number}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(clip)

    return lay


def flickr8k_cn(sources: Path) -> None:
    data = _real("flickr8k_cn") / "data"
    _link(data, sources / "flickr8k-cn-annotations" / "data")
    stems = {
        line.partition(".jpg")[0]
        for file in data.glob("*.caption*.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    names = [f"Flicker8k_Dataset/{stem}.jpg" for stem in sorted(stems)]
    write_stand_ins(sources / "flickr8k-images" / "Flickr8k_Dataset.zip", names, blank())


def imagenet_validation(sources: Path) -> None:
    folder = _real("imagenet")
    lists = sources / "imagenet-1k-kaggle"
    for name in ("LOC_synset_mapping.txt", "LOC_val_solution.csv"):
        write_bytes(lists / name, (folder / name).read_bytes())
    rows = (folder / "LOC_val_solution.csv").read_text().splitlines()[1:]
    names = [f"val/{row.partition(',')[0]}.JPEG" for row in rows]
    write_stand_ins(sources / "imagenet-1k-val" / "ILSVRC2012_img_val.zip", [], b"")
    for name in names:
        write_bytes(sources / "imagenet-1k-val" / name, blank())


def imagenet_train(sources: Path) -> None:
    """Genuine images under genuine class ids, with made-up numbers."""
    folder = _real("imagenet")
    lists = sources / "imagenet-1k-kaggle"
    write_bytes(lists / "LOC_synset_mapping.txt", (folder / "LOC_synset_mapping.txt").read_bytes())
    lines = []
    for number, image in enumerate(sorted((folder / "sample_images_renamed").iterdir()), 1):
        wnid = image.name.partition("_")[0]
        name = f"{wnid}/{wnid}_{number}"
        lines.append(f"{name} {number}\n")
        write_bytes(sources / "imagenet-1k-train" / f"{name}.JPEG", image.read_bytes())
    path = lists / "ILSVRC" / "ImageSets" / "CLS-LOC" / "train_cls.txt"
    write_bytes(path, "".join(lines).encode())


def shapes(part: str, official: str) -> Callable[[Path], None]:
    def lay(sources: Path) -> None:
        data = _real("shapes") / "nmn2-shapes-branch" / "data" / "shapes"
        for ending in ("input.npy", "query", "output"):
            target = sources / "shapes" / f"{official}.{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(data / f"{part}.{ending}")

    return lay


def slices() -> Iterable[Slice]:
    """Return every genuine slice of the tasks that are built."""
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
    for task, split, kind, lay, options in listed:
        yield Slice(task, split, kind, lay, {name: every[name] for name in options})


def build(one: Slice, folder: Path) -> Report:
    """Lay a slice out below a folder and build it there."""
    one.lay(folder / "src")
    for name in load_task(one.task).card.sources_of(one.split, optional=False):
        (folder / "src" / name).mkdir(parents=True, exist_ok=True)
        (folder / "src" / name / "SOURCE.txt").touch()
    task = load_task(one.task).with_options(one.options)
    plan = Plan(max_reject_share=1.0)
    return Build(sources=folder / "src", out=folder / "out", plan=plan).unit(task, one.split)


def _real(name: str) -> Path:
    import pytest

    folder = REAL / name
    if not folder.is_dir():
        pytest.skip(f"genuine slice {folder} is not here")
    return folder


def _link(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(folder)


def main() -> None:
    """Print a table of all slices."""
    os.environ["M3IT_PLUGINS"] = "0"
    print("| task | split | kind | instances | rejects |\n|---|---|---|---:|---|")  # noqa: T201
    for one in slices():
        folder = Path(tempfile.mkdtemp())
        report = build(one, folder)
        rejects = ", ".join(f"{reason} {n:,}" for reason, n in report.rejects.items()) or "–"
        row = f"| {one.task} | {one.split} | {one.kind} | {report.rows:,} | {rejects} |"
        print(row)  # noqa: T201
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
