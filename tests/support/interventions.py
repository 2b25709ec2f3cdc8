"""Make a change at one moment of a build."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from m3it_builder.build.image_phase import ImagePhase
from m3it_builder.build.pack import pack


def between_phases(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Make a change after the text phase and before the image phase, once."""
    original = ImagePhase.pack
    changes = [change]

    def changed(self: ImagePhase, *arguments: Any) -> Any:
        while changes:
            changes.pop()()
        return original(self, *arguments)

    monkeypatch.setattr(ImagePhase, "pack", changed)


def between_shards(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Make a change after the second shard is packed."""
    packed = []

    def changing(job: Any, progress: Any) -> Any:
        record = pack(job, progress)
        packed.append(job)
        if len(packed) == 2:
            change()
        return record

    monkeypatch.setattr("m3it_builder.build.image_phase.pack", changing)


def after_packing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Make a change after all shards are packed, before the manifest is written."""
    original = ImagePhase.pack

    def changing(self: ImagePhase, *arguments: Any) -> Any:
        packed = original(self, *arguments)
        change()
        return packed

    monkeypatch.setattr(ImagePhase, "pack", changing)
