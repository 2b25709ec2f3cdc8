"""Encoder of Thrift's compact protocol, limited to what Parquet headers and footers contain.

A value is a pair (type code, encoded bytes), so that an encoded struct is put into another
struct or list as it is. Structs that are written often have a template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Value = tuple[int, bytes]

# Type codes of the compact protocol. A boolean field has no bytes: its type code is its value.
TRUE, FALSE, I32, I64, BINARY, LIST, STRUCT = 1, 2, 5, 6, 8, 9, 12
_LONG_LIST = 15  # a list of at least this size has its size behind the header byte
_BYTES = [bytes((number,)) for number in range(256)]


def varint(number: int) -> bytes:
    """Return a non-negative number as ULEB128: seven bits a byte, lowest first."""
    if number < 0x80:
        return _BYTES[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    # Unrolled up to four bytes: a footer holds thousands of offsets, and most end here.
    if number < 0x10000000:
        low, high = number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80
        if number < 0x200000:
            return bytes((low, high, number >> 14))
        return bytes((low, high, number >> 14 & 0x7F | 0x80, number >> 21))
    return bytes((number & 0x7F | 0x80,)) + varint(number >> 7)


def integer(number: int) -> bytes:
    """Return a non-negative i32 or i64; the caller ensures that it is in range."""
    return varint(number << 1)  # zigzag encoding of a number that has no sign


def i32(number: int) -> Value:
    """Return a non-negative i32 field."""
    return I32, integer(number)


def i64(number: int) -> Value:
    """Return a non-negative i64 field."""
    return I64, integer(number)


def boolean(value: bool) -> Value:
    """Return a boolean field of a struct."""
    return (TRUE if value else FALSE), b""


def binary(data: bytes) -> bytes:
    """Return bytes with their length before them, as an element of a struct or list."""
    return varint(len(data)) + data


def string(text: str) -> Value:
    """Return a string field."""
    return BINARY, binary(text.encode())


def elements(type_code: int, items: Sequence[bytes]) -> bytes:
    """Return a list of encoded elements of one type; a boolean element is its type code."""
    size = len(items)
    if size < _LONG_LIST:
        header = _BYTES[size << 4 | type_code]
    else:
        header = _BYTES[_LONG_LIST << 4 | type_code] + varint(size)
    return header + b"".join(items)


def list_of(type_code: int, items: Sequence[bytes]) -> Value:
    """Return a list field."""
    return LIST, elements(type_code, items)


def struct(fields: Mapping[int, Value]) -> bytes:
    """Return a struct of fields by id; ids ascend in steps of at most 15."""
    return template(dict(fields))()


def template(fields: Mapping[int, Value | int]) -> Callable[..., bytes]:
    """Return a function that encodes structs with the same fields.

    Args:
        fields: by id; ids ascend in steps of at most 15. A field given as a type code
            alone is a parameter of the function, which takes its encoded bytes.
    """
    # A page header or page location is written forevery page. Its field headers depend on
    # nothing but the ids and types, so they are encoded once, here, and a struct costs one
    # bytes formatting ("%b" is replaced by an argument) instead of a loop over its fields.
    encoded = b""
    previous_id = 0
    for field_id, field in fields.items():
        type_code, data = (field, b"%b") if isinstance(field, int) else (field[0], _quote(field[1]))
        encoded += _quote(_BYTES[field_id - previous_id << 4 | type_code]) + data
        previous_id = field_id
    encoded += b"\0"  # stop field
    return lambda *values: encoded % values


def _quote(data: bytes) -> bytes:
    """Return bytes that formatting leaves as they are."""
    return data.replace(b"%", b"%%")
