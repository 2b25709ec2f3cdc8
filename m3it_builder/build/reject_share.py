"""The share of rejects among the examples that were really tried.

A row is tried twice: as a record, before rows are chosen, and as a row, with its texts
and images. Rows that are not sampled, beyond the limit, dropped, or have no public answer
were rejected by intent: they count in neither denominator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from m3it_builder.build.spool_reader import Facts

# Rejects by intent, not errors of the source.
EXPECTED_REASONS = ("not_sampled", "over_limit", "not_chosen", "answer_withheld", "dropped")


@dataclass(frozen=True, slots=True)
class Tried:
    """Examples tried in one of the two steps."""

    passed: int
    rejected: int

    @property
    def total(self) -> int:
        """Return how many were tried."""
        return self.passed + self.rejected

    @property
    def pass_rate(self) -> Fraction:
        """Return the share that passed; 1 where nothing was tried."""
        return Fraction(self.passed, self.total) if self.total else Fraction(1)


@dataclass(frozen=True, slots=True)
class RejectShare:
    """How many examples were rejected, of those that were tried."""

    records: Tried
    rows: Tried

    @property
    def rejected(self) -> int:
        """Return the number of rejects that are errors."""
        return self.records.rejected + self.rows.rejected

    @property
    def share(self) -> Fraction:
        """Return the probability that an example, tried to the end, is rejected.

        Of an unsampled unit this is rejected / tried.
        """
        return 1 - self.records.pass_rate * self.rows.pass_rate

    def __str__(self) -> str:
        if self.rows.total == self.records.passed:
            return f"{self.rejected:,} of {self.records.total:,} examples were rejected"
        return (
            f"{self.records.rejected:,} of {self.records.total:,} examples, and "
            f"{self.rows.rejected:,} of {self.rows.total:,} chosen rows were rejected"
        )


def reject_share(facts: Facts, rows: int, reasons: Mapping[str, int]) -> RejectShare:
    """Return the share of rejects of a unit.

    Args:
        facts: of its spool.
        rows: that are built.
        reasons: all rejects so far, by reason.
    """
    before, total = _errors(facts.rejected_before), _errors(reasons)
    return RejectShare(Tried(facts.candidates, before), Tried(rows, total - before))


def _errors(reasons: Mapping[str, int]) -> int:
    counts = Counter(reasons)
    return counts.total() - sum(counts[reason] for reason in EXPECTED_REASONS)
