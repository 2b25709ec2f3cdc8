"""Every distinct image is hashed once; those that cannot be are reported."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from m3it_builder.tasks.registry import Task
from tests.support.duplicates import (
    Row,
    build_tasks,
    compare,
    drop_reasons,
    encode,
    make_task,
    scene,
)


def test_flat_images_are_compared_by_digest_only(tmp_path: Path) -> None:
    blank = Image.new("RGB", (64, 48), (240, 240, 240))
    train = [Row(f"t{n}", (encode(blank, quality=60 + n),)) for n in range(5)]
    test = [Row("e", (encode(blank, quality=60),))]
    build = build_tasks(tmp_path, [make_task(tmp_path / "src", "flat", train=train, test=test)])
    report = compare(tmp_path, build)
    assert report["images"]["flat"] == report["images"]["distinct"] > 1
    assert set(drop_reasons(tmp_path).values()) <= {"exact_image"}
    assert ("flat", "train", "t0") in drop_reasons(tmp_path)


def test_unreadable_images_are_reported(tmp_path: Path, planted_tasks: list[Task]) -> None:
    build = build_tasks(tmp_path, planted_tasks)
    (shard,) = (build / "one" / "webdataset").glob("*.tar")
    data = bytearray(shard.read_bytes())
    offset = data.index(encode(scene(7)))
    data[offset + 300] ^= 0xFF
    shard.write_bytes(data)
    (other,) = (build / "two" / "webdataset").glob("*.tar")
    other.write_bytes(other.read_bytes()[:600])  # truncated
    report = compare(tmp_path, build)
    listed = report["images"]["unreadable_listed"]
    reasons = {(image["unit"], image["id"]): image["reason"] for image in listed}
    assert "the shard is corrupt" in reasons["one/train", "a7"]
    assert "the shard cannot be read" in reasons["two/validation", "v4"]
    assert report["images"]["unreadable"] == len(listed) == 5
    assert "the shard is corrupt" in (tmp_path / "report" / "report.html").read_text()
