"""Archives that cannot be read in place: compressed tars, tars of tars, split archives.

``m3it fetch --repack`` writes one plain tar for each, beside it, which catalogs read instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m3it_builder.cards.suffixes import COMPRESSED

_REPACKED = ".repacked.tar"


@dataclass(frozen=True, slots=True)
class CompressedArchive:
    """One archive that must be repacked, whole or split into parts."""

    name: str  # file name; of split parts, that of the archive they form
    part_names: tuple[str, ...]  # relative to the source, in order; one if it is not split
    mtime_ns: int  # of the newest part
    compressed_size: int  # bytes of all parts
    target: Path  # the repacked plain tar

    @property
    def is_up_to_date(self) -> bool:
        """Whether the repacked tar exists and was made from these parts."""
        return self.target.exists() and self.target.stat().st_mtime_ns == self.mtime_ns


def repacked_name(name: str) -> str | None:
    """Return the name of an archive's repacked tar; None if it is not a repackable archive."""
    suffix = next((s for s in (*COMPRESSED, ".tar", ".zip") if name.endswith(s)), None)
    if suffix is None or is_repacked(name):
        return None
    return name.removesuffix(suffix) + _REPACKED


def is_repacked(name: str) -> bool:
    """Return True for the name of a repacked tar."""
    return name.endswith(_REPACKED)
