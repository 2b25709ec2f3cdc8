"""Find tasks by name, and import the modules of a task when it is loaded.

Built-in tasks have the names of the files ``task_cards/*.yaml``; other packages register
tasks under the entry point group ``m3it.tasks``.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import (
    OptionValue,
    RenderCard,
    SourceCard,
    TaskCard,
    Variant,
    load_source_card,
    load_task_card,
)
from m3it_builder.cards.instructions import Instruction, load_instructions
from m3it_builder.errors import CardError, M3ITError, PluginError, TaskNotFound, first_few
from m3it_builder.records import Record, Reject
from m3it_builder.tasks.installed import (
    installed,
    is_registered_in,
    load_object,
    name_conflict,
    package_of,
)
from m3it_builder.tasks.options import ANSWER, option_cards

if TYPE_CHECKING:
    from m3it_builder.samples.world import World
    from m3it_builder.sources.source import Source

Converter = Callable[["Source"], Iterator[Record | Reject]]
SampleWriter = Callable[["World", Path, int], None]  # world, sources folder, examples per split

BUILT_IN = "built in"


@dataclass(frozen=True, slots=True)
class Task:
    """A task: card, instruction pool, converter and sample writer."""

    name: str  # differs from that of the card for a variant
    card: TaskCard
    instructions: tuple[Instruction, ...]
    convert: Converter
    sample: SampleWriter | None  # built-in tasks have one
    sources: Mapping[str, SourceCard]
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    variant_instructions: Mapping[str, tuple[Instruction, ...]] = field(default_factory=dict)
    origin: str = BUILT_IN  # or the name of the package that registers it

    def with_options(self, texts: Mapping[str, str]) -> Task:
        """Return the task with options set from the texts of a command line.

        Raises:
            CardError: an option is unknown, or its value is invalid.
        """
        values, declared = dict(self.options), option_cards(self.card)
        for name, text in texts.items():
            if name not in declared:
                near = difflib.get_close_matches(name, declared, n=2)
                known = ", ".join(near or declared) or "none"
                raise CardError(f"{self.name} has no option {name!r} (it has: {known})")
            values[name] = declared[name].parse(f"{self.name}.{name}", text)
        for variant, entry in self.card.variants.items():
            if values != self.options and values == {**self.options, **entry.options}:
                raise CardError(
                    f"{self.name} with these options equals the variant {variant}, whose sources "
                    f"and instructions may differ; use --task {variant}"
                )
        return self.with_values(values)

    def with_values(self, options: Mapping[str, OptionValue]) -> Task:
        """Return the task with the values of all its options."""
        card = self.card
        if ANSWER in options and ANSWER not in card.options:
            answer = RenderCard.model_validate({ANSWER: options[ANSWER]}).answer
            render = card.render.model_copy(update={ANSWER: answer})
            card = card.model_copy(update={"render": render})
        return replace(self, options=options, card=card)


def task_names() -> list[str]:
    """Return the names of all built-in and installed tasks, sorted, without variants."""
    return sorted({*_builtin_names(), *installed().entries})


def all_names() -> set[str]:
    """Return the names of all tasks and of their variants."""
    return set(task_names()).union(*(task.card.variants for task in _loadable()))


def broken_plugins() -> dict[str, PluginError]:
    """Return the errors of installed packages whose entry points cannot be used, by name.

    Nothing is imported: errors that loading a task raises are not among them.
    """
    conflicts = {
        name: name_conflict(name, package_of(entry))
        for name, entry in installed().entries.items()
        if name in _builtin_names()
    }
    return {**installed().broken, **conflicts}


def load_task(name: str) -> Task:
    """Return one task, or one variant of a task.

    Raises:
        TaskNotFound: the name is unknown; the message suggests similar ones.
        PluginError: an installed task failed to load, or is not a ``Task``.
        CardError: its card or its instruction pool is invalid.
    """
    if error := broken_plugins().get(name):
        raise error
    if name in _builtin_names():
        return _load_builtin(name)
    if entry := installed().entries.get(name):
        return load_entry(entry, package_of(entry))
    for base in _loadable():
        if name in base.card.variants:
            return _variant(base, name)
    raise _not_found(name)


def load_entry(entry: EntryPoint, origin: str) -> Task:
    """Return the task of an entry point.

    Args:
        entry: of the group ``m3it.tasks``.
        origin: name of the package, or the folder of one that is not installed.

    Raises:
        PluginError: importing it failed, or it is not a ``Task`` of that name.
    """
    task = load_object(entry)
    if not isinstance(task, Task) or not isinstance(task.card, TaskCard):
        raise PluginError(f"{entry.value} of package {origin} is not an m3it_builder.Task")
    if task.name != entry.name:
        raise PluginError(
            f"package {origin} registers a task as {entry.name!r}, but its name is {task.name!r}"
        )
    return replace(task, origin=origin)


def task_from_folder(
    folder: Path,
    name: str,
    convert: Converter,
    sample: SampleWriter | None = None,
    origin: str = "installed",
) -> Task:
    """Assemble a task from data files in the layout of this project.

    Reads ``folder/task_cards/NAME.yaml``, ``folder/instructions/NAME.json`` (and
    ``VARIANT.json`` if a variant has its own pool), and the source cards it names from
    ``folder/task_cards/sources/``. Source cards that are bundled with m3it_builder, such as
    COCO images, need not be repeated.

    Args:
        folder: with ``task_cards/`` and ``instructions/``.
        name: of the task, and of its files.
        convert: function from a source to records and rejects.
        sample: writes synthetic sample data; optional, but ``--sample`` needs it.
        origin: name of the package; set when the task is loaded.

    Raises:
        CardError: one of the files is missing or invalid.
    """
    card = load_task_card(folder / "task_cards" / f"{name}.yaml")
    wanted = source_names(card)
    pools = folder / "instructions"
    return Task(
        name=name,
        card=card,
        instructions=load_instructions(pools / f"{name}.json"),
        variant_instructions={
            variant: load_instructions(pools / f"{variant}.json")
            for variant in card.variants
            if (pools / f"{variant}.json").exists()
        },
        convert=convert,
        sample=sample,
        sources={source: _source_card(folder, source, name) for source in sorted(wanted)},
        options={key: option.default for key, option in card.options.items()},
        origin=origin,
    )


def source_names(card: TaskCard) -> set[str]:
    """Return the ids of all sources listed by a card or one of its variants."""
    entries: list[TaskCard | Variant] = [card, *card.variants.values()]
    return {
        name
        for entry in entries
        for name in (*(entry.sources or ()), *(entry.optional_sources or ()))
    }


def variants_of(task: Task) -> list[Task]:
    """Return the variants of a task as tasks."""
    return [_variant(task, name) for name in task.card.variants]


def _variant(base: Task, name: str) -> Task:
    return replace(
        base,
        name=name,
        card=base.card.for_variant(name).model_copy(update={"variants": {}}),
        instructions=base.variant_instructions.get(name, base.instructions),
        options={**base.options, **base.card.variants[name].options},
    )


def _load_builtin(name: str) -> Task:
    module = name.replace("-", "_").replace("+", "_plus")
    converter = _module_of_task(f"m3it_builder.converters.{module}", name)
    sample = _module_of_task(f"m3it_builder.samples.{module}", name)
    home = bundled("task_cards").parent
    return task_from_folder(home, name, converter.convert, sample.write, origin=BUILT_IN)


def _module_of_task(module: str, task: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise CardError(f"{task}.yaml: a built-in task needs the module {module}") from error


def _source_card(folder: Path, source: str, task: str) -> SourceCard:
    own = folder / "task_cards" / "sources" / f"{source}.yaml"
    path = own if own.exists() else bundled("task_cards") / "sources" / f"{source}.yaml"
    if not path.exists():
        raise CardError(f"{task}.yaml: source {source!r} has no card; create {own}")
    return load_source_card(path)


@cache
def _builtin_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in bundled("task_cards").glob("*.yaml")))


def _loadable() -> Iterator[Task]:
    """Yield all tasks that load; a broken one fails only when it is loaded by name.

    Built-in tasks are first, so that a search for one of their variants imports no plugin.
    """
    for name in (*_builtin_names(), *sorted(installed().entries)):
        with suppress(M3ITError):
            yield load_task(name)


def _not_found(name: str) -> TaskNotFound:
    if is_registered_in(Path("pyproject.toml"), name):
        return TaskNotFound(
            f"task {name!r} is registered in ./pyproject.toml, but not installed; run "
            "`pip install -e .`"
        )
    near = difflib.get_close_matches(name, sorted(all_names()), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`m3it ls` lists all tasks"
    unusable = sorted(set(installed().entries) - {task.name for task in _loadable()})
    broken = sorted({*broken_plugins(), *unusable})
    note = f"; not searched, because they fail to load: {first_few(broken)}" if broken else ""
    return TaskNotFound(f"unknown task {name!r}; {hint}{note}")
