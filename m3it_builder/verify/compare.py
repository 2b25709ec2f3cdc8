"""Compares one file of a shard with the index, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.shards.formats import FORMATS, TEXT_COLUMNS
from m3it_builder.verify.findings import Findings, Tally
from m3it_builder.verify.images import ImageChecker
from m3it_builder.verify.stored_row import (
    READ_ERRORS,
    ReadError,
    Reporter,
    StoredRow,
    first_line,
)

Reader = Callable[[Reporter], Iterator[StoredRow]]

_EXTENSIONS = {"image/jpeg": "jpg"}


class ShardFileChecker:
    """Reads the rows of one file, and compares each with the next index row."""

    def __init__(self, name: str, read: Reader, where: str, tally: Tally) -> None:
        self._format = name
        self._where = where
        self._tally = tally
        self._rows = read(self._report)
        self._read_count = self._index_count = 0
        self._is_unreadable = self._is_misaligned = False

    def compare(self, row: IndexRow, checker: ImageChecker) -> int:
        """Compare the next row with one of the index; return its approximate size in bytes."""
        self._index_count += 1
        if self._is_misaligned or (stored := self._next_row()) is None:
            return 0
        where = f"{self._where} row {row.row} ({row.id})"
        if stored.texts is not None and stored.texts.get("id") != row.id:
            self._is_misaligned = True  # every following row would differ as well
            self._tally.add("row_order", where, f"the file has {stored.texts.get('id')!r} here")
            return 0
        self._tally.extend(where, self._differences(stored, row, checker))
        if stored.byte_range is not None:
            return stored.byte_range[1]
        return sum(len(data) for data in stored.images if data is not None)

    def skip(self) -> None:
        """Skip a row whose index entry is too incomplete for a comparison."""
        self._index_count += 1
        self._next_row()

    def finish(self) -> None:
        """Read the remaining rows, which are not in the index, and compare the counts."""
        while not self._is_unreadable and self._next_row() is not None:
            pass
        if self._is_unreadable or self._read_count == self._index_count:
            return
        check = "row_missing" if self._read_count < self._index_count else "row_extra"
        self._report(check, f"{self._read_count:,} rows, the index has {self._index_count:,}")

    def _report(self, check: str, detail: str) -> None:
        self._tally.add(check, self._where, detail)

    def _next_row(self) -> StoredRow | None:
        if self._is_unreadable:
            return None
        try:
            row = next(self._rows, None)
        except ReadError as error:
            self._is_unreadable = True
            self._report(error.check, error.detail)
            return None
        except READ_ERRORS as error:
            self._is_unreadable = True
            self._report("shard_unreadable", first_line(error))
            return None
        self._read_count += row is not None
        return row

    def _differences(self, stored: StoredRow, row: IndexRow, checker: ImageChecker) -> Findings:
        if stored.key is not None and stored.key != row.key:
            yield "row_order", f"the key of its members is {stored.key}"
        columns = FORMATS[self._format].range_columns
        expected = tuple(getattr(row, column, None) for column in columns)
        if stored.byte_range is not None and stored.byte_range != expected:
            detail = f"{_describe(stored.byte_range)}, the index says {_describe(expected)}"
            yield "row_location", detail
        yield from _text_differences(stored, row)
        if stored.image_ids is None:
            yield from _image_differences(stored, row, checker)
        elif stored.image_ids != [image.digest for image in row.images]:
            yield "image_differs", "the image_ids are not the digests of the index"


def _text_differences(stored: StoredRow, row: IndexRow) -> Findings:
    if stored.texts is None:
        return  # reported by the reader
    unmatched = stored.texts.keys() ^ set(TEXT_COLUMNS)
    if unmatched:
        yield "shard_schema", f"missing or unexpected: {', '.join(sorted(unmatched))}"
    nulls = [name for name in TEXT_COLUMNS if stored.texts.get(name, "") is None]
    if nulls:
        yield "null_value", ", ".join(nulls)
    for name in TEXT_COLUMNS:
        if name not in unmatched and name not in nulls and stored.texts[name] != getattr(row, name):
            yield "text_differs", name


def _image_differences(stored: StoredRow, row: IndexRow, checker: ImageChecker) -> Findings:
    images = row.images
    if stored.texts is None and not stored.images:
        return
    if len(stored.images) != len(images):
        yield "image_differs", f"{len(stored.images)} images, the index has {len(images)}"
        return
    mimes = [image.mime for image in images]
    if stored.mimes is not None and list(stored.mimes) != mimes:
        yield "image_metadata_differs", f"the JSON member says {stored.mimes}, the index {mimes}"
    paths = [
        f"{row.key}.{position}.{_EXTENSIONS.get(mime) or mime.rpartition('/')[2]}"
        for position, mime in enumerate(mimes)
    ]
    if stored.paths is not None and list(stored.paths) != paths:
        yield "image_metadata_differs", f"the paths are {stored.paths}, expected {paths}"
    for position, (data, image) in enumerate(zip(stored.images, images, strict=True)):
        if data is None:
            yield "base64" if stored.paths is None else "null_value", f"image {position}"
        else:
            yield from checker.check(position, data, image)


def _describe(byte_range: tuple[int | None, ...]) -> str:
    offset, length = byte_range
    return f"{length} bytes at {offset}"
