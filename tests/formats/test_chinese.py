"""Whitespace in Chinese text."""

from __future__ import annotations

import pytest

from m3it_builder.formats.chinese import without_gaps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("数百 人 骑 自行车", "数百人骑自行车"),
        ("图中 有　三张\u2003图片 。", "图中有三张图片。"),
        ("他说 “ 好 ” …… 吧", "他说“好”……吧"),
        ("「 好 」 ， 走 ！", "「好」，走！"),
        ("一只 cat  在 2 号 桌 上", "一只 cat 在 2 号桌上"),
        ("MacBook Air", "MacBook Air"),
        (" 两边 ", "两边"),
        ("ア メ", "アメ"),
        ("𠮷 野", "𠮷野"),
        ("", ""),
    ],
)
def test_gaps(text: str, expected: str) -> None:
    assert without_gaps(text) == expected
