"""Options of a duplicate search."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from m3it_builder.progress import Progress, Silent

KeepPolicy = Literal["evaluation", "training", "first", "all"]
KEEP_POLICIES: tuple[KeepPolicy, ...] = get_args(KeepPolicy)
DEFAULT_DISTANCE = 8  # of 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupOptions:
    """What to compare, the thresholds, and what to keep."""

    builds: tuple[Path, ...]
    report_folder: Path
    distance: int = DEFAULT_DISTANCE  # differing bits of 64, at most
    ngram: int = 13  # words
    share: float = 0.5  # of an evaluation row's n-grams, at least
    keep: KeepPolicy = "evaluation"
    workers: int = 1
    progress: Progress = field(default_factory=Silent)
