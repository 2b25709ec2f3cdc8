"""Read access to raw files for converters: one task, one split, names instead of paths.

A name is ``<source_id>/<path in the official archive>``. It is the same whether that
archive is packed, unpacked, or unpacked into another layout that its source card lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from m3it_builder.errors import ConverterError, SourceError
from m3it_builder.records import FileIdentity, Frames, Image, Location, Pixels, Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.csv_rows import csv_rows
from m3it_builder.sources.decoding import BOM, GZIP_ERRORS, decode_utf8, parse_json, unreadable
from m3it_builder.sources.join import join
from m3it_builder.sources.json_stream import JsonStream
from m3it_builder.sources.lookup import Lookup
from m3it_builder.sources.restricted_pickle import load_restricted

if TYPE_CHECKING:
    from m3it_builder.cards.cards import OptionValue

_MAX_NAMES = 200
_SPLIT_NAMES = ("train", "val", "validation", "test")


class Source:
    """Read access to the raw files of one task and split.

    Attributes:
        task: name of the task, or of the variant that is built; for ``seeded``.
        split: ``train``, ``validation`` or ``test``.
        file_split: the same as most official files spell it: ``val`` for ``validation``,
            otherwise equal to ``split``.

    Args:
        catalogs: of the sources that the split reads, by source id.
        split: of the task.
        task: its name, for error messages and as a seed of random selection.
        options: values of the card's options, by name.
    """

    def __init__(
        self,
        catalogs: Mapping[str, Catalog],
        split: Split,
        *,
        task: str,
        options: Mapping[str, OptionValue] | None = None,
    ) -> None:
        self.task = task
        self.split = split
        self.file_split = "val" if split == "validation" else split  # as official files spell it
        self._position: str | tuple[str, int, str] = ""
        self.names_read: set[str] = set()  # annotation files opened; the first _MAX_NAMES
        self._options, self._catalogs = dict(options or {}), dict(catalogs)

    @property
    def position(self) -> str:
        """File and record read last, for error messages."""
        if isinstance(self._position, str):
            return self._position
        name, count, path = self._position  # formatted on demand: there are millions of records
        return f"{name} (record {count} of {path or 'the array'})"

    @position.setter
    def position(self, position: str) -> None:
        self._position = position

    def option(self, name: str) -> OptionValue:
        """Return the value of one option of the card.

        Raises:
            ConverterError: the card declares no such option.
        """
        if name not in self._options:
            raise ConverterError(
                f"{self.task}: the card declares no option {name!r}; declared: "
                f"{', '.join(self._options) or 'none'}",
                "add it under 'options', or correct its name in the converter",
            )
        return self._options[name]

    def in_split(self, value: object, others: Mapping[str, Split] = MappingProxyType({})) -> bool:
        """Return True if the value of a split field names this split; ``val`` is validation.

        Args:
            value: of the field.
            others: further names that the files use, and the split that each is part of.

        Raises:
            ValueError: no split has this name; a record must not vanish from all of them.
        """
        name = others.get(value, value) if isinstance(value, str) else value
        if name not in _SPLIT_NAMES:
            raise ValueError(
                f"the split {value!r} is none of {', '.join([*_SPLIT_NAMES, *others])}"
            )
        return name in (self.split, self.file_split)

    def image(self, name: str, *others: str, size: tuple[int, int] | None = None) -> Image:
        """Return an image by name. Nothing is opened, so this cannot fail.

        Args:
            name: of the file.
            others: further names to try, in this order, if the annotation is ambiguous.
            size: width and height that the annotation refers to, in pixels.
        """
        return Image(name, size, other_names=others)

    def video(self, name: str, count: int = 8, rule: str = "ends") -> Image:
        """Return frames of a video by name; they are extracted when the row is packed.

        Args:
            name: of the file; other video suffixes are tried too.
            count: number of frames.
            rule: distribution of the frames; see ``m3it_builder.media.video.choose``.
        """
        return Image(name, selection=Frames(count, cast(Any, rule)))

    def array(self, name: str, index: int, order: str = "RGB", scale: int = 1) -> Image:
        """Return one image of a NumPy array of images, shape (N, height, width, 3), uint8.

        Args:
            name: of the ``.npy`` file.
            index: of the image, along the first axis.
            order: of the channels in the file, ``RGB`` or ``BGR``.
            scale: integer factor of enlargement, by repeating pixels.
        """
        return Image(name, selection=Pixels(index, cast(Any, order), scale))

    def find(self, name: str) -> Location | None:
        """Return the location of a name, or None."""
        catalog, path = self._catalog(name)
        return catalog.find(path)

    def archive_identities(self) -> dict[str, FileIdentity]:
        """Return the identity of each archive when its members were listed, by path."""
        return {
            path: identity
            for catalog in self._catalogs.values()
            for path, identity in catalog.archive_identities().items()
        }

    def glob(self, pattern: str) -> list[str]:
        """Return the names that match a pattern, sorted; ``*`` and ``?`` do not match ``/``."""
        catalog, path = self._catalog(pattern)
        return [f"{catalog.card.name}/{name}" for name in catalog.glob(path)]

    def json(self, name: str) -> Any:
        """Read a whole JSON file into memory; for large files use ``items`` or ``entries``."""
        with self._open(name) as file:
            return parse_json(self._read(name, file).removeprefix(BOM), name)

    def items(self, name: str, path: str = "") -> Iterator[Any]:
        """Stream the elements of one array of a JSON file.

        Args:
            name: of the file.
            path: keys of the array, joined by dots; "" if the file is the array.

        Raises:
            SourceError: the file is missing, truncated or corrupt, or has no such array.
        """
        with self._stream(name) as stream:
            for count, item in enumerate(stream.items(path), 1):
                self._position = name, count, path
                yield item

    def item(self, name: str, path: str) -> Any:
        """Return one value of a large JSON file; reading stops where the value ends.

        Args:
            name: of the file.
            path: keys of the value, joined by dots; the first one is returned.

        Raises:
            SourceError: the file is missing, truncated or corrupt, or has no such value.
        """
        with self._stream(name) as stream:
            value = stream.first(path)
            self.position = f"{name} ({path})"
            return value

    def entries(self, name: str, path: str = "", field: str = "") -> Iterator[tuple[str, Any]]:
        """Stream the (key, value) pairs of one object of a JSON file; see ``items``.

        With ``field``, it may be an array of the values instead, which hold their key there.
        """
        with self._stream(name) as stream:
            for key, value in stream.entries(path, field):
                self.position = f"{name} (key {key!r})"
                yield key, value

    def keys(self, name: str, path: str = "") -> Iterator[str]:
        """Stream the keys of one object of a JSON file, to find out which version it is."""
        with self._stream(name) as stream:
            yield from stream.keys(path)

    def jsonl(self, name: str) -> Iterator[Any]:
        """Stream the values of a JSON Lines file, whatever its suffix; empty lines are skipped."""
        for number, line in self._lines(name):
            if line.strip():
                yield parse_json(line, f"{name} line {number}")

    def text(self, name: str) -> Iterator[str]:
        """Stream the lines of a UTF-8 text file, without line ends."""
        for number, line in self._lines(name):
            yield decode_utf8(line, f"{name} line {number}").rstrip("\r\n")

    def csv(self, name: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
        """Stream the rows of a CSV file with a header; quoted cells may span lines."""
        with self._open(name) as file:
            for number, row in csv_rows(file, name, delimiter):
                self.position = f"{name} (line {number})"
                yield row

    def tsv(self, name: str) -> Iterator[list[str]]:
        """Stream the rows of a tab-separated file without header and quoting, as lists of cells."""
        yield from (line.split("\t") for line in self.text(name))

    def pickle(self, name: str) -> Any:
        """Read a pickle of plain values: lists, dicts, strings and numbers.

        Raises:
            SourceError: it refers to a class or function, or is truncated or corrupt.
        """
        with self._open(name) as file:
            return load_restricted(self._read(name, file), name)

    def lookup(self, pairs: Iterable[tuple[Any, Any]]) -> Lookup[Any]:
        """Index values by key, on disk if they are many; see ``lookup.Lookup``."""
        return Lookup(pairs)

    def join(
        self, left: Iterable[Mapping[str, Any]], right: Iterable[Mapping[str, Any]], key: str
    ) -> Iterator[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
        """Join the rows of two files by a key in flat memory; see ``join.join``."""
        return join(left, right, key)

    def _lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        with self._open(name) as file:
            number = 0
            try:
                for number, line in enumerate(file, 1):
                    self.position = f"{name} (line {number})"
                    yield number, line.removeprefix(BOM) if number == 1 else line
            except GZIP_ERRORS as error:
                raise unreadable(f"{name} after line {number}", str(error)) from error

    @contextmanager
    def _stream(self, name: str) -> Iterator[JsonStream]:
        with self._open(name) as file:
            try:
                yield JsonStream(file)
            except LookupError as error:
                raise SourceError(
                    f"{name} {error.args[0]}",
                    "it is not the official file or another version, download it again",
                ) from error
            except (ValueError, *GZIP_ERRORS) as error:
                raise unreadable(self.position or name, str(error)) from error

    def _open(self, name: str) -> BinaryIO:
        catalog, path = self._catalog(name)
        self.position = name
        # The fingerprint checks these files one by one: they must not be one per image.
        if len(self.names_read) < _MAX_NAMES:
            self.names_read.add(name)
        return catalog.open(path)

    def _read(self, name: str, file: BinaryIO) -> bytes:
        try:
            return file.read()
        except GZIP_ERRORS as error:
            raise unreadable(name, str(error)) from error

    def _catalog(self, name: str) -> tuple[Catalog, str]:
        source_id, _, path = name.partition("/")
        if source_id not in self._catalogs:
            known = ", ".join(self._catalogs) or "no source"
            raise ConverterError(
                f"{self.task}/{self.split} reads {name!r}, but a name begins with the id of a "
                f"source, and for this split its card lists only {known} under 'sources'",
                f"write the id before the path, or add {source_id!r} to the card",
            )
        return self._catalogs[source_id], path
