"""Check all cards, instruction pools and pipelines; needs no raw data."""

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

POOL_SIZE = 10  # instructions
TODO = "TODO"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one file."""

    file: str
    message: str


def lint_folder(folder: Path | None = None) -> tuple[int, list[Finding]]:
    """Return the number of files checked, and the findings.

    Args:
        folder: with ``task_cards``, ``instructions`` and ``pipelines``; if absent, the
            one that ships with the package.

    Raises:
        CardError: the folder has none of these.
    """
    home = folder or bundled("task_cards").parent
    checks = (
        ("task_cards/*.yaml", lambda path: _check_task(path, home)),
        ("task_cards/sources/*.yaml", _check_source),
        ("instructions/*.json", _check_pool),
        ("pipelines/*.yaml", _check_pipeline),
    )
    checked = 0
    findings: list[Finding] = []
    for pattern, check in checks:
        for path in sorted(home.glob(pattern)):
            checked += 1
            name = path.relative_to(home).as_posix()
            findings += [Finding(name, message) for message in _check_file(check, path)]
    if not checked:
        raise CardError(
            f"{home} has no task_cards, instructions or pipelines to check; name their folder"
        )
    return checked, findings


def _check_file(check: Callable[[Path], Iterator[str]], path: Path) -> Iterator[str]:
    try:
        yield from check(path)
    except CardError as error:
        yield str(error)
    text = path.read_text("utf-8", errors="replace")
    number = next((n for n, line in enumerate(text.splitlines(), 1) if TODO in line), None)
    if number:
        yield f"line {number} still has a {TODO}"


def _check_task(path: Path, home: Path) -> Iterator[str]:
    card = load_task_card(path)
    pool = home / "instructions" / f"{card.name}.json"
    if not pool.exists():
        yield f"has no instruction pool ({pool.relative_to(home)})"
    for source in sorted(source_names(card)):
        own = home / "task_cards" / "sources" / f"{source}.yaml"
        if not own.exists() and not (bundled("task_cards") / "sources" / own.name).exists():
            yield f"lists the source {source!r}, which has no card"
    for name in (card.name, *card.variants):
        facts = card if name == card.name else card.for_variant(name)
        if facts.images.min > facts.images.max:
            yield f"{name}: images.min is greater than images.max"
        for split in facts.splits:
            if not facts.sources_of(split):
                yield f"{name}: split {split} reads no source"


def _check_source(path: Path) -> Iterator[str]:
    card = load_source_card(path)
    names = [file.file for file in card.files]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"lists the file {name} more than once"


def _check_pool(path: Path) -> Iterator[str]:
    pool = load_instructions(path)
    if len(pool) != POOL_SIZE:
        yield f"has {len(pool)} instructions instead of {POOL_SIZE}"


def _check_pipeline(path: Path) -> Iterator[str]:
    load_pipeline(str(path))
    yield from ()  # only ``load_pipeline`` raises
