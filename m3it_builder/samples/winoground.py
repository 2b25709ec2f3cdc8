"""Winoground's layout: two shapes with their colors, and the same shapes with colors swapped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_jsonl
from m3it_builder.samples.world import Scene, World, encode, paint

_FIRST = 23_000_000


def write(world: World, sources: Path, count: int) -> None:
    """Write at least ``count`` examples; there is no split but test."""
    rows: list[JsonObject] = []
    index = 0
    while len(rows) < count:
        rows += example(world, sources, len(rows), _FIRST + index)
        index += 1
    write_rows(sources, rows)


def example(world: World, sources: Path, number: int, scene_number: int) -> list[JsonObject]:
    """Write two images and return their row; nothing if no colors of the scene can be swapped."""
    pair = _swapped(world.scene(scene_number))
    if pair is None:
        return []
    row: JsonObject = {"id": number}
    # The order of the two is random.
    scenes = pair if world.rng(f"winoground/{scene_number}").random() < 0.5 else pair[::-1]
    for n, scene in enumerate(scenes):
        stem = f"ex_{number}_img_{n}"
        write_bytes(
            sources / "winoground-images/images" / f"{stem}.png", encode(paint(scene), "png")
        )
        row |= {f"image_{n}": stem, f"caption_{n}": _caption(scene)}
    return [
        row
        | {
            "tag": "Adjective-Color",
            "secondary_tag": "",
            "num_main_preds": 1,
            "collapsed_tag": "Object",
        }
    ]


def write_rows(sources: Path, rows: Iterable[JsonObject]) -> None:
    """Write the file of examples."""
    write_jsonl(sources / "winoground-annotations" / "examples.jsonl", rows)


def _swapped(scene: Scene) -> tuple[Scene, Scene] | None:
    """Return a scene of two shapes, and the one with their colors swapped."""
    one, *others = scene.things
    for other in others:
        if one.shape != other.shape and one.color != other.color:
            colors = (replace(one, color=other.color), replace(other, color=one.color))
            return replace(scene, things=(one, other)), replace(scene, things=colors)
    return None


def _caption(scene: Scene) -> str:
    one, other = sorted(scene.things, key=lambda thing: thing.shape)
    return f"the {one.name} and the {other.name}"
