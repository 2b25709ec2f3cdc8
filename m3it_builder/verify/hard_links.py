"""Which entries of an archive have the content of its hard links.

As in unpacking, a link has the content that its target had when the link was made: a target
that is replaced later does not change it. Memory is that of the links, however many files
there are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from m3it_builder.verify.source_table import Wanted

Ranked = Sequence[tuple[int, Wanted]]  # with the rank of the name under which it was found


class HardLinks:
    """The hard links of one archive, added in its order."""

    def __init__(self) -> None:
        self._links: dict[str, list[tuple[int, str]]] = defaultdict(list)  # (position, target)
        self._wanted: dict[str, tuple[int, str, Ranked]] = {}

    def add(self, position: int, name: str, target: str, wanted: Ranked) -> None:
        """Add the link at a position in the archive, and what is wanted of its name."""
        if target == name:  # it changes nothing
            return
        self._links[name].append((position, target))
        if wanted:
            self._wanted[name] = position, target, wanted

    def replace(self, name: str) -> None:
        """Forget what is wanted of a name, which a later entry has replaced."""
        self._wanted.pop(name, None)

    def origins(self) -> dict[str, list[tuple[int, int, Ranked]]]:
        """Return by name of a file (after, before, wanted): the last file between counts."""
        origins: dict[str, list[tuple[int, int, Ranked]]] = defaultdict(list)
        for position, target, wanted in self._wanted.values():
            link: tuple[int, str] | None = (position, target)
            while link is not None:  # a target may be a link itself
                before, name = link
                earlier = self._links.get(name, [])
                count = bisect_left(earlier, (before, ""))
                link = earlier[count - 1] if count else None
                origins[name].append((link[0] if link else -1, before, wanted))
        return origins
