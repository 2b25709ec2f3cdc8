"""Archives that cannot be read in place: compressed tars, tars of tars, split parts.

``m3it fetch --repack`` makes one plain tar of each, beside it, and every
catalog reads that instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m3it_builder.cards.suffixes import COMPRESSED

_REPACKED = ".repacked.tar"


@dataclass(frozen=True, slots=True)
class CompressedArchive:
    """One archive that lies there and cannot be read in place."""

    whole: str  # its file name, or that of what its parts make together
    parts: tuple[str, ...]  # names inside the source, in order
    mtime_ns: int  # of the newest part
    bytes: int  # of all parts
    target: Path  # the plain tar it is made into

    @property
    def is_done(self) -> bool:
        """Whether the plain tar was made already, from these very parts."""
        return self.target.exists() and self.target.stat().st_mtime_ns == self.mtime_ns


def repacked_name(name: str) -> str | None:
    """Return the name of the plain tar made of an archive; None where none is made."""
    ending = next((e for e in (*COMPRESSED, ".tar", ".zip") if name.endswith(e)), None)
    if ending is None or is_repacked(name):
        return None
    return name.removesuffix(ending) + _REPACKED


def is_repacked(name: str) -> bool:
    """Tell whether a file is such a plain tar."""
    return name.endswith(_REPACKED)
