"""A strict reader of the Thrift structs in a Parquet file, checked against ``parquet.thrift``.

Independent of the package: the declarations are loaded by ``thriftpy2``, and every struct is
decoded twice, by the strict reader below and by ``thriftpy2`` itself, which skips what it does
not know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import thriftpy2
from thriftpy2.protocol.compact import TCompactProtocol
from thriftpy2.thrift import TType
from thriftpy2.transport import TMemoryBuffer

IDL: Any = thriftpy2.load(
    str(Path(__file__).with_name("parquet.thrift")), module_name="m3it_parquet_thrift"
)
MAGIC = b"PAR1"

_UNIONS = tuple(IDL.__thrift_meta__["unions"])
# Type codes of the compact protocol; a boolean field is its own value.
_WIRE_TYPES = {
    TType.BOOL: (1, 2),
    TType.I32: (5,),
    TType.I64: (6,),
    TType.STRING: (8,),
    TType.BINARY: (8,),
    TType.LIST: (9,),
    TType.STRUCT: (12,),
}
_BITS = {TType.I32: 32, TType.I64: 64}


class ConformanceError(AssertionError):
    """A struct that does not follow its declaration."""


def read_struct(data: bytes, offset: int, name: str) -> tuple[Any, int]:
    """Return the struct of this declared name at an offset, and the offset behind it.

    Raises:
        ConformanceError: it has an undeclared field, another type than declared, lacks a
            required field, or has a value outside its type or enum.
    """
    declaration = getattr(IDL, name)
    reader = _StrictReader(data, offset)
    value = reader.struct(declaration)
    lenient = declaration()
    TCompactProtocol(TMemoryBuffer(data[offset : reader.offset])).read_struct(lenient)
    if lenient != value:
        raise ConformanceError(f"{name} at {offset}: thriftpy2 reads {lenient}, not {value}")
    return value, reader.offset


def read_footer(data: bytes) -> Any:
    """Return the ``FileMetaData`` of a Parquet file."""
    assert data[:4] == data[-4:] == MAGIC
    length = int.from_bytes(data[-8:-4], "little")
    footer, end = read_struct(data, len(data) - 8 - length, "FileMetaData")
    assert end == len(data) - 8
    return footer


class _StrictReader:
    def __init__(self, data: bytes, offset: int) -> None:
        self.data = data
        self.offset = offset

    def struct(self, declaration: Any) -> Any:
        start = self.offset
        value = declaration()
        names = []
        previous_id = 0
        while header := self._byte():
            field_id = previous_id + (header >> 4) if header >> 4 else self._integer(16)
            if field_id <= previous_id:
                raise ConformanceError(f"{declaration.__name__} at {start}: field {field_id} twice")
            if field_id not in declaration.thrift_spec:
                raise ConformanceError(f"{declaration.__name__} at {start}: undeclared {field_id}")
            ttype, name, *rest = declaration.thrift_spec[field_id]
            inner = rest[0] if len(rest) == 2 else None
            where = f"{declaration.__name__}.{name} at {start}"
            setattr(value, name, self._field(header & 15, ttype, inner, where))
            names.append(name)
            previous_id = field_id
        self._check_presence(declaration, names, start)
        return value

    @staticmethod
    def _check_presence(declaration: Any, names: list[str], start: int) -> None:
        required = {spec[1] for spec in declaration.thrift_spec.values() if spec[-1]}
        if missing := required - set(names):
            raise ConformanceError(f"{declaration.__name__} at {start}: no {sorted(missing)}")
        if declaration in _UNIONS and len(names) != 1:
            raise ConformanceError(f"{declaration.__name__} at {start}: a union of {names}")

    def _field(self, wire_type: int, ttype: int, inner: Any, where: str) -> Any:
        if wire_type not in _WIRE_TYPES[ttype]:
            raise ConformanceError(f"{where}: type code {wire_type}")
        if ttype == TType.BOOL:
            return wire_type == 1
        return self._value(ttype, inner, where)

    def _value(self, ttype: int, inner: Any, where: str) -> Any:
        if ttype == TType.STRUCT:
            return self.struct(inner)
        if ttype == TType.LIST:
            return self._list(inner, where)
        if ttype in _BITS:
            number = self._integer(_BITS[ttype])
            if inner is not None and number not in inner._VALUES_TO_NAMES:
                raise ConformanceError(f"{where}: {number} is not a {inner.__name__}")
            return number
        if ttype == TType.BOOL:  # only in lists
            byte = self._byte()
            if byte not in (1, 2):
                raise ConformanceError(f"{where}: boolean {byte}")
            return byte == 1
        length = self._varint()
        self.offset += length
        if self.offset > len(self.data):
            raise ConformanceError(f"{where}: ends behind the file")
        data = self.data[self.offset - length : self.offset]
        return data.decode() if ttype == TType.STRING else data

    def _list(self, element: Any, where: str) -> list[Any]:
        ttype, inner = element if isinstance(element, tuple) else (element, None)
        header = self._byte()
        size, wire_type = header >> 4, header & 15
        if size == 15:
            size = self._varint()
        if wire_type not in _WIRE_TYPES[ttype]:
            raise ConformanceError(f"{where}: elements of type code {wire_type}")
        return [self._value(ttype, inner, where) for _ in range(size)]

    def _integer(self, bits: int) -> int:
        number = self._varint()
        number = (number >> 1) ^ -(number & 1)
        if not -(1 << bits - 1) <= number < 1 << bits - 1:
            raise ConformanceError(f"{number} at {self.offset} is no i{bits}")
        return number

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if byte == 0 and shift > 7:
                    raise ConformanceError(f"varint before {self.offset} is longer than needed")
                return number

    def _byte(self) -> int:
        if self.offset >= len(self.data):
            raise ConformanceError("ends behind the file")
        self.offset += 1
        return self.data[self.offset - 1]
