"""Statistics of the instruction pools, as in M3IT's Table 2: lengths and edit distances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, pstdev

from m3it_builder.errors import BuildError, install_hint
from m3it_builder.tasks.registry import Task, load_task, task_names, variants_of


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """Means and standard deviations over the instructions of some pools."""

    name: str
    pools: int
    instructions: int
    tokens: float  # separated by white space
    tokens_sd: float
    characters: float
    characters_sd: float
    within: float  # Levenshtein distance of two texts of one pool, in characters
    within_sd: float
    within_share: float  # the same, divided by the length of the longer text
    across: float | None  # of two texts of different pools; None of one pool
    across_sd: float | None


def all_statistics() -> list[PoolStatistics]:
    """Return the statistics of each group of tasks and of all, by language.

    Pools that several tasks share count once.

    Raises:
        BuildError: a package of the ``stats`` extra is missing.
    """
    pools = _pools()
    languages = list(dict.fromkeys(lang for lang, _, _ in pools))
    rows = []
    for lang in sorted(languages, key=lambda lang: lang != "en"):
        own = [pool for pool in pools if pool[0] == lang]
        for group in dict.fromkeys(group for _, group, _ in own):
            rows.append(_statistics(f"{group} ({lang})", [p for _, g, p in own if g == group]))
        if len({group for _, group, _ in own}) > 1:
            rows.append(_statistics(f"all ({lang})", [pool for _, _, pool in own]))
    return rows


def pool_statistics(texts: Mapping[str, Sequence[str]]) -> list[PoolStatistics]:
    """Return the statistics of single pools, by name."""
    return [_statistics(name, [pool]) for name, pool in texts.items()]


def _pools() -> list[tuple[str, str, Sequence[str]]]:
    """Return language, group and texts of each distinct pool."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for name in task_names():
        base = load_task(name)
        for task in (base, *variants_of(base)):
            found.setdefault(_texts(task), (task.card.lang.split("-")[0], task.card.group))
    return [(lang, group, texts) for texts, (lang, group) in found.items()]


def _texts(task: Task) -> tuple[str, ...]:
    return tuple(one.text for one in task.instructions)


def _statistics(name: str, pools: Sequence[Sequence[str]]) -> PoolStatistics:
    texts = [text for pool in pools for text in pool]
    tokens = [len(text.split()) for text in texts]
    characters = [len(text) for text in texts]
    distances = _distances(pools)
    within = [distance for same, distance, _ in distances if same]
    across = [distance for same, distance, _ in distances if not same]
    return PoolStatistics(
        name=name,
        pools=len(pools),
        instructions=len(texts),
        tokens=fmean(tokens),
        tokens_sd=pstdev(tokens),
        characters=fmean(characters),
        characters_sd=pstdev(characters),
        within=_mean(within),
        within_sd=pstdev(within) if within else 0.0,
        within_share=_mean([share for same, _, share in distances if same]),
        across=fmean(across) if across else None,
        across_sd=pstdev(across) if across else None,
    )


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return fmean(values) if values else 0.0


def _distances(pools: Sequence[Sequence[str]]) -> list[tuple[bool, int, float]]:
    """Return, of each pair of texts: whether of one pool, distance, and share of the longer."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise BuildError(
            f"statistics of texts need RapidFuzz, not installed here; {install_hint('stats')}"
        ) from error
    texts = [(pool, text) for pool, own in enumerate(pools) for text in own]
    return [
        (pool == other_pool, distance, distance / max(len(one), len(other)))
        for (pool, one), (other_pool, other) in combinations(texts, 2)
        for distance in (Levenshtein.distance(one, other),)
    ]
