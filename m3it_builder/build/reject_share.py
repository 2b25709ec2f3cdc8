"""The share of rejects among the examples that were actually processed.

An example is checked in two steps: as a record, before rows are chosen, and as a row, with
its texts and images. Examples that are not sampled, over the limit, dropped, or without a
public answer were rejected by intent; they count in no denominator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from m3it_builder.build.spool_reader import Facts

# Rejected by intent; all other reasons are errors in the source.
INTENDED_REASONS = ("not_sampled", "over_limit", "not_chosen", "answer_withheld", "dropped")


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one of the two steps."""

    passed: int
    rejected: int

    @property
    def total(self) -> int:
        """Return the number of examples checked."""
        return self.passed + self.rejected

    @property
    def pass_rate(self) -> Fraction:
        """Return the share that passed; 1 if nothing was checked."""
        return Fraction(self.passed, self.total) if self.total else Fraction(1)


@dataclass(frozen=True, slots=True)
class RejectShare:
    """Numbers of examples checked and rejected in both steps."""

    records: Step
    rows: Step

    @property
    def rejected(self) -> int:
        """Return the number of rejects that are errors."""
        return self.records.rejected + self.rows.rejected

    @property
    def share(self) -> float:
        """Return the estimated share of examples that fail one of the two steps.

        In a unit built completely this is exactly rejected / total.
        """
        # Fractions, rounded once: 15 of 100 must equal the 0.15 of a command line.
        return float(1 - self.records.pass_rate * self.rows.pass_rate)

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
        facts: from its spool.
        rows: number of rows that passed all checks so far.
        reasons: all rejects so far, by reason.
    """
    before = errors_only(facts.rejected_before).total()
    after = errors_only(reasons).total() - before
    return RejectShare(records=Step(facts.candidates, before), rows=Step(rows, after))


def errors_only(reasons: Mapping[str, int]) -> Counter[str]:
    """Return the counts of rejects that are errors, by reason."""
    return Counter({name: n for name, n in reasons.items() if name not in INTENDED_REASONS})
