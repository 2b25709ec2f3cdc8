"""Packing: images that cannot be used become rejects, each with its reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder.build.plan import PipelineFile
from m3it_builder.errors import EmptyUnitError
from tests.support.building import PLAN, build, images_of


def test_unusable_images_become_rejects(sources: Path, tmp_path: Path) -> None:
    images = images_of(sources)
    images[0].write_bytes(b"")
    images[1].write_bytes(images[1].read_bytes()[:900])
    images[2].write_bytes(b"<!doctype html><title>quota</title>")
    images[3].unlink()
    images[4].write_bytes(bytes(2_000_000))
    images[5].rename(images[5].with_suffix(".png"))  # found, and its type known by its content
    file = PipelineFile.model_validate({"max_image_mb": 1.0})
    plan = replace(PLAN, file=file, max_reject_share=0.2)
    report = build(sources, tmp_path / "out", plan)
    assert report.rejects == {
        "image_missing": 1,
        "image_empty": 1,
        "image_truncated": 1,
        "image_unknown": 1,
        "image_oversized": 1,
    }
    assert report.rows == 115


def test_an_image_deleted_between_the_phases_is_a_reject(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out", plan_only=True)
    images_of(sources)[0].unlink()
    assert build(sources, tmp_path / "out").rejects == {"image_missing": 1}


def test_bounds_of_images(sources: Path, tmp_path: Path) -> None:
    """Sample images have 160 x 120 pixels."""
    for limits, reason in (
        ({"min_image_side": 121}, "image_too_small"),
        ({"max_image_aspect": 1.3}, "image_aspect"),
    ):
        file = PipelineFile.model_validate(limits)
        plan = replace(PLAN, file=file, max_reject_share=1.0)
        with pytest.raises(EmptyUnitError, match=f"{reason} 120"):
            build(sources, tmp_path / reason, plan)
    file = PipelineFile.model_validate({"min_image_side": 120, "max_image_aspect": 4 / 3})
    assert build(sources, tmp_path / "out", replace(PLAN, file=file)).rejects == {}
