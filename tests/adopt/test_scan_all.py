"""Scans of many files."""

from __future__ import annotations

from pathlib import Path


def test_images_shared_by_languages_are_scanned_once(adopted_80: Path) -> None:
    scans = adopted_80 / ".m3it" / "adopt" / "scans"
    assert len(list(scans.glob("*.rows"))) == 8 + 2 + 2  # okvqa texts and images, winoground
