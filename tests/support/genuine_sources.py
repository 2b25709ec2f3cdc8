"""Writers of sources from genuine slices of official files, completed with placeholders.

Each function writes one source folder. Placeholders are blank images of the annotated sizes,
answers where only questions are available, and official containers around genuine values
that were published in another form.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from m3it_builder.formats.tokens import sentence
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.python2_pickle import dumps
from tests.support.slices import REAL, overlay, write_placeholders


def blank(size: tuple[int, int] = (32, 24), kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(buffer, kind)
    return buffer.getvalue()


def okvqa(year: str) -> Callable[[Path], None]:
    def write(sources: Path) -> None:
        overlay(sources, ["okvqa-annotations"])
        folder = sources / "okvqa-annotations"
        value = json.loads((folder / f"OpenEnded_mscoco_{year}_questions.json").read_text())
        questions = value["questions"]
        annotations = [
            {
                "image_id": q["image_id"],
                "question_id": q["question_id"],
                "question_type": "one",
                "answers": [{"raw_answer": f"answer {q['question_id']}"}] * 10,
            }
            for q in questions
        ]
        content = {"annotations": annotations, "question_types": {"one": "Vehicles"}}
        write_json(folder / f"mscoco_{year}_annotations.json", content)
        names = [f"{year}/COCO_{year}_{n:012d}.jpg" for n in {q["image_id"] for q in questions}]
        archive = f"coco-2014-{year.removesuffix('2014')}-images/{year}.zip"
        write_placeholders(sources / archive, sorted(names), blank())

    return write


def nlvr_dev(sources: Path) -> None:
    overlay(sources, ["nlvr-annotations", "nlvr-images"])


def nlvr2_dev(sources: Path) -> None:
    overlay(sources, ["nlvr2-annotations"])
    lines = (sources / "nlvr2-annotations" / "dev.json").read_text().splitlines()
    pairs = sorted({json.loads(line)["identifier"].rpartition("-")[0] for line in lines})
    names = [f"dev/{pair}-img{side}.png" for pair in pairs for side in (0, 1)]
    write_placeholders(sources / "nlvr2-images" / "dev_img.zip", names, blank(kind="PNG"))


def karpathy_record(sources: Path) -> None:
    overlay(sources, ["karpathy-splits"])
    name = "val2014/COCO_val2014_000000391895.jpg"
    write_placeholders(sources / "coco-2014-val-images" / "val2014.zip", [name], blank())


def coco_captions(sources: Path) -> None:
    """Write genuine captions of val2017 in Karpathy's container, with their genuine images."""
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
        fields = json.loads(metadata.read_text())
        write_bytes(
            target.with_name(metadata.name[:-4] + "jpg"), blank((fields["width"], fields["height"]))
        )


def refcoco(release: str, by: str, file: str) -> Callable[[Path], None]:
    """Write genuine expressions, boxes and sizes in the official containers."""

    def write(sources: Path) -> None:
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
            text = row["question"]
            # Only the cleaned text is genuine; RefCOCOg's typed text is that before tokenization.
            raw = sentence(text.split(" ")) if release == "refcocog" else text
            ref["sentences"].append({"sent_id": number, "sent": text, "raw": raw, "tokens": []})
            path = sources / "coco-2014-train-images" / "train2014" / name
            write_bytes(path, blank((width, height)))
        folder = sources / f"{release}-annotations" / release
        write_bytes(folder / f"refs({by}).p", dumps(list(refs.values())))
        coco = {"images": list(images.values()), "annotations": list(annotations.values())}
        write_json(folder / "instances.json", coco)

    return write


def refcoco_record(sources: Path) -> None:
    """Write the one official record available, with an invented object."""
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
    """Write genuine stories in the official container; three photos are genuine."""
    folder = _real("vist")
    stories = json.loads((folder / "derived_gt_test_stories.json").read_text())
    photos = sorted((folder / "images").iterdir())
    images = sources / "vist-images" / "images" / "test"
    entries = []
    for index, (story, text) in enumerate(stories.items()):
        words = text.split(" ")
        for order in range(5):
            part = words[order * len(words) // 5 : (order + 1) * len(words) // 5]
            genuine = photos[order % 3] if index == 0 else None
            photo = genuine.stem if genuine else f"{story}{order}"
            data = genuine.read_bytes() if genuine else blank()
            write_bytes(images / f"{photo}.jpg", data)
            entries.append([{"story_id": story, "album_id": "1", "photo_flickr_id": photo,
                             "worker_arranged_photo_order": order, "text": " ".join(part),
                             "original_text": " ".join(part)}])  # fmt: skip
    value = {"images": [], "albums": [{"id": "1", "title": "x"}], "annotations": entries}
    write_json(sources / "vist-annotations-sis/sis/test.story-in-sequence.json", value)


def msrvtt_qa(part: str) -> Callable[[Path], None]:
    def write(sources: Path) -> None:
        file = _real("msrvtt_qa") / "reconstructed_not_original" / f"{part}_qa.json"
        write_bytes(sources / "msrvtt-qa-annotations" / file.name, file.read_bytes())
        numbers = {row["video_id"] for row in json.loads(file.read_text())}
        clip = _real("videos") / "mmaction2_demo.mp4"
        for number in numbers:
            target = sources / "msrvtt-videos" / "TrainValVideo" / f"video{number}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(clip)

    return write


def flickr8k_cn(sources: Path) -> None:
    data = _real("flickr8k_cn") / "data"
    _link(data, sources / "flickr8k-cn-annotations" / "data")
    stems = {
        line.partition(".jpg")[0]
        for file in data.glob("*.caption*.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    names = [f"Flicker8k_Dataset/{stem}.jpg" for stem in sorted(stems)]
    write_placeholders(sources / "flickr8k-images" / "Flickr8k_Dataset.zip", names, blank())


def imagenet_validation(sources: Path) -> None:
    folder = _real("imagenet")
    lists = sources / "imagenet-1k-kaggle"
    for name in ("LOC_synset_mapping.txt", "LOC_val_solution.csv"):
        write_bytes(lists / name, (folder / name).read_bytes())
    rows = (folder / "LOC_val_solution.csv").read_text().splitlines()[1:]
    names = [f"val/{row.partition(',')[0]}.JPEG" for row in rows]
    write_placeholders(sources / "imagenet-1k-val" / "ILSVRC2012_img_val.zip", [], b"")
    for name in names:
        write_bytes(sources / "imagenet-1k-val" / name, blank())


def imagenet_train(sources: Path) -> None:
    """Write genuine images with genuine class ids and invented numbers."""
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
    def write(sources: Path) -> None:
        data = _real("shapes") / "nmn2-shapes-branch" / "data" / "shapes"
        for ending in ("input.npy", "query", "output"):
            target = sources / "shapes" / f"{official}.{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(data / f"{part}.{ending}")

    return write


def _real(name: str) -> Path:
    import pytest

    folder = REAL / name
    if not folder.is_dir():
        pytest.skip(f"genuine slice {folder} is not available")
    return folder


def _link(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(folder)
