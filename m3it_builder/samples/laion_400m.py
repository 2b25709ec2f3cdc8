"""The output of img2dataset: a tar with JSON files for each list of captioned images."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import World, encode, paint

_FIRST = {
    "laion-400m": 50_000_000,
    "cc3m-train": 51_000_000,
    "cc3m-validation": 52_000_000,
    "cc12m": 53_000_000,
    "sbu": 54_000_000,
}
Files = dict[str, bytes]  # contents by suffix


def write(world: World, sources: Path, count: int) -> None:
    """Write a shard of ``count`` images for each list."""
    for source_id, first in _FIRST.items():
        is_laion = source_id == "laion-400m"
        files = {f"{n:09d}": download(world, first + n, f"{n:09d}", is_laion) for n in range(count)}
        write_tar(sources / source_id / "00000.tar", files.items())
        write_stats(sources / source_id, "00000", count)


def download(world: World, number: int, key: str, is_laion: bool = True) -> Files:
    """Return the files of one image of a shard."""
    scene = world.scene(number)
    image = encode(paint(scene))
    caption = scene.captions()[1 + number % 4]
    fields: JsonObject = {
        "caption": caption,
        "url": f"https://example.org/{number}.jpg",
        "key": key,
        "status": "success",
        "error_message": None,
        "width": scene.width,
        "height": scene.height,
        "original_width": scene.width * 2,
        "original_height": scene.height * 2,
        "exif": "{}",
        "sha256": hashlib.sha256(image).hexdigest(),
    }
    if is_laion:
        similarity = round(0.3 + number % 97 / 1000, 4)
        fields |= {"NSFW": "UNLIKELY", "similarity": similarity, "LICENSE": "?"}
    return {"jpg": image, "json": metadata(fields), "txt": caption.encode()}


def metadata(fields: JsonObject) -> bytes:
    """Return the content of a JSON file, indented as by the tool."""
    return json.dumps(fields, indent=4).encode()


def write_tar(path: Path, groups: Iterable[tuple[str, Files]]) -> None:
    """Write a shard as a tar, its members in the given order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for key, files in groups:
            for suffix, data in files.items():
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size, member.mode = len(data), 0o444
                tar.addfile(member, io.BytesIO(data))
    write_bytes(path, buffer.getvalue())


def write_stats(folder: Path, shard: str, count: int) -> None:
    """Write the statistics of a shard, which the tool does last."""
    stats = {"count": count, "successes": count, "failed_to_download": 0, "failed_to_resize": 0}
    write_bytes(folder / f"{shard}_stats.json", metadata(stats))
