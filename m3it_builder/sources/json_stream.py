"""A large JSON file as a stream: one array or object of it, value by value.

Values are parsed by the ``json`` module, out of a buffer that is refilled as needed. So
integers keep all their digits, NaN and lone surrogates are what they are in ``Source.json``,
and memory is that of the largest value. See ``docs/decisions/0018-json-keeps-numbers.md``.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from m3it_builder.storage.json_values import parse_long_int

_CHUNK = 1 << 20  # bytes read at once, at least
_MAX_VALUE = 256 << 20  # characters of one value
_MAX_LITERAL = 16  # characters; an error this close to the end may be that of a cut literal
_SKIPPED_OBJECTS = 3  # nesting of objects whose members are skipped one by one
_whitespace = re.compile(r"[ \t\n\r]*").match
_comma = re.compile(r"[ \t\n\r]*,[ \t\n\r]*").match
# What a cut may leave of a number or of a literal.
_LITERALS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_EXPONENTS = (".", "e+", "e-", "E+", "E-")
_decode = json.JSONDecoder().raw_decode
# Slower; for integers of more digits than Python converts, which the other one refuses.
_decode_long = json.JSONDecoder(parse_int=parse_long_int).raw_decode
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class TruncatedJsonError(ValueError):
    """The file ends before the document does."""


class JsonStream:
    """Reads one JSON document from start to end.

    Raises:
        TruncatedJsonError: the file ends before the document does.
        ValueError: not JSON, not UTF-8, nested too deeply, or one value has more than
            256 Mi characters.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._passed = 0  # characters before the buffer
        self._ended = False

    def items(self, path: str) -> Iterator[Any]:
        """Yield the elements of the array at a path: keys joined by dots, or "".

        Raises:
            LookupError: there is no such array.
        """
        found = False
        for _ in self._document(path):
            if self._peek() == "[":
                found = True
                yield from self._array()
            else:
                self._skip()
        if not found:
            raise LookupError(f"has no array {path!r}")

    def entries(self, path: str, field: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the (key, value) pairs of the object at a path.

        With a field, also those of an array of objects: the key is the value of that field.

        Raises:
            LookupError: there is no such object, or an element of the array has no such field.
        """
        found = False
        for _ in self._document(path):
            if self._peek() == "{":
                found = True
                for key in self._members():
                    yield key, self._value()
            elif field and self._peek() == "[":
                found = True
                for value in self._array():
                    if not isinstance(value, dict) or field not in value:
                        raise LookupError(f"has an element without {field!r}")
                    yield str(value[field]), value
            else:
                self._skip()
        if not found:
            raise LookupError(f"has no object {path!r}")

    def keys(self, path: str) -> Iterator[str]:
        """Yield the keys of the object at a path; their values are skipped, not built.

        Raises:
            LookupError: there is no such object.
        """
        found = False
        for _ in self._document(path):
            if self._peek() == "{":
                found = True
                for key in self._members():
                    yield key
                    self._skip()
            else:
                self._skip()
        if not found:
            raise LookupError(f"has no object {path!r}")

    def first(self, path: str) -> Any:
        """Return the first value at a path; what follows it is not read.

        Raises:
            LookupError: there is no such value.
        """
        for _ in self._document(path):
            return self._value()
        raise LookupError(f"has no value {path!r}")

    def check(self) -> None:
        """Parse the whole document and drop it; raises what is wrong with it."""
        for _ in self._document(""):
            self._skip()

    def _document(self, path: str) -> Iterator[None]:
        """Stop before each value at a path, for the caller to consume; then require the end."""
        yield from self._at_keys(path.split(".") if path else [])
        if self._peek():
            raise self._error("text after the end of the document")

    def _at_keys(self, keys: list[str]) -> Iterator[None]:
        if not keys:
            yield
        elif self._peek() == "{":
            for key in self._members():
                if key == keys[0]:
                    yield from self._at_keys(keys[1:])
                else:
                    self._skip()
        else:
            self._skip()

    def _array(self) -> Iterator[Any]:
        """Yield the elements of an array."""
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            # Nearly always the buffer holds a value and the comma after it.
            try:
                value, end = _scan(self._text, self._at)
                comma = _comma(self._text, end)
            except (StopIteration, ValueError, RecursionError):
                comma = None
            if comma:
                self._at = comma.end()
                yield value
                continue
            yield self._value()
            if self._ends("]"):
                return
            self._peek()  # past whitespace, where a scan cannot start

    def _members(self) -> Iterator[str]:
        """Yield each key of an object; the caller consumes its value."""
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                raise self._error("expected a key")
            key = self._value()
            if self._peek() != ":":
                raise self._error("expected a colon")
            self._at += 1
            yield key
            if self._ends("}"):
                return

    def _ends(self, bracket: str) -> bool:
        """Consume a comma or the closing bracket; return True for the bracket."""
        char = self._peek()
        if char not in (",", bracket):
            raise self._error(f"expected a comma or {bracket}")
        self._at += 1
        return char == bracket

    def _skip(self, objects: int = _SKIPPED_OBJECTS) -> None:
        """Consume a value that is not needed, element by element if it is large."""
        char = self._peek()
        if char == "[":
            for _ in self._array():
                pass
        elif char == "{" and objects:
            for _ in self._members():
                self._skip(objects - 1)
        else:
            self._value()

    def _peek(self) -> str:
        """Return the next character that is not whitespace; "" at the end of the file."""
        while True:
            found = _whitespace(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _value(self) -> Any:
        self._peek()
        decode = _decode
        while True:
            try:
                value, end = decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._is_near_end(error) and self._fill():
                    continue
                raise self._error(error.msg, error.pos) from error
            except RecursionError as error:
                raise self._error("nested too deeply") from error
            except ValueError:
                decode = _decode_long
                continue
            # A number at the end of the buffer may go on after it: 1 of "1", "1.", or "1e+".
            if end < len(self._text) - 2 or not self._fill():
                self._at = end
                return value

    def _is_near_end(self, error: json.JSONDecodeError) -> bool:
        """Return True if the error may be due to the end of the buffer, not of the document."""
        is_open_string = error.msg.startswith("Unterminated string")
        return is_open_string or error.pos >= len(self._text) - _MAX_LITERAL

    def _fill(self) -> bool:
        """Append to the buffer; return False at the end of the file."""
        rest = self._text[self._at :]
        if len(rest) > _MAX_VALUE:
            raise self._error(f"a value of more than {_MAX_VALUE:,} characters")
        # Twice as many each time, so that a large value is not parsed again too often.
        data = self._file.read(max(_CHUNK, len(rest)))
        if not data:
            self._ended = True
            self._finish_decoding()
            return False
        self._passed += self._at
        self._text, self._at = rest + self._decoder.decode(data), 0
        return True

    def _finish_decoding(self) -> None:
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise self._truncated() from error

    def _truncated(self) -> TruncatedJsonError:
        length = self._passed + len(self._text)
        return TruncatedJsonError(f"ends early, after {length:,} characters")

    def _error(self, problem: str, position: int | None = None) -> ValueError:
        position = self._at if position is None else position
        if self._ended and _is_cut(problem, self._text[position:].rstrip()):
            return self._truncated()
        at = self._passed + position
        return ValueError(f"{problem} at character {at:,}")


def _is_cut(problem: str, rest: str) -> bool:
    """Return True if a longer text could have been right where this one ends."""
    if problem.startswith("Unterminated string"):
        return True
    if problem.startswith("Invalid \\"):  # an escape sequence
        return len(rest) < len("\\uXXXX\\uXXXX") and '"' not in rest
    tokens = _EXPONENTS + _LITERALS
    return any(token.startswith(rest) for token in tokens)
