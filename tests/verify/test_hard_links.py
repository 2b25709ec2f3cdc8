"""Hard links, followed by the second reader as unpacking makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.verify.hard_links import HardLinks
from m3it_builder.verify.second_reader import walk
from m3it_builder.verify.source_table import Wanted
from tests.sources.test_replaced_members import CASES, Entry, write


@pytest.mark.parametrize(("entries", "_"), CASES)
def test_origins_of_links(tmp_path: Path, entries: list[Entry], _: int) -> None:
    """Of every name, its content is that of the last file that counts."""
    write(tmp_path / "a.tar", entries)
    kept: dict[str, bytes] = {}
    for name, value, _kind in entries:  # a model of unpacking
        if isinstance(value, bytes):
            kept[name] = value
        elif _kind == b"1":
            kept[name] = kept[str(value).removeprefix("./")]
        else:
            kept.pop(name, None)
    assert resolved(tmp_path / "a.tar") == kept


def resolved(path: Path) -> dict[str, bytes]:
    links, found = HardLinks(), {}
    names: dict[int, str] = {}
    for position, one in enumerate(walk(path)):
        if one.link:
            names[position] = one.name
            links.add(position, one.name, one.link, [(position, NOTHING)])
            continue
        links.replace(one.name)
        if one.link is None:
            with one.open() as file:
                found[one.name] = file.read()
        else:
            found.pop(one.name, None)
    origins = links.origins()
    for position, one in enumerate(walk(path)):
        for after, before, wanted in origins.get(one.name, ()) if one.link is None else ():
            if after < position < before:
                with one.open() as file:
                    found[names[wanted[0][0]]] = file.read()
    return found


NOTHING: Wanted = None  # type: ignore[assignment] # what is wanted is not looked at
