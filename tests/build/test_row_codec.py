"""The spool codec is lossless, and the text blob has everything that decides a row's bytes."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from m3it_builder.build.row_codec import decode, decode_record, encode, encode_record
from m3it_builder.records import File, Frames, Image, Instance, Record, Region, Slice, Turn
from tests.support.rows import instances, records


@given(records)
def test_records_round_trip(record: Record) -> None:
    assert decode_record(encode_record(record)) == record


@given(instances)
def test_instances_round_trip(instance: Instance) -> None:
    assert decode((instance.task, instance.split), *encode(instance)) == instance


@given(instances, st.text(max_size=5))
def test_the_location_of_an_image_is_not_part_of_the_row(instance: Instance, path: str) -> None:
    """Moving the sources does not change the text of a row, nor the key of its shard."""
    moved = tuple(
        replace(image, location=replace(image.location, path=path)) if image.location else image
        for image in instance.record.images
    )
    other = replace(instance, record=replace(instance.record, images=moved))
    assert encode(other)[0] == encode(instance)[0]


def test_text_changes_with_the_image(tmp_path: Path) -> None:
    """Everything that distinguishes versions of an image distinguishes the rows that have it."""
    archive = tmp_path / "a.tar"
    archive.write_bytes(b"x")

    def text(image: Image) -> bytes:
        record = Record(id="1", turns=(Turn("q", "a"),), images=(image,))
        row = Instance(task="t", split="train", lang="en", instruction="i", license="l",
                       image_license="l", record=record)  # fmt: skip
        return encode(row)[0]

    variants = [
        Image("a", location=File("p", 1, 1, 1)),
        Image("a", location=File("p", 2, 1, 1)),
        Image("a", location=File("p", 1, 2, 1)),
        Image("a", location=Slice("p", 0, 1, 1, "stored", 7)),
        Image("a", location=Slice("p", 0, 1, 1, "stored", 8)),
        Image("a", location=Slice(str(archive), 0, 1, 1, "tar", None)),
        Image("a", location=Slice(str(archive), 1, 1, 1, "tar", None)),
        Image("a", (1, 1), location=File("p", 1, 1, 1)),
        Image("a", location=File("p", 1, 1, 1), selection=Frames(8)),
        Image("a", location=File("p", 1, 1, 1), selection=Frames(8, "inner")),
    ]
    texts = {text(image) for image in variants}
    assert len(texts) == len(variants)
    archive.write_bytes(b"longer")
    assert text(variants[5]) not in texts, (
        "a tar without checksums is identified by its size and mtime"
    )


def test_integer_coordinates_stay_integers() -> None:
    record = Record(id="1", turns=(), regions=(Region((1, 2.5, 3, 4)),))
    box = decode_record(encode_record(record)).regions[0].box
    assert [type(edge) for edge in box] == [int, float, int, int]
