"""Where row groups end, and how images are named inside them.

Boundaries depend on the keys of rows, so that inserting or removing a row changes one row
group and leaves the bytes of all others as they were (see
``docs/decisions/0011-row-groups-are-cut-by-content.md``).
"""

from __future__ import annotations

from zlib import crc32

from m3it_builder.shards.formats import EncodedImage, ShardRow

# Small enough for the Hub's viewer to page through quickly, and to keep memory flat.
MIN_BYTES = 4 << 20
MAX_BYTES = 16 << 20
_BOUNDARY_ONE_IN = 32  # rows, once a group has the minimum size
_ROW_OVERHEAD = 100  # bytes: without it, rows with no content would never end a group
_MAX_OFFSET = (1 << 31) - 1  # of Arrow's 32-bit offsets


def row_size(row: ShardRow) -> int:
    """Return approximately how many bytes a row adds to its row group."""
    images = sum([len(image.data) for image in row.images])
    return images + sum(map(len, row.texts.values())) + _ROW_OVERHEAD


def fits(group_size: int, size: int) -> bool:
    """Return True if a row of ``size`` bytes can join a row group of ``group_size`` bytes."""
    return (group_size + size) * 4 <= _MAX_OFFSET * 3  # base64 is 4/3 the size of an image


def ends_group(key: str, group_size: int) -> bool:
    """Return True if a row group of this size ends after the row with this key."""
    if group_size < MIN_BYTES:
        return False
    return group_size >= MAX_BYTES or crc32(key.encode()) % _BOUNDARY_ONE_IN == 0


def image_path(key: str, position: int, image: EncodedImage) -> str:
    """Return the ``path`` of an image in the image column."""
    return f"{key}.{position}.{_SUFFIXES.get(image.mime) or image.mime.rpartition('/')[2]}"


_SUFFIXES = {"image/jpeg": "jpg"}
