"""VIST's layout: stories of five images with one sentence each."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_json, write_scene
from m3it_builder.samples.world import Scene, World, describe_count, describe_position, with_article

_FIRST = {"train": 9_000_000, "val": 10_000_000, "test": 11_000_000}
_OPENINGS = ("First there was", "Then came", "After that we saw", "Next stood", "At last there was")


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` stories per split."""
    for file_split in _FIRST:
        stories = [story(world, sources, file_split, index) for index in range(count)]
        write_stories(sources, file_split, stories)


def story(world: World, sources: Path, file_split: str, index: int) -> list[JsonObject]:
    """Write five images and return the entries of their story, in order."""
    entries = []
    for order, opening in enumerate(_OPENINGS):
        number = _FIRST[file_split] + index * 5 + order
        write_scene(
            sources / "vist-images" / "images" / file_split / f"{number}.jpg", world, number
        )
        text = _sentence(opening, world.scene(number))
        entries.append(
            {
                "original_text": text,
                "album_id": str(index),
                "photo_flickr_id": str(number),
                "setting": "first-2-pick-and-tell",
                "worker_id": "SAMPLE",
                "story_id": str(_FIRST[file_split] + index),
                "tier": "story-in-sequence",
                "worker_arranged_photo_order": order,
                "text": text.lower().replace(".", " ."),
                "storylet_id": str(number),
            }
        )
    return entries


def write_stories(sources: Path, file_split: str, stories: list[list[JsonObject]]) -> None:
    """Write the official file of one split; annotations are one-element lists."""
    entries = [entry for story in stories for entry in story]
    albums = {entry["album_id"] for entry in entries}
    value = {
        "info": {},
        "type": "story-in-sequence",
        "images": [{"id": e["photo_flickr_id"], "album_id": e["album_id"]} for e in entries],
        "albums": [{"id": album, "title": f"Album {album}"} for album in sorted(albums)],
        "annotations": [[entry] for entry in entries],
    }
    path = sources / "vist-annotations-sis" / "sis" / f"{file_split}.story-in-sequence.json"
    write_json(path, value)


def _sentence(opening: str, scene: Scene) -> str:
    first = scene.things[0]
    return (
        f"{opening} {with_article(first.name)} {describe_position(first)}, "
        f"{describe_count(len(scene.things), 'shape')} in all."
    )
