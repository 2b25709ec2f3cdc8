"""A TrueType font of a few characters, all filled squares: tests need no system fonts."""

from __future__ import annotations

import struct

_EM = 1000  # font units per em


def tiny_font(characters: str) -> bytes:
    """Return a font file with a glyph for each character; its .notdef glyph is empty."""
    codes = sorted(map(ord, characters))
    square = _square()
    glyph_count = 1 + len(codes)
    offsets = [0, *(len(square) * n for n in range(glyph_count))]
    tables = {
        b"cmap": _cmap(codes),
        b"glyf": square * len(codes),
        b"head": struct.pack(">LLLLHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 3, _EM, 0, 0,
                             0, 0, _EM, _EM, 0, 8, 2, 1, 0),
        b"hhea": struct.pack(">LhhhHhhhhhhhhhhhH", 0x10000, _EM, 0, 0, _EM, 0, 0, _EM, 1, 0, 0,
                             0, 0, 0, 0, 0, glyph_count),
        b"hmtx": struct.pack(">Hh", _EM, 0) * glyph_count,
        b"loca": struct.pack(f">{len(offsets)}L", *offsets),
        b"maxp": struct.pack(">LH13H", 0x10000, glyph_count, 4, 1, *[0] * 11),
    }  # fmt: skip
    directory = struct.pack(">LHHHH", 0x10000, len(tables), 64, 2, 48)
    start = len(directory) + 16 * len(tables)
    body = b""
    for tag, data in tables.items():
        directory += struct.pack(">4sLLL", tag, 0, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    return directory + body


def _square() -> bytes:
    """Return the glyph of a square from 100 to 800 font units."""
    header = struct.pack(">hhhhh", 1, 100, 100, 800, 800)
    across, up = (100, 700, 0, -700), (100, 0, 700, 0)
    data = header + struct.pack(">HH4B4h4h", 3, 0, 1, 1, 1, 1, *across, *up)
    return data + b"\0" * (-len(data) % 4)


def _cmap(codes: list[int]) -> bytes:
    """Return a cmap subtable of format 12, with one group per character."""
    groups = b"".join(struct.pack(">LLL", code, code, n) for n, code in enumerate(codes, 1))
    table = struct.pack(">HHLLL", 12, 0, 16 + len(groups), 0, len(codes)) + groups
    return struct.pack(">HHHHL", 0, 1, 3, 10, 12) + table
