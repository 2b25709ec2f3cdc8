"""Instructions: near-copies, the script of the language, too few words."""

from __future__ import annotations

import pytest

from m3it_builder import load_task
from m3it_builder.authoring.pool_checks import check_pool
from m3it_builder.tasks.registry import all_names

FULL = "Describe what the photograph shows in one sentence."


@pytest.mark.parametrize("name", sorted(all_names()))
def test_pools_of_built_in_tasks_have_no_findings(name: str) -> None:
    task = load_task(name)
    assert list(check_pool([one.text for one in task.instructions], task.card.lang)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Describe the image in detail.", "Describe the picture in detail."),
        ("Say in one sentence what you see.", "In one sentence, say what you see!"),
        ("Answer the question.", "ANSWER THE QUESTION"),
        ("请用一句话描述这张照片。", "请用一句话描述这张图片。"),
        ("写真を一文で説明してください。", "画像を一文で説明してください。"),
    ],
)
def test_near_copies(one: str, other: str) -> None:
    (finding,) = check_pool([one, "Other words 其他 entirely different here.", other], None)
    assert finding.startswith("instructions 1 and 3 are nearly the same: ")


def test_different_instructions_are_no_copies() -> None:
    pool = ["Answer the question about the image.", "Use the photograph to reply in a few words."]
    assert list(check_pool(pool, "en")) == []


@pytest.mark.parametrize(
    ("lang", "text", "found"),
    [
        ("zh", FULL, "Latin"),
        ("zh-Hant", FULL, "Latin"),
        ("en", "请用一句话描述这张照片。", "Cjk"),
        ("ru", "Opishite izobrazhenie odnim predlozheniem.", "Latin"),
        ("ar", FULL, "Latin"),
        ("uz-Cyrl", "Rasmni bitta gap bilan tasvirlang.", "Latin"),
        ("ja", "Опишите это изображение.", "Cyrillic"),
        ("en", "?? !! 123 45 6", "no"),
    ],
)
def test_wrong_script(lang: str, text: str, found: str) -> None:
    (finding,) = check_pool([text], lang)
    assert f"has {found} letters, but the language of the task is {lang!r}" in finding


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("zh", "请用一句话描述这张 OK-VQA 照片。"),
        ("ja", "画像を説明してください。"),
        ("ko", "이 사진을 한 문장으로 설명하세요."),
        ("sr", "Opišite sliku jednom rečenicom."),
        ("sr-Cyrl", "Опишите слику једном реченицом."),
        ("hi", "इस चित्र का एक वाक्य में वर्णन करें।"),
        ("th", "อธิบายภาพนี้ด้วยประโยคเดียว"),
        ("vi", "Hãy mô tả bức ảnh bằng một câu."),
        ("tlh", "not checked: a language without a known script"),
    ],
)
def test_right_script(lang: str, text: str) -> None:
    assert list(check_pool([text], lang)) == []


@pytest.mark.parametrize("text", ["Describe.", "Describe it.", "描述图片", "answer, please"])
def test_too_few_words(text: str) -> None:
    (finding,) = check_pool([text], None)
    assert finding.startswith("instruction 1 has fewer than 3 words: ")


def test_instructions_with_a_todo_are_left_out() -> None:
    assert list(check_pool(["TODO: instruction 1", "TODO: instruction 2"], "zh")) == []
