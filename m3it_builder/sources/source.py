"""The only door to raw files: one task, one split, names instead of paths.

A name is ``<source_id>/<path inside the official archive>``. Whether that
archive is still packed, already unpacked, or laid out in one of the other
ways its source card lists, is no converter's business.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import orjson

from m3it_builder.errors import SourceError
from m3it_builder.records import Frames, Image, Location, Pixels, Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.join import join
from m3it_builder.sources.lookup import Lookup
from m3it_builder.sources.restricted_pickle import load_restricted

if TYPE_CHECKING:
    from m3it_builder.cards.cards import OptionValue
    from m3it_builder.tasks.registry import Task

_CELL = 64 << 20  # bytes; some annotation files hold whole web pages in one cell
_WATCHED = 200
# What a gzip file that is cut short or damaged raises while it is read.
_UNPACKING = (EOFError, zlib.error, gzip.BadGzipFile)
_BOM = b"\xef\xbb\xbf"


class Source:
    """Reading access to the raw files of one task and split."""

    def __init__(self, task: Task, split: Split, root: Path) -> None:
        self.task = task.name
        self.split = split
        self.file_split = "val" if split == "validation" else split  # as official files spell it
        self.root = root.absolute()
        self.position = ""  # file and record read last, for error messages
        self.texts: set[str] = set()  # names of annotation files read, of the first few
        self._options = task.options
        self._catalogs = {
            name: Catalog(task.sources[name], self.root) for name in task.card.sources_of(split)
        }

    def option(self, name: str) -> OptionValue:
        """Return the value of one of the card's options."""
        return self._options[name]

    def image(self, name: str, *others: str, size: tuple[int, int] | None = None) -> Image:
        """Return an image by name. Nothing is opened, and nothing can fail.

        Args:
            name: where the official archive has it.
            others: further names it may have, where the annotation does not tell which.
            size: width and height, in pixels, the annotation was made on.
        """
        return Image(name, size, others=others)

    def video(self, name: str, count: int = 8, rule: str = "ends") -> Image:
        """Return frames of a video by name, taken when the row is packed.

        Args:
            name: where the official archive has it; other endings are tried too.
            count: how many frames.
            rule: how they are spread; see ``m3it_builder.media.video.choose``.
        """
        return Image(name, selection=Frames(count, cast(Any, rule)))

    def array(self, name: str, index: int, order: str = "RGB", scale: int = 1) -> Image:
        """Return one image of a NumPy file of images, (N, height, width, 3) of uint8.

        Args:
            name: the ``.npy`` file.
            index: of the image.
            order: of the channels in the file, ``RGB`` or ``BGR``.
            scale: enlarge so many times, by repeating pixels.
        """
        return Image(name, selection=Pixels(index, cast(Any, order), scale))

    def find(self, name: str) -> Location | None:
        """Return where a name lies, or None if it is nowhere."""
        catalog, rest = self._catalog(name)
        return catalog.find(rest)

    def glob(self, pattern: str) -> list[str]:
        """Return the names that match, sorted; ``*`` and ``?`` stay inside one folder."""
        catalog, rest = self._catalog(pattern)
        return [f"{catalog.card.name}/{name}" for name in catalog.glob(rest)]

    def json(self, name: str) -> Any:
        """Read one whole JSON file; for large ones use ``items``."""
        with self._open(name) as file:
            return _parse(self._read(name, file).removeprefix(_BOM), name)

    def items(self, name: str, path: str = "") -> Iterator[Any]:
        """Yield the elements of one array of a JSON file, streaming.

        Args:
            name: the file.
            path: keys that lead to the array, joined by dots; "" for the file itself.

        Raises:
            SourceError: the file is not whole, or has no such array.
        """
        prefix = f"{path}.item" if path else "item"
        count = 0
        for count, item in enumerate(self._stream("items", name, prefix), 1):
            self.position = f"{name} (record {count} of {path or 'the list'})"
            yield item
        if not count:
            self._require(name, path, "start_array")

    def entries(self, name: str, path: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the (key, value) pairs of one object of a JSON file, streaming."""
        count = 0
        for count, (key, value) in enumerate(self._stream("kvitems", name, path), 1):  # noqa: B007
            self.position = f"{name} (key {key!r})"
            yield key, value
        if not count:
            self._require(name, path, "start_map")

    def jsonl(self, name: str) -> Iterator[Any]:
        """Yield the values of a JSON Lines file, whatever its ending."""
        for number, line in self._lines(name):
            if line.strip():
                yield _parse(line, f"{name} line {number}")

    def text(self, name: str) -> Iterator[str]:
        """Yield the lines of a UTF-8 text file without their line ends."""
        for number, line in self._lines(name):
            yield _decode(line, f"{name} line {number}").rstrip("\r\n")

    def csv(self, name: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
        """Yield the rows of a CSV file with a header; quotes may span lines."""
        csv.field_size_limit(_CELL)
        with self._open(name) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            reader = csv.DictReader(text, delimiter=delimiter, strict=True)
            try:
                for row in reader:
                    self.position = f"{name} (line {reader.line_num})"
                    if None in row or None in row.values():
                        raise _broken(f"{name} line {reader.line_num}", "another number of cells")
                    yield row
            except (csv.Error, UnicodeDecodeError, *_UNPACKING) as error:
                raise _broken(f"{name} line {reader.line_num}", str(error)) from error

    def tsv(self, name: str) -> Iterator[list[str]]:
        """Yield the cells of a tab-separated file without header or quoting."""
        for line in self.text(name):
            yield line.split("\t")

    def pickle(self, name: str) -> Any:
        """Read a pickle of plain values: lists, dicts, texts and numbers, nothing that runs.

        Raises:
            SourceError: it holds anything else, or is not whole.
        """
        with self._open(name) as file:
            return load_restricted(self._read(name, file), name)

    def lookup(self, pairs: Iterable[tuple[Any, Any]]) -> Lookup[Any]:
        """Gather values by key, on disk where they are many; see ``lookup.Lookup``."""
        return Lookup(pairs)

    def join(
        self, left: Iterable[Mapping[str, Any]], right: Iterable[Mapping[str, Any]], key: str
    ) -> Iterator[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
        """Pair the rows of two files by a key in flat memory; see ``join.join``."""
        return join(left, right, key)

    def _lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        with self._open(name) as file:
            number = 0
            try:
                for number, line in enumerate(file, 1):
                    self.position = f"{name} (line {number})"
                    yield number, line.removeprefix(_BOM) if number == 1 else line
            except _UNPACKING as error:
                raise _broken(f"{name} after line {number}", str(error)) from error

    def _stream(self, kind: str, name: str, prefix: str) -> Iterator[Any]:
        import ijson

        with self._open(name) as file:
            try:
                _skip_bom(file)
                yield from getattr(ijson, kind)(file, prefix, use_float=True)
            except (ijson.JSONError, UnicodeDecodeError, *_UNPACKING) as error:
                what = str(error).strip().splitlines()[0]
                raise _broken(self.position or name, what) from error

    def _require(self, name: str, path: str, event: str) -> None:
        """Tell an empty array or object from one that is not there."""
        import ijson

        with self._open(name) as file:
            _skip_bom(file)
            if any(at == path and what == event for at, what, _ in ijson.parse(file)):
                return
        kind = "list" if event == "start_array" else "object"
        raise SourceError(
            f"{name} has no {kind} {path!r}; it is not the official file, or another version of it"
        )

    def _open(self, name: str) -> BinaryIO:
        catalog, rest = self._catalog(name)
        self.position = name
        # A file beside each of a hundred thousand images is not watched one by one.
        if len(self.texts) < _WATCHED:
            self.texts.add(name)
        return catalog.open(rest)

    def _read(self, name: str, file: BinaryIO) -> bytes:
        try:
            return file.read()
        except _UNPACKING as error:
            raise _broken(name, str(error)) from error

    def _catalog(self, name: str) -> tuple[Catalog, str]:
        source, _, rest = name.partition("/")
        if source not in self._catalogs:
            raise SourceError(
                f"{self.task}/{self.split} reads {name!r}, but its card lists only "
                f"{', '.join(self._catalogs)} under 'sources' for this split"
            )
        return self._catalogs[source], rest


def _parse(data: bytes, where: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass  # it refuses NaN and lone surrogates, which published files do hold
    try:
        return json.loads(data)
    except ValueError as error:
        raise _broken(where, str(error)) from error


def _decode(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken(where, str(error)) from error


def _skip_bom(file: BinaryIO) -> None:
    peek = getattr(file, "peek", None)
    if peek is not None and peek(3)[:3] == _BOM:
        file.read(3)


def _broken(where: str, how: str) -> SourceError:
    return SourceError(
        f"{where}: cannot be read ({how}); the file is cut short or damaged, download it again"
    )
