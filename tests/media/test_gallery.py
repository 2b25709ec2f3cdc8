"""The gallery of drawn regions is what builds draw, and every box frames its star."""

from __future__ import annotations

import importlib.util
import re
import sys
from types import ModuleType

import pytest
from PIL import Image, ImageChops, ImageStat

from m3it_builder.formats.regions import COLORS
from m3it_builder.media.images import COLORS as PAINTS
from tests.support.paths import ROOT


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gallery"] = module
    spec.loader.exec_module(module)
    return module


CASES = {case.name: case for case in load().cases()}
PAGE = (ROOT / "docs" / "drawing.md").read_text()


@pytest.mark.parametrize("name", CASES)
def test_gallery_is_what_builds_draw(name: str) -> None:
    drawn = CASES[name].drawn()
    kept = Image.open(ROOT / "docs" / "drawing" / f"{name}.png").convert("RGB")
    assert drawn.size == kept.size
    assert max(ImageStat.Stat(ImageChops.difference(drawn, kept)).mean) < 0.5
    assert f"| {name} | {CASES[name].shows} | ![{name}](drawing/{name}.png) |" in PAGE


@pytest.mark.parametrize("name", sorted(set(CASES) - {"colors", "tiny", "overlapping"}))
def test_every_box_frames_its_star(name: str) -> None:
    """The first star fills the red rectangle, whatever the frame, the mode and the scale."""
    drawn = CASES[name].drawn()
    paint = Image.new("RGB", drawn.size, PAINTS["red"])
    apart = ImageChops.difference(drawn, paint).split()
    furthest = ImageChops.lighter(ImageChops.lighter(*apart[:2]), apart[2])
    box = furthest.point(lambda level: 255 if level < 40 else 0).getbbox()
    assert box is not None
    box = box[0] + 2, box[1] + 2, box[2] - 2, box[3] - 2
    inside = drawn.crop(box).convert("L")
    dark = inside.point(lambda level: 255 if level < 225 else 0).getbbox()
    assert dark is not None
    assert dark[2] - dark[0] > 0.85 * inside.width
    assert dark[3] - dark[1] > 0.75 * inside.height


def test_colors_are_documented_in_their_order() -> None:
    listed = re.findall(r"^\| (\d+) \| (\w+) \| (\d+), (\d+), (\d+) \|$", PAGE, re.MULTILINE)
    assert [name for _, name, *_ in listed] == list(COLORS)
    assert {name: tuple(map(int, rgb)) for _, name, *rgb in listed} == PAINTS
    assert [int(number) for number, *_ in listed] == list(range(1, len(COLORS) + 1))


def test_no_image_is_left_over() -> None:
    kept = {path.stem for path in (ROOT / "docs" / "drawing").glob("*.png")}
    assert kept == set(CASES)
