"""Copied texts are found; templates and common questions are not mistaken for copies."""

from __future__ import annotations

from pathlib import Path

from tests.support.duplicates import (
    Row,
    build_tasks,
    compare,
    drop_reasons,
    encode,
    make_task,
    scene,
    shared_counts,
)

LONG = "the quick brown fox jumps over the lazy dog while seven grey herons watch from the reeds"
CHINESE = "这张照片里有一只白色的小狗在绿色的草地上追着一个红色的皮球跑来跑去非常开心"
SHORT = "What color is the car?"
TRAIN = [
    Row("copied", (), f"So it is said: {LONG.upper()}, and more.", "one"),
    Row("chinese", (), f"描述一下：{CHINESE}。", "好"),
    Row("short", (), "Two and two?", "Four."),
    Row("other answer", (), "Two and two??", "five"),
    Row("car", (encode(scene(1)),), SHORT, "red"),
]
TEST = [
    Row("long", (encode(scene(2)),), LONG),
    Row("zh", (), CHINESE),
    Row("tiny", (), "TWO and two", "four"),
    Row("same question, own image", (encode(scene(3)),), SHORT, "red"),
    Row("untouched", (), "a b c d e f g h i j k l m n o p q r s t u v w x y z"),
]


def test_copied_texts_are_found(tmp_path: Path) -> None:
    task = make_task(tmp_path / "src", "texts", train=TRAIN, test=TEST)
    report = compare(tmp_path, build_tasks(tmp_path, [task]))
    assert shared_counts(report) in (
        {("texts/test", "texts/train", "text"): (3, 3, 3)},
        {("texts/train", "texts/test", "text"): (3, 3, 3)},
    )
    listed = ("copied", "chinese", "short")
    assert drop_reasons(tmp_path) == {("texts", "train", row_id): "text" for row_id in listed}


def test_template_of_many_images_is_not_a_copy(tmp_path: Path) -> None:
    """A template asks about twenty images what an evaluation row asks about another one."""
    template = [
        Row(f"template{n}", (encode(scene(20 + n)),), f"{LONG} template?") for n in range(20)
    ]
    task = make_task(tmp_path / "src", "texts", train=[*TRAIN, *template], test=TEST)
    compare(tmp_path, build_tasks(tmp_path, [task]))
    assert set(drop_reasons(tmp_path)) == {
        ("texts", "train", row_id) for row_id in ("chinese", "short")
    }
