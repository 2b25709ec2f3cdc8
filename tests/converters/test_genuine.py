"""Builds of genuine slices of the official files."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.dataset.reader import BuiltRow, read_rows, read_units
from m3it_builder.media.images import require_decodable
from tests.support import genuine
from tests.support.genuine_sources import blank
from tests.support.genuine_sources_chinese import chinese_foods
from tests.support.slices import REAL, overlay, real_folder, write_placeholders

# (task and split, kind, options): expected instances, and rejects by reason.
EXPECTED: dict[tuple[str, str, str], tuple[int, dict[str, int]]] = {
    ("okvqa-train", "overlaid", ""): (9_009, {}),
    ("okvqa-validation", "overlaid", ""): (5_046, {}),
    ("nlvr-synthetic-validation", "genuine", ""): (10, {"image_missing": 979}),
    ("nlvr-validation", "overlaid", ""): (60, {}),
    ("coco-test", "overlaid", ""): (5, {}),
    ("coco-validation", "reconstructed", ""): (75, {"image_missing": 320}),
    ("coco-itm-test", "overlaid", ""): (0, {"too_few_captions": 1}),
    ("coco-itm-validation", "reconstructed", ""): (15, {"image_missing": 64}),
    ("vcr-train", "overlaid", ""): (49, {}),
    ("vcr-rationale-train", "overlaid", ""): (49, {}),
    ("refcoco+-train", "reconstructed", ""): (3, {}),
    ("refcoco-test", "reconstructed", ""): (60, {}),
    ("refcoco-locate-text-test", "reconstructed", ""): (60, {}),
    ("refcoco+-test", "reconstructed", ""): (60, {}),
    ("refcocog-test", "reconstructed", ""): (60, {}),
    ("vist-test", "overlaid", ""): (0, {"incomplete_story": 1}),
    ("vist-test", "reconstructed", ""): (50, {}),
    ("msrvtt-qa-validation", "reconstructed", ""): (6, {"not_chosen": 114}),
    ("msrvtt-qa-test", "reconstructed", "questions"): (120, {}),
    ("flickr8k-cn-train", "overlaid", ""): (20, {"no_answer": 5_980, "not_chosen": 80}),
    ("flickr8k-cn-validation", "overlaid", ""): (8, {"no_answer": 992, "not_chosen": 32}),
    ("flickr8k-cn-test", "overlaid", "captions"): (40, {"no_answer": 992}),
    ("imagenet-validation", "overlaid", ""): (200, {}),
    ("imagenet-train", "reconstructed", ""): (12, {}),
    ("textcap-train", "overlaid", ""): (2, {}),
    ("image-paragraph-captioning-train", "overlaid", ""): (14_575, {}),
    ("image-paragraph-captioning-validation", "overlaid", ""): (2_487, {}),
    ("image-paragraph-captioning-test", "overlaid", ""): (2_489, {}),
    ("coco-goi-train", "genuine", ""): (130, {"crowd": 8, "image_missing": 601}),
    ("coco-goi-validation", "genuine", ""): (101, {"crowd": 5, "image_missing": 518}),
    ("laion-400m-train", "genuine", ""): (10, {}),
    ("laion-400m-train", "genuine", "nsfw"): (10, {}),
    ("laion-400m-train", "reconstructed", ""): (219, {}),
    ("cc3m-train", "reconstructed", ""): (5, {}),
    ("cc3m-validation", "reconstructed", ""): (500, {}),
    ("cc12m-train", "reconstructed", ""): (5, {}),
    ("sbu-train", "reconstructed", ""): (5, {}),
    ("docvqa-train", "overlaid", ""): (1, {}),
    ("docvqa-validation", "reconstructed", ""): (60, {}),
    ("st-vqa-train", "reconstructed", ""): (60, {}),
    ("ocr-vqa-train", "overlaid", ""): (1, {"not_chosen": 4}),
    ("ocr-vqa-train", "overlaid", "questions"): (5, {}),
    ("ocr-vqa-test", "reconstructed", "questions"): (60, {}),
    ("vsr-validation", "overlaid", ""): (1_097, {}),
    ("vsr-train", "overlaid", ""): (60, {}),
    ("vsr-zeroshot-validation", "overlaid", ""): (340, {}),
    ("iqa-train", "overlaid", ""): (203, {}),
    ("iqa-validation", "overlaid", ""): (37, {}),
    ("iqa-test", "overlaid", ""): (60, {}),
    ("iqa-mixed-train", "overlaid", ""): (5_000, {"not_sampled": 57}),
    ("iqa-mixed-validation", "overlaid", ""): (814, {}),
    ("iqa-mixed-test", "overlaid", ""): (835, {}),
    ("iqa-mixed-train", "overlaid", "databases"): (338, {}),
    ("mocheg-test", "reconstructed", ""): (48, {}),
    ("a-okvqa-train", "overlaid", ""): (1, {}),
    ("a-okvqa-answer-train", "overlaid", ""): (1, {}),
    ("a-okvqa-choice-train", "overlaid", ""): (1, {}),
    ("gqa-train", "genuine", ""): (1, {}),
    ("gqa-full-train", "genuine", ""): (1, {}),
    ("gqa-train", "reconstructed", "questions"): (2, {}),
    ("gqa-validation", "reconstructed", "evaluation"): (60, {}),
    ("clevr-validation", "overlaid", ""): (9, {}),
    ("multi30k-validation", "overlaid", ""): (6_000, {"not_sampled": 6_168}),
    ("multi30k-test", "overlaid", ""): (12_000, {}),
    ("multi30k-test", "overlaid", "test_set"): (2_766, {}),
    ("coco-cn-train", "overlaid", "extension"): (200, {}),
    ("coco-cn-test", "overlaid", "sentencescaptions"): (361, {}),
    ("fm-iqa-train", "reconstructed", ""): (100, {}),
    ("chinese-food-test", "reconstructed", ""): (208, {}),
    ("mmchat-train", "reconstructed", ""): (2, {}),
    ("msvd-qa-train", "reconstructed", ""): (5, {"not_chosen": 115}),
    ("msvd-qa-validation", "reconstructed", "questions"): (120, {}),
    ("msvd-qa-test", "reconstructed", ""): (5, {"not_chosen": 115}),
    ("activitynet-qa-train", "overlaid", ""): (76, {"not_chosen": 23}),
    ("activitynet-qa-validation", "overlaid", ""): (73, {"not_chosen": 21}),
    ("activitynet-qa-test", "overlaid", "questions"): (93, {}),
    ("msrvtt-train", "overlaid", ""): (200, {}),
    ("msrvtt-test", "overlaid", ""): (200, {}),
    ("shapes-validation", "genuine", ""): (1_024, {}),
    ("shapes-train", "genuine", ""): (64, {}),
}
SLICES = list(genuine.slices())


def key(case: genuine.GenuineSlice) -> tuple[str, str, str]:
    return f"{case.task}-{case.split}", case.kind, "".join(case.options)


def test_every_slice_has_an_expectation() -> None:
    assert {key(case) for case in SLICES} == set(EXPECTED)


@pytest.mark.parametrize("case", SLICES, ids=["-".join(filter(None, key(s))) for s in SLICES])
def test_slice(case: genuine.GenuineSlice, tmp_path: Path) -> None:
    assert genuine.counts(case, tmp_path) == EXPECTED[key(case)]
    for row in rows_of(case, tmp_path) if EXPECTED[key(case)][0] else ():
        assert row.row.outputs.strip()
        assert "{box:" not in row.row.inputs + row.row.outputs


def rows_of(case: genuine.GenuineSlice, folder: Path) -> list[BuiltRow]:
    task_folder = folder / "out" / case.task
    return list(read_rows(task_folder, read_units(task_folder, case.split)[0]))


def build(task: str, split: str, kind: str, folder: Path) -> list[BuiltRow]:
    case = next(case for case in SLICES if key(case)[:2] == (f"{task}-{split}", kind))
    genuine.build(case, folder)
    return rows_of(case, folder)


def test_nlvr_images_are_the_originals(tmp_path: Path) -> None:
    rows = build("nlvr-synthetic", "validation", "genuine", tmp_path)
    originals = {
        path.name: path.read_bytes()
        for path in (real_folder("nlvr") / "nlvr/dev/images").rglob("*.png")
    }
    lines = (real_folder("nlvr") / "nlvr/dev/dev.json").read_text().splitlines()
    truth = {row["identifier"]: row for row in map(json.loads, lines)}
    for row in rows:
        expected = truth[row.row.id]
        assert row.row.inputs == expected["sentence"].strip()
        assert row.row.outputs == expected["label"]
        assert row.images == (originals[f"dev-{row.row.id}-0.png"],)
        require_decodable(row.images[0])


def test_questions_and_answers_belong_together(tmp_path: Path) -> None:
    rows = build("okvqa", "validation", "overlaid", tmp_path)
    file = real_folder("okvqa") / "OpenEnded_mscoco_val2014_questions.json"
    questions = {
        str(q["question_id"]): q["question"] for q in json.loads(file.read_text())["questions"]
    }
    assert {row.row.id: row.row.inputs for row in rows} == questions
    assert all(row.row.outputs == f"answer {row.row.id}" for row in rows)


def test_unanswered_questions_and_missing_images(tmp_path: Path) -> None:
    """A seventh of the answers and a tenth of the images are withheld."""
    sources = overlay(tmp_path / "src", ["okvqa-annotations"])
    folder = sources / "okvqa-annotations"
    questions = json.loads((folder / "OpenEnded_mscoco_val2014_questions.json").read_text())
    listed = questions["questions"]
    annotations = [
        {**q, "question_type": "one", "answers": [{"raw_answer": "x"}]}
        for n, q in enumerate(listed)
        if n % 7
    ]
    value = {"annotations": annotations, "question_types": {}}
    (folder / "mscoco_val2014_annotations.json").write_text(json.dumps(value))
    numbers = sorted({q["image_id"] for q in listed})
    names = [f"val2014/COCO_val2014_{n:012d}.jpg" for i, n in enumerate(numbers) if i % 10]
    write_placeholders(sources / "coco-2014-val-images" / "val2014.zip", names, blank())
    withheld = set(numbers[::10])
    missing = sum(q["image_id"] in withheld for n, q in enumerate(listed) if n % 7)
    work = Build(sources=sources, out=tmp_path, plan=Plan(max_reject_share=1.0))
    work.unit(load_task("okvqa"), "validation")
    unit = read_units(tmp_path / "okvqa")[0]
    assert reasons(unit, tmp_path) == {"no_answer": 721, "image_missing": missing}
    assert unit.examples == 5_046


def reasons(unit: Manifest, out: Path) -> Counter[str]:
    table = pq.read_table(out / unit.task / unit.reject_table.path)
    return Counter(table["reason"].to_pylist())


def test_shapes_agree_with_the_english_release(tmp_path: Path) -> None:
    """For a query with one relation, our English is exactly that of the later release."""
    rows = build("shapes", "validation", "genuine", tmp_path)
    file = real_folder("shapes") / "n2nmn" / "exp_shapes" / "shapes_dataset" / "val.query_str.txt"
    released = file.read_text().splitlines()
    compared = 0
    for row in rows:
        query = json.loads(row.row.meta)["query"]
        if query.count("(") <= 2:
            question = row.row.inputs.removesuffix("?").lower()
            assert question == released[int(row.row.id)]
            compared += 1
    assert compared == 11 * 64


def test_shapes_have_the_right_colors(tmp_path: Path) -> None:
    """ "Is a red shape red" is true exactly if there is red; read as RGB it would be blue."""
    rows = build("shapes", "validation", "genuine", tmp_path)
    compared = 0
    for row in rows:
        query = json.loads(row.row.meta)["query"]
        if query == "(is red red)":
            image = Image.open(io.BytesIO(row.images[0]))
            assert image.size == (240, 240)
            colors = {color for _, color in image.getcolors(1 << 16) or []}
            is_red = any(c[0] > 150 and c[1] < 100 and c[2] < 100 for c in colors)  # type: ignore[index]
            assert is_red == (row.row.outputs == "yes")
            compared += 1
    assert compared == 64


def test_vcr_texts_are_detokenized(tmp_path: Path) -> None:
    rows = build("vcr", "train", "overlaid", tmp_path)
    original = {}
    for line in (real_folder("vcr") / "vcr1annots" / "train.jsonl").read_text().splitlines():
        row = json.loads(line)
        original[row["annot_id"]] = row
    for row in rows:
        text = row.row.inputs + row.row.outputs
        for token in (
            " ?",
            " .",
            " ,",
            " 's",
            "' s",
            " n't",
            " - ",
            ". people",
            " i ",
            "wineglass ",
        ):
            assert token not in text, text
        regions = row.row.regions
        assert len({region.color for region in regions}) == len(regions)
        source = original[row.row.id]
        drawn = json.loads(row.row.meta)["objects_drawn"]
        labels = [region.label for region in regions]
        assert [source["objects"][n] for n in drawn] == [
            label.lower().replace(" ", "") for label in labels
        ]
        assert not {"diningtable", "wineglass", "pottedplant", "tv"} & set(labels)
        mentioned = {
            n
            for tokens in (source["question"], *source["answer_choices"])
            for token in tokens
            if isinstance(token, list)
            for n in token
        }
        assert set(drawn) == mentioned


def test_refcoco_boxes_are_those_of_the_evaluation_lists(tmp_path: Path) -> None:
    rows = build("refcoco-locate-text", "test", "reconstructed", tmp_path)
    listed = json.loads(
        (real_folder("refcoco") / "derived_eval_lists/refcoco_testA.json").read_text()
    )
    for row in rows:
        expected = listed[int(row.row.id)]
        assert row.row.inputs == expected["question"]
        assert json.loads(row.row.outputs) == [round(v) for v in expected["gt_answers"]]


def test_expressions_read_as_typed(tmp_path: Path) -> None:
    """RefCOCOg's cleaned expressions are tokenized; those of the others are not."""
    listed = json.loads(
        (real_folder("refcoco") / "derived_eval_lists/refcocog_test.json").read_text()
    )
    rows = build("refcocog", "test", "reconstructed", tmp_path)
    for row in rows:
        cleaned = listed[int(row.row.id)]["question"]
        assert json.loads(row.row.meta)["sent"] == cleaned
        assert row.row.outputs.replace(" ", "") == cleaned.replace(" ", "")
        assert not {"'", "-", ","} & set(row.row.outputs.split()), row.row.outputs
    assert {"the man's skiis", "attractive, country style, red-check round tablecloth"} <= {
        row.row.outputs for row in rows
    }
    (tmp_path / "plain").mkdir()
    for row in build("refcoco", "test", "reconstructed", tmp_path / "plain"):
        assert row.row.outputs == json.loads(row.row.meta)["raw"]


def test_stories_are_complete(tmp_path: Path) -> None:
    rows = build("vist", "test", "reconstructed", tmp_path)
    stories = json.loads((real_folder("vist") / "derived_gt_test_stories.json").read_text())
    assert {row.row.id: row.row.outputs for row in rows} == stories


def test_class_names_are_those_of_the_file_names(tmp_path: Path) -> None:
    """The names of the genuine files contain the class name after its official id."""
    rows = build("imagenet", "train", "reconstructed", tmp_path)
    files = (real_folder("imagenet") / "sample_images_renamed").iterdir()
    names = {path.read_bytes(): path.stem.partition("_")[2].replace("_", " ") for path in files}
    for row in rows:
        turn = row.row.turns[0]
        assert len(turn.choices) == 10
        assert turn.answer in turn.choices
        assert turn.answer.lower() == names.pop(row.images[0])
    assert not names


def test_translations_are_those_of_their_image(tmp_path: Path) -> None:
    rows = build("multi30k", "validation", "overlaid", tmp_path)
    folder = real_folder("multi30k") / "data" / "task1"
    images = (folder / "image_splits" / "val.txt").read_text().split("\n")
    texts = {
        code: gzip.decompress((folder / "raw" / f"val.{code}.gz").read_bytes()).decode().split("\n")
        for code in ("en", "de", "fr", "cs")
    }
    languages = {"en": "English", "de": "German", "fr": "French", "cs": "Czech"}
    for row in rows:
        image, source, target = row.row.id.split("-")
        line = images.index(f"{image}.jpg")
        assert row.row.lang == target
        assert row.row.outputs == " ".join(texts[target][line].split())
        sentence = " ".join(texts[source][line].split())
        assert row.row.inputs == f"Target language: {languages[target]}\n{sentence}"


def test_scene_with_alpha_is_kept(tmp_path: Path) -> None:
    rows = build("clevr", "validation", "overlaid", tmp_path)
    original = (real_folder("clevr") / "CLEVR_v1.0/images/val/CLEVR_val_000013.png").read_bytes()
    assert Image.open(io.BytesIO(original)).mode == "RGBA"
    for row in rows:
        assert row.images == (original,)
        require_decodable(row.images[0])
    truth = json.loads((real_folder("clevr") / "ns-vqa/orig-val.json").read_text())["questions"]
    answers = {str(q["question_index"]): (q["question"], q["answer"]) for q in truth}
    assert {row.row.id: (row.row.inputs, row.row.outputs) for row in rows} == answers


def test_reason_and_answer_agree(tmp_path: Path) -> None:
    """The most frequent direct answers are ride, taxi and cab; the reason is one for a cab."""
    (row,) = build("a-okvqa", "train", "overlaid", tmp_path)
    assert row.row.outputs.endswith("a cab is the only possible answer. So the answer is cab.")


def test_frames_of_a_genuine_clip(tmp_path: Path) -> None:
    rows = build("msrvtt-qa", "validation", "reconstructed", tmp_path)
    for row in rows:
        (frames,) = json.loads(row.row.meta)["frames"]
        assert frames["indices"] == [0, 40, 80, 120, 159, 199, 239, 279]
        assert (frames["total"], frames["rule"], len(row.images)) == (280, "ends", 8)
        assert len(set(row.images)) == 8


@pytest.mark.parametrize(
    ("task", "split", "file"),
    [
        ("docvqa", "validation", "docvqa/LLaVAR_MultimodalOCR_docVQA.first60.json"),
        ("st-vqa", "train", "stvqa/LLaVAR_MultimodalOCR_STVQA.first60.json"),
    ],
)
def test_the_first_answer_is_the_target(task: str, split: str, file: str, tmp_path: Path) -> None:
    rows = build(task, split, "reconstructed", tmp_path)
    listed = json.loads((REAL / file).read_text())
    for row in rows:
        expected = listed[int(row.row.id)]
        assert row.row.inputs == expected["question"].strip()
        assert row.row.outputs == expected["gt_answers"][0].strip()
        assert json.loads(row.row.meta)["answers"] == expected["gt_answers"]


def test_scores_of_both_directions_are_graded(tmp_path: Path) -> None:
    """The best image of a database has the highest opinion score, or the lowest difference."""
    rows = build("iqa-mixed", "train", "overlaid", tmp_path)
    scores: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        meta = json.loads(row.row.meta)
        grade = row.row.turns[0].answer
        scores.setdefault((meta["database"], grade), []).append(meta["score"])
    for database, is_difference in {"LIVE": True, "CSIQ": True, "TID2013": False}.items():
        excellent, bad = scores[database, "excellent"], scores[database, "bad"]
        assert (max(excellent) < min(bad)) if is_difference else (min(excellent) > max(bad))


def test_votes_are_lists_of_validators(tmp_path: Path) -> None:
    for division in ("vsr", "vsr-zeroshot"):
        for row in build(division, "validation", "overlaid", tmp_path / division):
            meta = json.loads(row.row.meta)
            true, false = meta["vote_true_validator_id"], meta["vote_false_validator_id"]
            assert all(isinstance(vote, int) for vote in [*true, *false])
            assert (len(true) >= len(false)) == (row.row.turns[0].answer == "true")


def test_segmented_references_are_joined(tmp_path: Path) -> None:
    rows = build("coco-cn", "test", "overlaid", tmp_path)
    value = json.loads((real_folder("coco_cn") / "merged_captions_coco-cn_test.json").read_bytes())
    names = {image["id"]: image["file_name"] for image in value["images"]}
    expected = {
        (names[one["image_id"]], one["caption"].replace(" ", "")) for one in value["annotations"]
    }
    assert {
        (row.row.id.partition("#")[0] + ".jpg", row.row.outputs.replace(" ", "")) for row in rows
    } == expected
    assert sum(" " in row.row.outputs for row in rows) < len(rows) / 20


def test_dishes_have_their_genuine_names(tmp_path: Path) -> None:
    rows = build("chinese-food", "test", "reconstructed", tmp_path)
    names = chinese_foods()
    assert len(rows) == 208
    for row in rows:
        (turn,) = row.row.turns
        assert turn.answer == names[int(row.row.id)].strip()
        assert len(set(turn.choices)) == 10
        assert row.row.outputs.endswith(f") {turn.answer}")


def test_answers_have_one_mark_at_their_end(tmp_path: Path) -> None:
    rows = build("fm-iqa", "train", "reconstructed", tmp_path)
    changed = {row.row.outputs for row in rows if not row.row.outputs.endswith("。")}
    assert changed == {"羊！", "一些面包，"}


def test_questions_about_videos_keep_every_answer(tmp_path: Path) -> None:
    """The slice has repeated questions with different answers, and stray whitespace."""
    rows = build("activitynet-qa", "test", "overlaid", tmp_path)
    folder = real_folder("activitynet_qa") / "dataset"
    questions = json.loads((folder / "test_q.json").read_text())
    answers = {
        row["question_id"]: row["answer"]
        for row in json.loads((folder / "test_a.json").read_text())
    }
    same: dict[tuple[str, str], set[str]] = {}
    for row in questions:
        text = " ".join(row["question"].split())
        same.setdefault((row["video_name"], text), set()).add(answers[row["question_id"]].strip())
    assert any(len(given) > 1 for given in same.values())
    assert {row.row.id for row in rows} == set(answers)
    for row in rows:
        meta = json.loads(row.row.meta)
        assert row.row.outputs == answers[row.row.id].strip()
        assert set(meta["answers"]) == same[meta["video_name"], row.row.inputs]


def test_clips_of_msvd_are_found_by_both_names(tmp_path: Path) -> None:
    rows = build("msvd-qa", "validation", "reconstructed", tmp_path)
    mapping = (real_folder("msvd_qa") / "youtube_mapping.txt").read_text().split()
    names = dict(zip(mapping[1::2], mapping[::2], strict=True))
    for row in rows:
        meta = json.loads(row.row.meta)
        number = meta["video_id"]
        name = names[f"vid{number}"]
        start, end = meta["seconds"]
        assert f"{meta['youtube_id']}_{start}_{end}" == name
        path = f"YouTubeClips/{name}.avi" if number % 2 else f"video/vid{number}.avi"
        assert meta["frames"][0]["video"] == f"msvd-videos/{path}"
