"""Published rows have keys of their own in every task; this is what they come to mean.

Where a row has several keys for one part, the first of the list counts and the
others go to the meta. Newer files keep most of a row under ``meta``; what stands
outside of it counts first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from m3it_builder.adopt.json_spans import Span, plain, text

IMAGES = ("image_base64_str", "image_base64", "image_str", "img_str", "images", "image", "img")
INSTRUCTION = ("instruction", "instructions")
INPUTS = ("inputs", "input", "question", "query")
OUTPUTS = ("outputs", "output", "answer", "answers", "target", "response", "caption")
LABEL = ("label", "labels")

_META = "meta"
_KEPT = 65_536  # bytes; a longer text of no known meaning is no meta
_KEPT_OF_IMAGES = 1_024  # bytes, under a key for images: the name of one perhaps


class OddRow(Exception):  # noqa: N818 - it carries a reason, and never leaves the scan
    """A row that cannot be understood; becomes a reject."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """One row in unified form; None where it has no such key, or null."""

    instruction: str | None
    inputs: str | None
    outputs: str | None
    label: int | None  # number of a class, where no output tells its name
    images: tuple[Span, ...]
    meta: dict[str, Any]  # all the rest, source ids among it
    roles: dict[str, str]  # what became of each key


def unify(line: bytes, row: Any) -> Fields:
    """Return the parts of a row.

    Args:
        line: as it lies in the file.
        row: what ``spans.parse`` made of it.

    Raises:
        OddRow: ``not_an_object``, ``odd_field``, or ``damaged_text``.
    """
    if not isinstance(row, dict):
        raise OddRow("not_an_object", f"a {_kind(row)}")
    reader = _Reader(line, row)
    try:
        return reader.fields()
    except (ValueError, RecursionError) as error:
        raise OddRow("damaged_text", str(error)) from error


class _Reader:
    """Takes known keys out of a row and keeps book of them."""

    def __init__(self, line: bytes, row: dict[str, Any]) -> None:
        self._line = line
        nested = row.get(_META)
        self._levels: list[tuple[str, Mapping[str, Any]]] = [("", row)]
        if isinstance(nested, dict):
            self._levels = [("", {k: v for k, v in row.items() if k != _META}), ("meta.", nested)]
        self._roles: dict[str, str] = {}
        self._whole: dict[str, Any] = {}  # lists of which one item was taken

    def fields(self) -> Fields:
        images = self._images()
        instruction = self._text("instruction", INSTRUCTION)
        inputs = self._text("inputs", INPUTS)
        outputs = self._text("outputs", OUTPUTS)
        label = None
        if outputs is None:
            label, outputs = self._label()
        meta = {**self._rest(), **self._whole}
        return Fields(
            instruction=instruction,
            inputs=inputs,
            outputs=outputs,
            label=label,
            images=images,
            meta=meta,
            roles=self._roles,
        )

    def _take(self, role: str, names: tuple[str, ...]) -> tuple[str, Any] | None:
        """Return the first of some keys that holds more than null."""
        for prefix, level in self._levels:
            for name in names:
                if level.get(name) is not None:
                    self._roles[prefix + name] = role
                    return prefix + name, level[name]
        return None

    def _images(self) -> tuple[Span, ...]:
        if (found := self._take("images", IMAGES)) is None:
            return ()
        key, value = found
        spans: list[Span] = []
        for item in _flat(value):
            if item is None:
                continue
            if not isinstance(item, Span):
                raise OddRow("odd_field", f"{key} holds a {_kind(item)}, not base64 text")
            if item.start < item.end:  # "" stands for no image
                spans.append(item)
        return tuple(spans)

    def _text(self, role: str, names: tuple[str, ...]) -> str | None:
        if (found := self._take(role, names)) is None:
            return None
        key, value = found
        if isinstance(value, list):
            if not value:
                return None
            if len(value) > 1:  # several answers: the first counts, none is lost
                self._whole[key] = plain(self._line, value)
            value = value[0]
        return self._scalar(key, value)

    def _scalar(self, key: str, value: Any) -> str:
        if isinstance(value, Span):
            return text(self._line, value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        raise OddRow("odd_field", f"{key} holds a {_kind(value)}, not a text")

    def _label(self) -> tuple[int | None, str | None]:
        if (found := self._take("label", LABEL)) is None:
            return None, None
        key, value = found
        if isinstance(value, int) and not isinstance(value, bool):
            return value, None
        return None, self._scalar(key, value)

    def _rest(self) -> dict[str, Any]:
        rest: dict[str, Any] = {}
        for prefix, level in self._levels:
            for name, value in level.items():
                if prefix + name in self._roles or value is None:
                    self._roles.setdefault(prefix + name, "null")
                elif _longest(value) > (_KEPT_OF_IMAGES if name in IMAGES else _KEPT):
                    self._roles[prefix + name] = "left out, too long"
                else:
                    self._roles[prefix + name] = "meta"
                    rest[prefix + name if name in rest else name] = plain(self._line, value)
        return rest


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return [inner for item in value for inner in _flat(item)]


def _longest(value: Any) -> int:
    if isinstance(value, Span):
        return value.end - value.start
    if isinstance(value, dict):
        return max(map(_longest, value.values()), default=0)
    return max(map(_longest, value), default=0) if isinstance(value, list) else 0


def _kind(value: Any) -> str:
    names = {Span: "string", dict: "object", list: "list", bool: "truth value"}
    return "null" if value is None else names.get(type(value), "number")
