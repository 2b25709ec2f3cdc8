"""Require that a unit has rows, and that not too many examples were rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from m3it_builder.build.fingerprint import clear_spool
from m3it_builder.build.preflight import absent_sources, unreadable_archives
from m3it_builder.build.reject_share import errors_only, reject_share
from m3it_builder.build.spool_reader import ReadSpool
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.index import write_rejects
from m3it_builder.dataset.layout import REJECTS
from m3it_builder.errors import EmptyUnitError, RejectShareError
from m3it_builder.records import Reject
from m3it_builder.sources.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a unit may lack."""

    reject_share: float
    no_rows: bool  # the answers of the split are withheld


@dataclass(frozen=True, slots=True)
class UnitRows:
    """What became of the examples of a unit so far."""

    rows: int  # that passed all checks
    reasons: Counter[str]  # of all rejects
    pack_rejects: Sequence[tuple[str, Reject]] = ()  # (stage, reject), not in the spool


def require_rows(
    unit: Unit,
    spool: ReadSpool,
    allowed: Allowed,
    found: UnitRows,
    catalogs: Mapping[str, Catalog],
) -> None:
    """Require that some rows are left, and that not too many examples were rejected.

    If not, the list of rejects is written, and the spool deleted: the next run looks for missing
    files again.

    Raises:
        RejectShareError: too many examples were rejected.
        EmptyUnitError: no row is left, and answers of the split are public.
    """
    rejected = reject_share(spool.facts, found.rows, found.reasons)
    is_share_exceeded = rejected.rejected and rejected.share > allowed.reject_share
    is_empty = not found.rows and not allowed.no_rows
    if not is_share_exceeded and not is_empty:
        return
    missing = (one.detail for _, one in spool.rejects() if one.reason == "image_missing")
    hint = absent_sources(missing, catalogs, unit.task) + unreadable_archives(catalogs)
    table = unit.state / REJECTS
    rejects = chain(spool.rejects(), found.pack_rejects)
    write_rejects(table, (unit.task, unit.split), rejects)
    clear_spool(unit.work)
    if is_share_exceeded:
        raise RejectShareError(
            f"{unit.name}: {rejected} ({rejected.share:.1%}, allowed {allowed.reject_share:.1%}): "
            f"{_counts(errors_only(found.reasons))}. {hint}All rejects are listed in {table}; to "
            "accept them, add --max-reject-share 1"
        )
    raise EmptyUnitError(
        f"{unit.name}: no row is left: {_counts(found.reasons)}. {hint}All rejects are listed in "
        f"{table}",
        found.reasons,
    )


def _counts(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
