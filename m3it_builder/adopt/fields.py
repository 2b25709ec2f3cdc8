"""Map the task-specific keys of published rows to unified fields.

Where several keys of a row map to one field, the first in its tuple wins and the
others go to the meta. Newer files nest most of a row under ``meta``; keys outside
of ``meta`` take precedence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from m3it_builder.adopt.json_spans import Span, SpannedValue, resolve_spans, string_at

if TYPE_CHECKING:
    from pydantic import JsonValue

IMAGES = ("image_base64_str", "image_base64", "image_str", "img_str", "images", "image", "img")
INSTRUCTION = ("instruction", "instructions")
INPUTS = ("inputs", "input", "question", "query")
OUTPUTS = ("outputs", "output", "answer", "answers", "target", "response", "caption")
LABEL = ("label", "labels")

# What a key was mapped to; a value of adopt-report.json.
Role = Literal[
    "images", "instruction", "inputs", "outputs", "label", "meta", "null", "left out, too long"
]

_META = "meta"
_MAX_META_STRING = 65_536  # bytes; longer strings under unknown keys are not metadata
_MAX_IMAGE_NAME = 1_024  # bytes; a short string under an image key may be a file name


class MalformedRowError(Exception):
    """A row that cannot be read; the scan records it as a reject."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFields:
    """The unified fields of one row; None where the key is missing or null."""

    instruction: str | None
    inputs: str | None
    outputs: str | None
    label: int | None  # class number, where no output gives the class name
    images: tuple[Span, ...]
    meta: dict[str, JsonValue]  # all other keys, source ids included
    roles: dict[str, Role]  # by key; nested keys as "meta.key"


def unify(line: bytes, row: SpannedValue) -> RowFields:
    """Return the unified fields of a row.

    Args:
        line: as stored in the file.
        row: result of ``json_spans.parse(line)``.

    Raises:
        MalformedRowError: reason ``not_an_object``, ``odd_field`` or ``damaged_text``.
    """
    if not isinstance(row, dict):
        raise MalformedRowError("not_an_object", f"expected an object, found {_type_name(row)}")
    try:
        return _FieldMapper(line, row).fields()
    except (ValueError, RecursionError) as error:
        raise MalformedRowError("damaged_text", str(error)) from error


class _FieldMapper:
    """Maps the keys of one row to fields, and records the role of each key."""

    def __init__(self, line: bytes, row: Mapping[str, SpannedValue]) -> None:
        self._line = line
        nested = row.get(_META)
        self._levels: list[tuple[str, Mapping[str, SpannedValue]]] = [("", row)]
        if isinstance(nested, dict):
            self._levels = [("", {k: v for k, v in row.items() if k != _META}), ("meta.", nested)]
        self._roles: dict[str, Role] = {}
        self._full_lists: dict[str, JsonValue] = {}  # lists of which only the first item is used

    def fields(self) -> RowFields:
        images = self._images()
        instruction = self._text("instruction", INSTRUCTION)
        inputs = self._text("inputs", INPUTS)
        outputs = self._text("outputs", OUTPUTS)
        label = None
        if outputs is None:
            label, outputs = self._label()
        meta = {**self._unmapped(), **self._full_lists}
        return RowFields(
            instruction=instruction,
            inputs=inputs,
            outputs=outputs,
            label=label,
            images=images,
            meta=meta,
            roles=self._roles,
        )

    def _first(self, role: Role, names: tuple[str, ...]) -> tuple[str, SpannedValue] | None:
        """Return key and value of the first name that is present and not null."""
        for prefix, level in self._levels:
            for name in names:
                if level.get(name) is not None:
                    self._roles[prefix + name] = role
                    return prefix + name, level[name]
        return None

    def _images(self) -> tuple[Span, ...]:
        if (entry := self._first("images", IMAGES)) is None:
            return ()
        key, value = entry
        spans: list[Span] = []
        for item in _flatten(value):
            if item is None:
                continue
            if not isinstance(item, Span):
                detail = f"{key}: expected a base64 string, found {_type_name(item)}"
                raise MalformedRowError("odd_field", detail)
            if item.start < item.end:  # some files write "" for "no image"
                spans.append(item)
        return tuple(spans)

    def _text(self, role: Role, names: tuple[str, ...]) -> str | None:
        if (entry := self._first(role, names)) is None:
            return None
        key, value = entry
        if isinstance(value, list):
            if not value:
                return None
            if len(value) > 1:  # several answers: the first is the output, the meta keeps all
                self._full_lists[key] = resolve_spans(self._line, value)
            value = value[0]
        return self._scalar(key, value)

    def _scalar(self, key: str, value: SpannedValue) -> str:
        if isinstance(value, Span):
            return string_at(self._line, value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        detail = f"{key}: expected a string, found {_type_name(value)}"
        raise MalformedRowError("odd_field", detail)

    def _label(self) -> tuple[int | None, str | None]:
        """Return class number or class name."""
        if (entry := self._first("label", LABEL)) is None:
            return None, None
        key, value = entry
        if isinstance(value, int) and not isinstance(value, bool):
            return value, None
        return None, self._scalar(key, value)

    def _unmapped(self) -> dict[str, JsonValue]:
        meta: dict[str, JsonValue] = {}
        for prefix, level in self._levels:
            for name, value in level.items():
                key = prefix + name
                if key in self._roles or value is None:
                    self._roles.setdefault(key, "null")
                elif _longest(value) > (_MAX_IMAGE_NAME if name in IMAGES else _MAX_META_STRING):
                    self._roles[key] = "left out, too long"
                else:
                    self._roles[key] = "meta"
                    meta[key if name in meta else name] = resolve_spans(self._line, value)
        return meta


def _flatten(value: SpannedValue) -> list[SpannedValue]:
    if not isinstance(value, list):
        return [value]
    return [inner for item in value for inner in _flatten(item)]


def _longest(value: SpannedValue) -> int:
    """Return the length in bytes of the longest string in a value."""
    if isinstance(value, Span):
        return value.end - value.start
    if isinstance(value, dict):
        return max(map(_longest, value.values()), default=0)
    return max(map(_longest, value), default=0) if isinstance(value, list) else 0


def _type_name(value: SpannedValue) -> str:
    names = {Span: "a string", dict: "an object", list: "an array", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")
