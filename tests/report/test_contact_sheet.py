"""Contact sheets: texts of any language in cells, with whatever fonts there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.report import fonts as lettering
from m3it_builder.report.contact_sheet import write_sheet
from m3it_builder.report.fonts import columns, cut, font_for, wrapped
from m3it_builder.report.preview import built_rows
from m3it_builder.tasks.sampling import write_sample
from tests.support.tiny_font import tiny_font


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Let the system have three fonts: a missing one, one of two characters, one of more."""
    names = ("gone.ttf", "few.ttf", "more.ttf")
    (tmp_path / "few.ttf").write_bytes(tiny_font("红色"))
    (tmp_path / "more.ttf").write_bytes(tiny_font("ab红色圆形"))
    paths = tuple(str(tmp_path / name) for name in names)
    monkeypatch.setattr(lettering, "FONTS", paths)
    return paths


def path_of(text: str) -> str | None:
    path = getattr(font_for(text, 13), "path", None)
    return path if isinstance(path, str) else None


def test_the_first_font_that_has_all_characters(fonts: tuple[str, ...]) -> None:
    assert path_of("plain text, “quoted”…") is None, "the default knows these"
    assert path_of("红 色\n") == fonts[1]
    assert path_of("红色圆") == fonts[2]
    assert path_of("圆形") == fonts[2]
    assert path_of("红ж") == fonts[1], "as many as there are"
    assert path_of("жщ") is None, "none has any of them"


def test_without_any_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "FONTS", ())
    assert path_of("红色") is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("two words", ["two words"]),
        ("a few words more", ["a few", "words more"]),
        ("extraordinarily", ["extraordin", "arily"]),
        ("one\n\ntwo", ["one", "", "two"]),
        ("一二三四五六七", ["一二三四五", "六七"]),
        ("一二三四五。六", ["一二三四五。", "六"]),
        ("ab 一二三四五", ["ab 一二三", "四五"]),
        (
            "e\u0301e\u0301e\u0301 e\u0301e\u0301e\u0301",
            ["e\u0301e\u0301e\u0301 e\u0301e\u0301e\u0301"],
        ),
    ],
)
def test_wrapped(text: str, lines: list[str]) -> None:
    assert wrapped(text, 10) == lines


alphabet = st.text(st.sampled_from("ab 一。、ｱﾊé\u0301\n\u3000-"), max_size=60)


@given(alphabet, st.integers(2, 20))
def test_wrapping_loses_nothing_and_fits(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(columns(line) <= width + 2 for line in lines)
    assert all(line == line.rstrip() for line in lines)
    assert columns(cut(text, width)) <= width
    assert text.startswith(cut(text, width))


def test_sheet_of_chinese_rows(
    tmp_path: Path, fonts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_task("flickr8k-cn")
    write_sample(task, tmp_path / "src", 4)
    Build(sources=tmp_path / "src", out=tmp_path / "out", plan=Plan()).unit(task, "train")
    rows = built_rows(tmp_path / "out" / task.name, "train", 4)
    write_sheet(tmp_path / "with.png", rows)
    monkeypatch.setattr(lettering, "FONTS", ())
    write_sheet(tmp_path / "without.png", rows)
    sheets = [Image.open(tmp_path / name) for name in ("with.png", "without.png")]
    assert sheets[0].size == sheets[1].size
    assert sheets[0].tobytes() != sheets[1].tobytes()
