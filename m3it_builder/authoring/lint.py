"""Check every card, pool and pipeline without touching raw data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.build.plan import load_pipeline
from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import load_source_card, load_task_card
from m3it_builder.cards.instructions import load_instructions
from m3it_builder.errors import CardError
from m3it_builder.tasks.registry import source_names

POOL_SIZE = 10
TODO = "TODO"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one file."""

    file: str
    fault: str


def lint_folder(folder: Path | None = None) -> tuple[int, list[Fault]]:
    """Return how many files were checked, and what is wrong with them.

    Args:
        folder: with ``task_cards``, ``instructions`` and ``pipelines``; the
            project's own if absent.

    Raises:
        CardError: the folder holds none of them.
    """
    home = folder or bundled("task_cards").parent
    checks = (
        ("task_cards/*.yaml", lambda path: _task(path, home)),
        ("task_cards/sources/*.yaml", _source),
        ("instructions/*.json", _pool),
        ("pipelines/*.yaml", _pipeline),
    )
    checked = 0
    faults: list[Fault] = []
    for pattern, check in checks:
        for path in sorted(home.glob(pattern)):
            checked += 1
            faults += [
                Fault(path.relative_to(home).as_posix(), fault) for fault in _run(check, path)
            ]
    if not checked:
        raise CardError(f"{home} holds no task_cards, instructions or pipelines to check")
    return checked, faults


def _run(check: Callable[[Path], Iterator[str]], path: Path) -> Iterator[str]:
    try:
        yield from check(path)
    except CardError as error:
        yield str(error)
    text = path.read_text("utf-8", errors="replace")
    number = next((n for n, line in enumerate(text.splitlines(), 1) if TODO in line), None)
    if number:
        yield f"line {number} still says {TODO}"


def _task(path: Path, home: Path) -> Iterator[str]:
    card = load_task_card(path)
    names = [card.name, *card.variants]
    pool = home / "instructions" / f"{card.name}.json"
    if not pool.exists():
        yield f"has no instruction pool ({pool.relative_to(home)})"
    for source in sorted(source_names(card)):
        here = home / "task_cards" / "sources" / f"{source}.yaml"
        if not here.exists() and not (bundled("task_cards") / "sources" / here.name).exists():
            yield f"names the source {source!r}, which has no card"
    for name in names:
        facts = card if name == card.name else card.for_variant(name)
        if facts.images.min > facts.images.max:
            yield f"{name}: images.min is above images.max"
        for split in facts.splits:
            if not facts.sources_of(split):
                yield f"{name}: split {split} reads no source"


def _source(path: Path) -> Iterator[str]:
    card = load_source_card(path)
    names = [file.file for file in card.files]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"lists {name} twice"


def _pool(path: Path) -> Iterator[str]:
    pool = load_instructions(path)
    if len(pool) != POOL_SIZE:
        yield f"holds {len(pool)} instructions, not {POOL_SIZE}"


def _pipeline(path: Path) -> Iterator[str]:
    load_pipeline(str(path))
    yield from ()
