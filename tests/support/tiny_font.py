"""A TrueType font of a few characters, all filled squares: tests need no font of the system."""

from __future__ import annotations

import struct

_EM = 1000


def tiny_font(characters: str) -> bytes:
    """Return a font file that has these characters; what it lacks is drawn as nothing."""
    codes = sorted(map(ord, characters))
    square = _square()
    glyphs = 1 + len(codes)
    places = [0, *(len(square) * n for n in range(glyphs))]
    tables = {
        b"cmap": _cmap(codes),
        b"glyf": square * len(codes),
        b"head": struct.pack(">LLLLHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 3, _EM, 0, 0,
                             0, 0, _EM, _EM, 0, 8, 2, 1, 0),
        b"hhea": struct.pack(">LhhhHhhhhhhhhhhhH", 0x10000, _EM, 0, 0, _EM, 0, 0, _EM, 1, 0, 0,
                             0, 0, 0, 0, 0, glyphs),
        b"hmtx": struct.pack(">Hh", _EM, 0) * glyphs,
        b"loca": struct.pack(f">{len(places)}L", *places),
        b"maxp": struct.pack(">LH13H", 0x10000, glyphs, 4, 1, *[0] * 11),
    }  # fmt: skip
    head = struct.pack(">LHHHH", 0x10000, len(tables), 64, 2, 48)
    at = len(head) + 16 * len(tables)
    body = b""
    for tag, data in tables.items():
        head += struct.pack(">4sLLL", tag, 0, at + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    return head + body


def _square() -> bytes:
    """Return the outline of a square from 100 to 800, points as full coordinates."""
    header = struct.pack(">hhhhh", 1, 100, 100, 800, 800)
    across, up = (100, 700, 0, -700), (100, 0, 700, 0)
    data = header + struct.pack(">HH4B4h4h", 3, 0, 1, 1, 1, 1, *across, *up)
    return data + b"\0" * (-len(data) % 4)


def _cmap(codes: list[int]) -> bytes:
    """Return a table of format 12: one group a character."""
    groups = b"".join(struct.pack(">LLL", code, code, n) for n, code in enumerate(codes, 1))
    table = struct.pack(">HHLLL", 12, 0, 16 + len(groups), 0, len(codes)) + groups
    return struct.pack(">HHHHL", 0, 1, 3, 10, 12) + table
