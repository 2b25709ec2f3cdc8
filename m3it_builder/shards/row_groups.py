"""Where a row group ends, and what an image is called in it.

Rows themselves decide, so that a row more or less changes one group and leaves
all others as they were, byte for byte (see
``docs/decisions/0011-row-groups-are-cut-by-content.md``).
"""

from __future__ import annotations

from zlib import crc32

from m3it_builder.shards.formats import EncodedImage, ShardRow

# Small enough to page through quickly, and to keep memory flat.
LEAST_BYTES = 4 << 20
MOST_BYTES = 16 << 20
_ENDS_ONE_IN = 32  # rows, once there are the least bytes
_OF_ANY_ROW = 100  # bytes: rows without content would make endless groups
_ADDRESSED = (1 << 31) - 1  # bytes that offsets of 32 bits reach


def row_size(row: ShardRow) -> int:
    """Return about how many bytes a row adds to its group."""
    images = sum([len(image.data) for image in row.images])
    return images + sum(map(len, row.texts.values())) + _OF_ANY_ROW


def fits(held: int, size: int) -> bool:
    """Say whether a row of ``size`` bytes may join a group that has ``held``.

    As base64, images take a third more.
    """
    return (held + size) * 4 <= _ADDRESSED * 3


def ends_group(key: str, size: int) -> bool:
    """Say whether a group of ``size`` bytes ends after the row with this key."""
    if size < LEAST_BYTES:
        return False
    return size >= MOST_BYTES or crc32(key.encode()) % _ENDS_ONE_IN == 0


def image_path(key: str, place: int, image: EncodedImage) -> str:
    """Return the name an image has in the ``path`` of its column."""
    return f"{key}.{place}.{_ENDINGS.get(image.mime) or image.mime.rpartition('/')[2]}"


_ENDINGS = {"image/jpeg": "jpg"}
