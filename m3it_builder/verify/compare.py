"""One file of a shard held against the index, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from m3it_builder.shards.formats import TEXT_COLUMNS
from m3it_builder.verify.faults import Tally
from m3it_builder.verify.images import ImageChecker
from m3it_builder.verify.stored_row import UNREADABLE, Broken, Found, Note, said

Row = Mapping[str, Any]
Reader = Callable[[Note], Iterator[Found]]

_ENDINGS = {"image/jpeg": "jpg"}


class Stream:
    """The rows of one file, asked for in the order of the index."""

    def __init__(self, name: str, read: Reader, where: str, tally: Tally) -> None:
        self._name = name
        self._where = where
        self._tally = tally
        self._found = read(self._note)
        self._rows = self._wanted = 0
        self._broken = self._astray = False

    def compare(self, row: Row, checker: ImageChecker) -> int:
        """Hold the next row against one of the index; return its bytes, about."""
        self._wanted += 1
        if self._astray or (found := self._next()) is None:
            return 0
        where = f"{self._where} row {row['row']} ({row['id']})"
        if found.texts is not None and found.texts.get("id") != row["id"]:
            self._astray = True  # what follows would differ everywhere
            self._tally.add("row_order", where, f"here is {found.texts.get('id')!r}")
            return 0
        self._tally.extend(where, self._differences(found, row, checker))
        if found.place is not None:
            return found.place[1]
        return sum(len(data) for data in found.images if data is not None)

    def skip(self) -> None:
        """Pass over a row that the index does not describe well enough."""
        self._wanted += 1
        self._next()

    def finish(self) -> None:
        """Read what is left: the index knows nothing of it."""
        while not self._broken and self._next() is not None:
            pass
        if self._broken or self._rows == self._wanted:
            return
        check = "row_missing" if self._rows < self._wanted else "row_extra"
        self._note(check, f"{self._rows:,} rows, the index has {self._wanted:,}")

    def _note(self, check: str, detail: str) -> None:
        self._tally.add(check, self._where, detail)

    def _next(self) -> Found | None:
        if self._broken:
            return None
        try:
            found = next(self._found, None)
        except Broken as broken:
            self._broken = True
            self._note(broken.check, broken.detail)
            return None
        except UNREADABLE as error:
            self._broken = True
            self._note("shard_unreadable", said(error))
            return None
        self._rows += found is not None
        return found

    def _differences(
        self, found: Found, row: Row, checker: ImageChecker
    ) -> Iterator[tuple[str, str]]:
        if found.key is not None and found.key != row["key"]:
            yield "row_order", f"its members are called {found.key}"
        place = row.get(f"{self._name}_offset"), row.get(f"{self._name}_length")
        if found.place is not None and found.place != place:
            yield "row_place", f"it is {_span(found.place)}, the index says {_span(place)}"
        yield from _text_differences(found, row)
        yield from _image_differences(found, row, checker)


def _text_differences(found: Found, row: Row) -> Iterator[tuple[str, str]]:
    if found.texts is None:
        return  # said by the reader
    odd = found.texts.keys() ^ set(TEXT_COLUMNS)
    if odd:
        yield "shard_schema", f"missing, or too much: {', '.join(sorted(odd))}"
    nulls = [name for name in TEXT_COLUMNS if found.texts.get(name, "") is None]
    if nulls:
        yield "null_value", ", ".join(nulls)
    for name in TEXT_COLUMNS:
        if name not in odd and name not in nulls and found.texts[name] != row[name]:
            yield "text_differs", name


def _image_differences(found: Found, row: Row, checker: ImageChecker) -> Iterator[tuple[str, str]]:
    images = row["images"]
    if found.texts is None and not found.images:
        return
    if len(found.images) != len(images):
        yield "image_differs", f"{len(found.images)} images, the index has {len(images)}"
        return
    mimes = [image["mime"] for image in images]
    if found.mimes is not None and list(found.mimes) != mimes:
        yield "image_described", f"the json says {found.mimes}, the index {mimes}"
    paths = [
        f"{row['key']}.{place}.{_ENDINGS.get(mime) or mime.rpartition('/')[2]}"
        for place, mime in enumerate(mimes)
    ]
    if found.paths is not None and list(found.paths) != paths:
        yield "image_described", f"the paths are {found.paths}, not {paths}"
    for place, (data, image) in enumerate(zip(found.images, images, strict=True)):
        if data is None:
            yield "base64" if found.paths is None else "null_value", f"image {place}"
        else:
            yield from checker.judge(place, data, image)


def _span(place: tuple[Any, Any]) -> str:
    return f"{place[1]} bytes at {place[0]}"
