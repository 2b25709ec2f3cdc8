"""YAML that people write, read into frozen models that guess nothing.

Unknown keys and keys given twice are refused, with near names suggested; so are
values of another type, because YAML takes ``no`` for False and ``12:30`` for 750.
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
    """A frozen model that refuses unknown keys and guesses no types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Card = TypeVar("Card", bound=Strict)


def read_card(path: Path, model: type[Card]) -> Card:
    """Read one strict YAML file into a model; every error names the file and the key."""
    try:
        state = path.stat()
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror})") from error
    return cast(Card, _read(path, (state.st_size, state.st_mtime_ns), model))


@lru_cache(1_000)
def _read(path: Path, _: tuple[int, int], model: type[Strict]) -> Strict:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CardError(f"{path}: not UTF-8 text ({error.reason} at {error.start})") from error
    try:
        value = yaml.load(text, _UniqueKeys)  # noqa: S506 - a safe loader, see below
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        what = f" ({problem})" if (problem := getattr(error, "problem", None)) else ""
        raise CardError(f"{path.name}: not valid YAML{line}{what}") from error
    try:
        return model.model_validate(tuples(value))
    except RecursionError as error:
        raise CardError(f"{path.name}: a value contains itself") from error
    except ValidationError as error:
        raise CardError(f"{path.name}: {explain(error, model)}") from error


if TYPE_CHECKING or not hasattr(yaml, "CSafeLoader"):  # noqa: SIM108
    _Safe = yaml.SafeLoader
else:
    _Safe = yaml.CSafeLoader  # eight times as fast, where PyYAML was built with libyaml


class _UniqueKeys(_Safe):
    """Safe YAML that refuses a key given twice, of which the first would be lost silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def tuples(value: Any) -> Any:
    """Turn YAML's lists into tuples, which strict frozen models ask for."""
    if isinstance(value, list):
        return tuple(map(tuples, value))
    if isinstance(value, dict):
        return {key: tuples(item) for key, item in value.items()}
    return value


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in one line what is wrong, with near names for an unknown key."""
    said = []
    for item in error.errors(include_url=False, include_context=False):
        where = ".".join(map(str, item["loc"]))
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(item["loc"][-1]), _keys(model), n=2, cutoff=0.7)
            hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
            said.append(f"unknown key {where!r}{hint}")
        elif item["type"] == "missing":
            said.append(f"key {where!r} is missing")
        else:
            said.append(f"{where or 'the file'}: {item['msg']}, not {item['input']!r:.60}")
    return "; ".join(said)


def _keys(model: type[BaseModel]) -> list[str]:
    names: list[str] = []
    for name, entry in model.model_fields.items():
        names.append(entry.alias or name)
        for inner in _models(entry.annotation):
            names.extend(_keys(inner))
    return names


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
