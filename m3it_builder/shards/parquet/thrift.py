"""Thrift's compact protocol, as far as the headers and the footer of a Parquet file need it.

A value is a pair (type code, bytes), so that what is made can be put into a struct
or a list without being looked at again. Structs that are made often have a template,
which formats bytes instead of walking over fields. Writing only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Value = tuple[int, bytes]

TRUE, FALSE, I32, I64, BINARY, LIST, STRUCT = 1, 2, 5, 6, 8, 9, 12
_SHORT = 15  # lists of fewer items say how many in their first byte
_BYTES = [bytes((number,)) for number in range(256)]


def varint(number: int) -> bytes:
    """Return a number of at least 0, seven bits a byte, the lowest first."""
    if number < 0x80:
        return _BYTES[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    if number < 0x10000000:  # unrolled: places in a file are told by the thousand
        low, high = number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80
        if number < 0x200000:
            return bytes((low, high, number >> 14))
        return bytes((low, high, number >> 14 & 0x7F | 0x80, number >> 21))
    return bytes((number & 0x7F | 0x80,)) + varint(number >> 7)


def integer(number: int) -> bytes:
    """Return an integer from 0, of 32 or 64 bits; it is for the caller to see that it fits."""
    return varint(number << 1)


def i32(number: int) -> Value:
    """Return an integer of 32 bits, from 0."""
    return I32, integer(number)


def i64(number: int) -> Value:
    """Return an integer of 64 bits, from 0."""
    return I64, integer(number)


def boolean(is_true: bool) -> Value:
    """Return a truth value, to be a field of a struct."""
    return (TRUE if is_true else FALSE), b""


def sized(data: bytes) -> bytes:
    """Return bytes behind their length, as they stand in a struct or a list."""
    return varint(len(data)) + data


def text(words: str) -> Value:
    """Return a string."""
    return BINARY, sized(words.encode())


def many(kind: int, items: Sequence[bytes]) -> bytes:
    """Return a list of items of one type; a truth value in it is its type code, as a byte."""
    count = len(items)
    head = bytes((count << 4 | kind,)) if count < _SHORT else bytes((0xF0 | kind,)) + varint(count)
    return head + b"".join(items)


def struct(fields: Mapping[int, Value]) -> bytes:
    """Return a struct of fields by their ids, which ascend in steps of at most 15."""
    return template(dict(fields))()


def template(fields: Mapping[int, Value | int]) -> Callable[..., bytes]:
    """Return a function that makes structs that are alike.

    Args:
        fields: by their ids, which ascend in steps of at most 15. A field that is
            a type code alone is left open: the function takes its bytes.
    """
    made = b""
    last = 0
    for number, field in fields.items():
        kind, data = (field, b"%b") if isinstance(field, int) else (field[0], _fixed(field[1]))
        made += _fixed(_BYTES[number - last << 4 | kind]) + data
        last = number
    made += b"\0"
    return lambda *values: made % values


def _fixed(data: bytes) -> bytes:
    return data.replace(b"%", b"%%")
