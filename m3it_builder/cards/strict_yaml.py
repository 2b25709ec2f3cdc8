"""Hand-written YAML, read into frozen models without any guessing.

Unknown keys and duplicate keys are errors, with similar names suggested; so are values of
another type, because YAML reads ``no`` as False and ``12:30`` as 750.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from m3it_builder.errors import CardError


class Strict(BaseModel):
    """A frozen model that rejects unknown keys and converts no types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Card = TypeVar("Card", bound=Strict)


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
        value = yaml.load(text, _UniqueKeys)  # noqa: S506 - a safe loader, see below
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        detail = f" ({problem})" if (problem := getattr(error, "problem", None)) else ""
        raise CardError(f"{path.name}: not valid YAML{line}{detail}") from error
    try:
        return model.model_validate(tuples(value))
    except RecursionError as error:  # an alias inside its own anchor
        raise CardError(f"{path.name}: a value contains itself") from error
    except ValidationError as error:
        raise CardError(f"{path.name}: {explain(error, model)}") from error


if TYPE_CHECKING or not hasattr(yaml, "CSafeLoader"):  # noqa: SIM108
    _Safe = yaml.SafeLoader
else:
    _Safe = yaml.CSafeLoader  # eight times as fast; absent if PyYAML was built without libyaml


class _UniqueKeys(_Safe):
    """Safe YAML in which a duplicate key is an error; PyYAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key {key!r}", key_node.start_mark
                )
            keys.add(key)
        return super().construct_mapping(node, deep)


def tuples(value: Any) -> Any:
    """Convert lists to tuples, nested ones too: strict frozen models accept no lists."""
    if isinstance(value, list):
        return tuple(map(tuples, value))
    if isinstance(value, dict):
        return {key: tuples(item) for key, item in value.items()}
    return value


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe a validation error in one line; for unknown keys, suggest similar ones."""
    messages = []
    for item in error.errors(include_url=False, include_context=False):
        key = ".".join(map(str, item["loc"]))
        if item["type"] == "extra_forbidden":
            similar = difflib.get_close_matches(str(item["loc"][-1]), _keys(model), n=2, cutoff=0.7)
            hint = f" (did you mean {' or '.join(map(repr, similar))}?)" if similar else ""
            messages.append(f"unknown key {key!r}{hint}")
        elif item["type"] == "missing":
            messages.append(f"key {key!r} is missing")
        else:
            messages.append(f"{key or 'the file'}: {item['msg']}, not {item['input']!r:.60}")
    return "; ".join(messages)


def _keys(model: type[BaseModel]) -> list[str]:
    """Return the keys of a model and of all models nested in it."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        names.append(field.alias or name)
        for nested in _models(field.annotation):
            names.extend(_keys(nested))
    return names


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
