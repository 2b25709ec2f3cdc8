"""Contact sheets: font fallback, and line wrapping by display width."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.errors import BuildError
from m3it_builder.report import contact_sheet
from m3it_builder.report import fonts as fonts_module
from m3it_builder.report.contact_sheet import grid_columns, write_sheet
from m3it_builder.report.fonts import font_for, truncate, wrap
from m3it_builder.report.preview import built_rows
from m3it_builder.tasks.sampling import write_sample
from tests.support.tiny_font import tiny_font


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Replace the system fonts by three: a missing one, one of two characters, one of six."""
    names = ("missing.ttf", "few.ttf", "more.ttf")
    (tmp_path / "few.ttf").write_bytes(tiny_font("红色"))
    (tmp_path / "more.ttf").write_bytes(tiny_font("ab红色圆形"))
    paths = tuple(str(tmp_path / name) for name in names)
    monkeypatch.setattr(fonts_module, "FONTS", paths)
    return paths


def font_path(text: str) -> str | None:
    path = getattr(font_for(text, 13), "path", None)
    return path if isinstance(path, str) else None


def test_first_font_with_all_characters_is_used(fonts: tuple[str, ...]) -> None:
    assert font_path("plain text, “quoted”…") is None, "covered by the default font"
    assert font_path("红 色\n") == fonts[1]
    assert font_path("红色圆") == fonts[2]
    assert font_path("圆形") == fonts[2]
    assert font_path("红ж") == fonts[1], "the font that lacks fewest"
    assert font_path("жщ") is None, "no font covers any of them"


def test_default_font_without_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts_module, "FONTS", ())
    assert font_path("红色") is None


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
        ("ﾊﾟｱｱｱｱｱｱｱｱｱ", ["ﾊﾟｱｱｱｱｱｱｱｱ", "ｱ"]),  # half width
        ("一\u0301二三四五", ["一\u0301二三四五"]),
        ("नमस्ते नमस्ते", ["नमस्ते नमस्ते"]),
        ("ab 👍👍👍👍", ["ab 👍👍👍", "👍"]),
        ("a\tb", ["a   b"]),
    ],
)
def test_wrap(text: str, lines: list[str]) -> None:
    assert wrap(text, 10) == lines


@pytest.mark.parametrize(
    ("text", "width", "prefix"),
    [
        ("", 5, ""),
        ("abc", 2, "ab"),
        ("abc", 3, "abc"),
        ("一二", 3, "一"),
        ("一二", 1, ""),
        ("e\u0301e\u0301", 1, "e\u0301"),
        ("a\u0301一", 2, "a\u0301"),
    ],
)
def test_truncate(text: str, width: int, prefix: str) -> None:
    assert truncate(text, width) == prefix


texts = st.text(st.sampled_from("ab 一。、ｱﾊé\u0301\n\t\u3000-👍\u200d\ufe0f❤"), max_size=60)


@given(texts, st.integers(2, 20))
def test_wrapping_keeps_all_characters_and_fits(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= width + 2 for line in lines)
    assert all(line == line.rstrip() for line in lines)
    assert cell_len(truncate(text, width)) <= width
    assert text.startswith(truncate(text, width))


def test_sheet_of_chinese_rows(
    tmp_path: Path, fonts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_task("flickr8k-cn")
    write_sample(task, tmp_path / "src", 4)
    Build(sources=tmp_path / "src", out=tmp_path / "out", plan=Plan()).unit(task, "train")
    rows = built_rows(tmp_path / "out" / task.name, "train", 4)
    write_sheet(tmp_path / "with.png", rows)
    monkeypatch.setattr(fonts_module, "FONTS", ())
    write_sheet(tmp_path / "without.png", rows)
    sheets = [Image.open(tmp_path / name) for name in ("with.png", "without.png")]
    assert sheets[0].size == sheets[1].size
    assert sheets[0].tobytes() != sheets[1].tobytes()


@pytest.mark.parametrize(
    ("size", "count", "columns"),
    [
        ((640, 480), 1, 1),
        ((640, 480), 2, 2),
        ((640, 480), 5, 3),
        ((640, 480), 8, 4),
        ((480, 640), 8, 4),
        ((4000, 200), 4, 1),
        ((10, 4000), 4, 4),
        ((640, 480), 64, 8),
    ],
)
def test_images_are_shown_in_a_grid(size: tuple[int, int], count: int, columns: int) -> None:
    assert grid_columns([size] * count) == columns


def test_long_texts_end_with_an_ellipsis() -> None:
    assert contact_sheet._lines("word " * 200)[-1].endswith(" …")
    assert contact_sheet._shortened("x" * 54) == "x" * 54
    assert contact_sheet._shortened("x" * 55) == "x" * 52 + " …"


def test_album_fills_its_cell(tmp_path: Path) -> None:
    """Images of one row are in two lines, and centered."""
    task = load_task("vist")
    write_sample(task, tmp_path / "src", 2)
    Build(sources=tmp_path / "src", out=tmp_path / "out", plan=Plan()).unit(task, "train")
    write_sheet(tmp_path / "sheet.png", built_rows(tmp_path / "out" / task.name, "train", 1))
    sheet = Image.open(tmp_path / "sheet.png").convert("L")
    images = sheet.crop((8, 35, sheet.width - 8, 31 + 220)).point(lambda gray: 255 * (gray < 252))
    left, top, right, bottom = images.getbbox() or (0, 0, 0, 0)
    assert right - left > 340
    assert bottom - top > 190
    assert abs(left + 8 - (sheet.width - 8 - right)) <= 2 * 4


def test_a_sheet_replaces_images_only(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"a,b")
    with pytest.raises(BuildError, match="no PNG or JPEG image; choose another --sheet"):
        write_sheet(path, [])
    assert path.read_bytes() == b"a,b"
    for start in (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"):
        path.write_bytes(start)
        write_sheet(path, [])
        assert path.read_bytes().startswith(b"\x89PNG")
