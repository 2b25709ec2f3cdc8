"""Chinese rules of ``stages.template``: each makes a sentence of a question and its answer.

A Chinese question keeps the order of the statement, so the answer can take the place of the
word that asks for it. A rule returns None where that would change or break the meaning.
"""

from __future__ import annotations

import re

_STOP = re.compile(r"[。！？.!?]\Z")
_YES = ("是", "是的", "对", "对的", "有", "能", "会", "可以")
_AFFIRMED = ("是的", "对", "对的")  # may follow a statement
_NO = ("不是", "不", "不对", "没有", "不能", "不会", "不可以", "否")
_CLASSIFIER = "个只人位条张件辆台把匹头座朵棵本片层双种艘架块杯瓶"
_HAN_NUMBER = re.compile(rf"[\d一二两三四五六七八九十百]+[{_CLASSIFIER}]?")
_ASKED = re.compile(
    r"[做干]什么|什么颜色|什么地方|什么东西|什么|哪里|哪儿|谁|"
    rf"(?:几|多少)[{_CLASSIFIER}]?"
)


def yes_or_no(question: str, answer: str) -> str | None:
    """Answer a question that ends with 吗 or 么."""
    word = answer.rstrip("。！")
    if not question.endswith(("吗", "么")) or question.endswith("什么"):
        return None
    if word in _YES and "你" not in question:
        statement = question[:-1]
        if word == answer:
            return f"{answer}，{statement}"
        return f"{statement}，{answer}" if word in _AFFIRMED else None
    return f"{word}，情况并非如此" if word in _NO else None


def whole(_question: str, answer: str) -> str | None:
    """Return an answer that has a subject of its own."""
    return answer if re.match(r"(?:[他她它]们?|这|那|图中).{2,}", answer) else None


def in_place(question: str, answer: str) -> str | None:
    """Put the answer in the place of the one word that asks for it."""
    found = list(_ASKED.finditer(question))
    if len(found) != 1 or re.search(r"为什么|怎么|什么时候|哪个|吗|呢|(.)不\1", question):
        return None
    if re.search(r"[没不]|知道|什么", answer):
        return None
    (asked,) = found
    before, after = question[: asked.start()], question[asked.end() :]
    if asked[0].startswith(("几", "多少")):
        return _counted(before, asked[0], after, answer)
    if asked[0] == "什么" and after:  # 什么 with a noun, which may be part of the answer
        return None
    if asked[0] == "谁" and after.startswith("的"):
        return None
    if asked[0] == "什么颜色" and not before.endswith(("是", "着", "穿")):
        return None
    if after == "的" and _STOP.search(answer):
        after = ""
    return _without_overlap(before, answer) + answer + after


def _counted(before: str, asked: str, after: str, answer: str) -> str | None:
    if not _HAN_NUMBER.fullmatch(answer):
        return None
    classifier = asked[-1] if asked[-1] in _CLASSIFIER else ""
    has_classifier = answer[-1] in _CLASSIFIER
    if has_classifier and classifier and answer[-1] != classifier:
        return None
    return before + answer + ("" if has_classifier else classifier) + after


def _without_overlap(before: str, answer: str) -> str:
    """Return a text without the end that the answer repeats: 他在 with 在家里."""
    for size in range(min(len(before), len(answer)), 0, -1):
        if before.endswith(answer[:size]):
            return before[:-size]
    return before


RULES = (yes_or_no, whole, in_place)
