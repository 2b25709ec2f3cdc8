"""Hand-written YAML, read into frozen models without any guessing.

Unknown keys and duplicate keys are errors, with similar names suggested; so are values of
another type, because YAML reads ``no`` as False and ``12:30`` as 750. Size, depth and the
number of nodes are limited, aliases included: few bytes of YAML can mean billions of nodes.
"""

from __future__ import annotations

import difflib
import stat
from collections.abc import Hashable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from m3it_builder.errors import CardError


class Strict(BaseModel):
    """A frozen model that rejects unknown keys and converts no types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Card = TypeVar("Card", bound=Strict)

# The largest file of this package has 16 KB, 1,200 nodes and 5 levels.
_MAX_BYTES = 1 << 20
_MAX_NODES = 20_000
_MAX_DEPTH = 50
_MAX_MESSAGES = 5
# What PyYAML raises for scalars like 2026-13-45 or ``!!bool x``: it converts them with ``int``,
# ``float``, ``datetime`` and tables, and does not catch their errors.
_MALFORMED_SCALAR = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)


def read_card(path: Path, model: type[Card]) -> Card:
    """Read one strict YAML file into a model.

    Raises:
        CardError: the file cannot be read or does not fit the model; the message names
            file and key.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(status.st_mode):
        raise CardError(f"{path}: cannot be read (it is not a file)")
    if status.st_size > _MAX_BYTES:
        raise CardError(f"{path.name}: has more than {_MAX_BYTES:,} bytes, which no card needs")
    return cast(Card, _read(path, (status.st_size, status.st_mtime_ns), model))


# Cards are frozen, so callers can share them: every task loads every card it refers to.
# Size and mtime are part of the key; an edited card is read again.
@lru_cache(1_000)
def _read(path: Path, _: tuple[int, int], model: type[Strict]) -> Strict:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CardError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error
    try:
        _require_limits(text)
        value = tuples(yaml.load(text, _UniqueKeys))  # noqa: S506 - a safe loader, see below
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None)
        detail = f" ({problem})" if problem else ""
        raise CardError(f"{path.name}: not valid YAML{line}{detail}") from error
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise CardError(f"{path.name}: {explain(error, model)}") from error


def _require_limits(text: str) -> None:
    """Require that YAML has few nodes and levels; aliases count as what they refer to.

    Works on events, before anything is composed: composing is recursive, and merge keys
    multiply nodes.

    Raises:
        yaml.YAMLError: a limit is exceeded, or the text is not YAML.
    """
    sizes: dict[str | None, int] = {}  # nodes by anchor
    unclosed: list[tuple[str | None, int]] = [(None, 0)]  # anchor, nodes so far
    for event in yaml.parse(text, _Safe):
        if isinstance(event, yaml.CollectionStartEvent):
            unclosed.append((event.anchor, 1))
            if len(unclosed) > _MAX_DEPTH:
                raise _limit_error(f"more than {_MAX_DEPTH} levels", event)
            continue
        if isinstance(event, yaml.AliasEvent) and event.anchor in dict(unclosed):
            raise _limit_error("a value contains itself", event)
        size = _closed_nodes(event, sizes, unclosed)
        anchor, total = unclosed[-1]
        unclosed[-1] = (anchor, total + size)
        if total + size > _MAX_NODES:
            raise _limit_error(f"more than {_MAX_NODES:,} values", event)


def _closed_nodes(
    event: yaml.Event, sizes: dict[str | None, int], unclosed: list[tuple[str | None, int]]
) -> int:
    """Return how many nodes an event completes, and note them under its anchor."""
    if isinstance(event, yaml.AliasEvent):
        return sizes.get(event.anchor, 1)
    if isinstance(event, yaml.CollectionEndEvent):
        anchor, size = unclosed.pop()
    elif isinstance(event, yaml.ScalarEvent):
        anchor, size = event.anchor, 1
    else:
        return 0
    sizes[anchor] = size
    return size


def _limit_error(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=cast(Any, event.start_mark))


if TYPE_CHECKING or not hasattr(yaml, "CSafeLoader"):  # noqa: SIM108
    _Safe = yaml.SafeLoader
else:
    _Safe = yaml.CSafeLoader  # eight times as fast; absent if PyYAML was built without libyaml


class _UniqueKeys(_Safe):
    """Safe YAML in which duplicate keys and malformed scalars are errors with a position.

    PyYAML would silently keep the last of two equal keys.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _MALFORMED_SCALAR as error:
            raise _malformed(f"malformed value {node.value!r:.40}", node) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):  # ``!!map`` before a scalar
            raise _malformed("expected a mapping", node)
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _malformed("a list or mapping cannot be a key", key_node)
            if key in keys:
                raise _malformed(f"duplicate key {key!r:.60}", key_node)
            keys.add(key)
        return super().construct_mapping(node, deep)


def _malformed(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def tuples(value: Any) -> Any:
    """Convert lists to tuples, nested ones too: strict frozen models accept no lists."""
    if isinstance(value, list):
        return tuple(map(tuples, value))
    if isinstance(value, dict):
        return {key: tuples(item) for key, item in value.items()}
    return value


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe a validation error in one line; for unknown keys, suggest similar ones."""
    items = error.errors(include_url=False, include_context=False)
    messages = [_message(item, model) for item in items[:_MAX_MESSAGES]]
    more = [f"and {len(items) - _MAX_MESSAGES:,} more"] if len(items) > _MAX_MESSAGES else []
    return "; ".join(messages + more)


def _message(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    key = _shown(".".join(map(str, item["loc"])))
    if item["type"] == "extra_forbidden":
        similar = _similar(tuple(map(str, item["loc"])), model)
        hint = f" (did you mean {' or '.join(map(repr, similar))}?)" if similar else ""
        return f"unknown key '{key}'{hint}"
    if item["type"] == "missing":
        return f"key '{key}' is missing"
    try:
        value = f"{item['input']!r:.60}"
    except ValueError:  # Python refuses to print integers of more than 4,300 digits
        value = f"this {type(item['input']).__name__}"
    return f"{key or 'the file'}: {item['msg']}, not {value}"


def _shown(key: str) -> str:
    """Return a key without line breaks or other control characters, shortened."""
    return repr(key)[1:-1][:60]


_Key = tuple[str, ...]  # names from the top of the file; ``*`` for any key of a mapping


def _similar(key: _Key, model: type[BaseModel]) -> list[str]:
    """Return at most two known keys with a similar last name, in full; of the same level first."""
    known = _keys(model)
    names = dict.fromkeys(one[-1] for one in known)
    found: list[str] = []
    for name in difflib.get_close_matches(key[-1], names, n=2, cutoff=0.7):
        beside = (*key[:-1], name)
        others = [one for one in known if one[-1] == name]
        best = beside if any(_matches(beside, one) for one in others) else others[0]
        found.append(".".join(part if part != "*" else "<name>" for part in best))
    return found


def _matches(key: _Key, pattern: _Key) -> bool:
    return len(key) == len(pattern) and all(
        expected in ("*", part) for part, expected in zip(key, pattern, strict=True)
    )


def _keys(model: type[BaseModel], above: _Key = ()) -> list[_Key]:
    """Return the keys of a model and of all models nested in it."""
    keys: list[_Key] = []
    for name, field in model.model_fields.items():
        key = (*above, field.alias or name)
        keys.append(key)
        for nested, is_item in _models(field.annotation):
            keys += _keys(nested, (*key, "*") if is_item else key)
    return keys


def _models(annotation: Any, is_item: bool = False) -> list[tuple[type[BaseModel], bool]]:
    """Return the models in an annotation; True for those that are items of a collection."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, is_item)]
    is_item = is_item or get_origin(annotation) in (dict, tuple, list)
    parts = getattr(annotation, "__args__", ())
    return [found for part in parts for found in _models(part, is_item)]
