"""Check cards, instruction pools, pipelines and installed tasks; needs no raw data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path

from m3it_builder.authoring.claims import check_claims
from m3it_builder.authoring.pool_checks import TODO, check_pool
from m3it_builder.authoring.project import (
    Project,
    cards_folder,
    find_project,
    import_root_of,
    is_checkout,
)
from m3it_builder.build.plan import load_pipeline
from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import TaskCard, load_source_card, load_task_card
from m3it_builder.cards.instructions import load_instructions
from m3it_builder.errors import CardError, M3ITError
from m3it_builder.tasks.installed import installed, module_of, package_of
from m3it_builder.tasks.registry import broken_plugins, load_task, source_names

POOL_SIZE = 10  # instructions, at least
_SHOWN = 60  # characters of a line with a TODO


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one file, or with an entry point as a whole."""

    file: str  # relative to the folder with the cards; "" for an entry point
    message: str
    entry: str = ""  # entry point and package, if the task is in one

    def __str__(self) -> str:
        """Return the finding in one line."""
        return ": ".join(filter(None, (self.entry, self.file, self.message)))


def lint_all(current: Path) -> tuple[int, list[Finding]]:
    """Return the number of files checked, and the findings, of everything there is.

    That is: the files of this package, those of installed tasks, which are also loaded, and
    those of the package in the current folder, which is not imported.

    Raises:
        CardError: the ``pyproject.toml`` of the current folder is malformed.
    """
    project = find_project(current)
    own = {entry.name for entry in project.entries} if project else set()
    results = [lint_folder()]
    results += [_lint_project(project)] if project else []
    entries = installed().entries.items()
    results += [_lint_installed(entry) for name, entry in entries if name not in own]
    broken = [Finding("", str(error)) for error in installed().broken.values()]
    return sum(count for count, _ in results), [f for _, fs in results for f in fs] + broken


def lint_folder(folder: Path | None = None) -> tuple[int, list[Finding]]:
    """Return the number of files checked, and the findings.

    Args:
        folder: with ``task_cards``, ``instructions`` and ``pipelines``, or of a package with
            tasks; if absent, the one that ships with this package.

    Raises:
        CardError: the folder has none of these.
    """
    project = find_project(folder) if folder else None
    if project and project.entries:
        return _lint_project(project)
    home = folder or bundled("task_cards").parent
    checks = (
        ("task_cards/*.yaml", lambda path: _check_task(path, home)),
        ("task_cards/sources/*.yaml", _check_source),
        ("instructions/*.json", lambda path: _check_pool(path, home)),
        ("pipelines/*.yaml", _check_pipeline),
    )
    checked = 0
    findings: list[Finding] = []
    for pattern, check in checks:
        paths = sorted(home.glob(pattern))
        checked += len(paths)
        findings += _check_files(check, paths, home)
    if not checked:
        raise CardError(
            f"{home} has no task_cards, instructions or pipelines to check; name their folder"
        )
    modules = [path for name in ("converters", "samples") for path in _modules(home, name)]
    return checked + len(modules), findings + _check_files(_check_nothing, modules, home)


def _modules(home: Path, name: str) -> list[Path]:
    return sorted((home / "m3it_builder" / name).glob("*.py")) if is_checkout(home) else []


def _lint_project(project: Project) -> tuple[int, list[Finding]]:
    """Check the files of all tasks of a package, without importing it."""
    results = [
        _lint_task(entry, project.name, project.module_folder(entry), project.import_root)
        for entry in project.entries
    ]
    unlisted = list(_unlisted_sources(project))
    return sum(count for count, _ in results), [f for _, fs in results for f in fs] + unlisted


def _unlisted_sources(project: Project) -> Iterator[Finding]:
    """Yield a finding for each source card of a package that none of its tasks lists."""
    folders = {entry.name: project.module_folder(entry) for entry in project.entries}
    listed: set[Path] = set()
    for name, home in folders.items():
        try:
            card = load_task_card(home / "task_cards" / f"{name}.yaml")
        except (CardError, FileNotFoundError):
            return  # its sources are not known; an invalid card is a finding of its own
        listed |= {home / "task_cards" / "sources" / f"{id_}.yaml" for id_ in source_names(card)}
    cards = {path for home in folders.values() for path in home.glob("task_cards/sources/*.yaml")}
    for path in sorted(cards - listed):
        file = path.relative_to(project.import_root).as_posix()
        message = "no task of the package lists this source; add it to a card, or delete the file"
        yield Finding(file, message)


def _lint_installed(entry: EntryPoint) -> tuple[int, list[Finding]]:
    """Load an installed task, and check its files."""
    package = package_of(entry)
    problems: list[Finding] = []
    try:
        if error := broken_plugins().get(entry.name):
            raise error
        load_task(entry.name)
    except M3ITError as error:
        problems.append(Finding("", str(error), _label(entry, package)))
    root = import_root_of(entry)
    if root is None:
        return 0, problems
    folder = cards_folder(root.joinpath(*module_of(entry).split(".")), root, entry.name)
    count, findings = _lint_task(entry, package, folder, root)
    return count, problems + findings


def _lint_task(
    entry: EntryPoint, package: str, home: Path, root: Path
) -> tuple[int, list[Finding]]:
    """Check the files of one task of a package: cards, pools and modules.

    Args:
        entry: of the task.
        package: its name.
        home: folder with ``task_cards`` and ``instructions``.
        root: folder that the package is imported from.
    """
    card = home / "task_cards" / f"{entry.name}.yaml"
    if not card.is_file():  # assembled in another way; the task itself has been checked
        return 0, []
    groups: list[tuple[Callable[[Path], Iterator[str]], list[Path]]] = [
        (partial(_check_task, home=home), [card])
    ]
    try:
        facts = load_task_card(card)
        sources = [home / "task_cards" / "sources" / f"{name}.yaml" for name in source_names(facts)]
        pools = [home / "instructions" / f"{name}.json" for name in (entry.name, *facts.variants)]
        groups += [(_check_source, sources), (partial(_check_pool, home=home), pools)]
    except CardError:
        pass  # a finding of ``_check_task``
    module = root.joinpath(*module_of(entry).split("."))
    modules = sorted(module.glob("*.py")) if module.is_dir() else [module.with_suffix(".py")]
    groups.append((_check_nothing, modules))
    count = 0
    findings: list[Finding] = []
    for check, paths in groups:
        files = sorted(path for path in paths if path.is_file())
        count += len(files)
        findings += _check_files(check, files, root)
    return count, [replace(finding, entry=_label(entry, package)) for finding in findings]


def _label(entry: EntryPoint, package: str) -> str:
    return f"{entry.name} = {entry.value} ({package})"


def _check_files(
    check: Callable[[Path], Iterator[str]], paths: Iterable[Path], home: Path
) -> list[Finding]:
    return [
        Finding(path.relative_to(home).as_posix(), message)
        for path in paths
        for message in _check_file(check, path)
    ]


def _check_file(check: Callable[[Path], Iterator[str]], path: Path) -> Iterator[str]:
    try:
        yield from check(path)
    except CardError as error:
        yield str(error)
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        if TODO in line:
            yield f"line {number} still has a {TODO}: {line.strip()[:_SHOWN]}"


def _check_nothing(path: Path) -> Iterator[str]:
    """Check nothing of a module: only lines with a TODO are findings."""
    del path
    yield from ()


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


def _check_pool(path: Path, home: Path) -> Iterator[str]:
    pool = load_instructions(path)
    if len(pool) < POOL_SIZE:
        yield f"has {len(pool)} instructions, {POOL_SIZE} are needed"
    card = _card_of(path.stem, home)
    yield from check_pool([one.text for one in pool], card.lang if card else None)
    if card:
        yield from check_claims(pool, card)


def _card_of(name: str, home: Path) -> TaskCard | None:
    """Return the card of a task or variant, or None if no valid card has it."""
    paths = sorted((home / "task_cards").glob("*.yaml"), key=lambda path: path.stem != name)
    for path in paths:
        try:
            card = load_task_card(path)
        except CardError:
            continue  # a finding of its own
        if name == card.name:
            return card
        if name in card.variants:
            return card.for_variant(name)
    return None


def _check_pipeline(path: Path) -> Iterator[str]:
    load_pipeline(str(path))
    yield from ()  # only ``load_pipeline`` raises
