"""WebDataset shards: tar files with the same bytes on every machine.

The members of a row are consecutive: ``KEY.json``, ``KEY.0.jpg`` … ``KEY.k.jpg``.
Image members always end in ``.jpg``, whatever the codec, because loaders make one
column per extension; the true MIME types are in the JSON. Rows whose images are stored
in another build have the JSON member only.
Format: POSIX ustar, with zero times and owners.
"""

from __future__ import annotations

import msgspec

from m3it_builder.shards.formats import ImageEncoding, RowRanges, ShardRow
from m3it_builder.shards.jsonl import json_with_ids, json_with_images
from m3it_builder.storage.output import Output

_BLOCK = 512
_END_OF_ARCHIVE = bytes(2 * _BLOCK)
_PADDING = [bytes(-n % _BLOCK) for n in range(_BLOCK)]


def _template() -> bytes:
    header = bytearray(_BLOCK)
    header[100:108] = b"0000644\0"
    header[108:116] = b"0000000\0"  # owner
    header[116:124] = b"0000000\0"  # group
    header[136:148] = b"00000000000\0"  # time
    header[148:156] = b" " * 8  # the checksum field counts as blanks in the checksum
    header[156:157] = b"0"
    header[257:265] = b"ustar\x0000"
    return bytes(header)


# All headers share this block but for name, size and checksum. Its sum is added to that of
# the two fields, so that a checksum takes some 110 additions in place of 512.
_HEADER = _template()
_HEADER_SUM = sum(_HEADER)


def tar_header(name: bytes, size: int) -> bytes:
    """Return the header block of a regular file; ``name`` has at most 100 bytes."""
    length = b"%011o\0" % size
    total = _HEADER_SUM + sum(name) + sum(length)
    return b"".join(
        (
            name.ljust(100, b"\0"),
            _HEADER[100:124],
            length,
            _HEADER[136:148],
            b"%06o\0 " % total,
            _HEADER[156:],
        )
    )


class WebDatasetWriter:
    """Writes one tar file."""

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        self._output = output
        self._encoding = encoding
        self.ranges = RowRanges()

    def write(self, row: ShardRow) -> None:
        """Append the members of one row."""
        key = row.key.encode()
        pieces: list[bytes] = []
        if self._encoding != "bytes":
            encode = json_with_ids if self._encoding == "shared" else json_with_images
            _add(pieces, key + b".json", b"".join(encode(row)))
        else:
            mimes = [image.mime for image in row.images]
            _add(pieces, key + b".json", msgspec.json.encode({**row.texts, "mimes": mimes}))
            for position, image in enumerate(row.images):
                _add(pieces, b"%b.%d.jpg" % (key, position), image.data)
        start = self._output.size
        self.ranges.append(start, self._output.write_all(pieces))

    def close(self) -> None:
        """Write the end of the archive."""
        self._output.write(_END_OF_ARCHIVE)


def _add(pieces: list[bytes], name: bytes, data: bytes) -> None:
    pieces += (tar_header(name, len(data)), data, _PADDING[len(data) % _BLOCK])
