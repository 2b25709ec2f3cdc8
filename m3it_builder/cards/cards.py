"""Task cards and source cards: what is known, as data, in strict YAML.

A task card holds the facts about one task; a source card those about one set
of official files. Both refuse unknown keys, because a mistyped key in a card
would otherwise be a silent change of the dataset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.cards.suffixes import COMPRESSED
from m3it_builder.errors import CardError
from m3it_builder.records import SPLITS, Split, Style

Group = Literal["caption", "classify", "vqa", "kvqa", "reason", "generate"]
OptionValue = bool | int | float | str
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class SplitCard(Strict):
    """What is expected of one split."""

    rows: int = Field(ge=0)  # published number; for a variant of ours, the official number
    sample: bool = False  # the published rows are a sample of a larger official split
    answers: Literal["public", "withheld"] = "public"


class ImageCount(Strict):
    """The least and the most images one row has."""

    min: int = Field(default=1, ge=0)
    max: int = Field(default=1, ge=0)


class RenderCard(Strict):
    """How answers and regions are written; see ``render.Style``."""

    answer: Literal["text", "letter", "both"] = "text"
    regions: Literal["drawn", "text"] = "drawn"

    def style(self) -> Style:
        """Return the plain value the renderer takes."""
        return Style(self.answer, self.regions)


class Option(Strict):
    """One setting of a converter, changed by ``--set TASK.NAME=VALUE``."""

    default: OptionValue
    help: Text
    choices: tuple[OptionValue, ...] = ()
    min: int | None = None  # of a number
    max: int | None = None

    def parse(self, name: str, text: str) -> OptionValue:
        """Read a command-line value as the type of the default.

        Raises:
            CardError: the text is not of that type, or not one of the choices.
        """
        kind = type(self.default)
        value = _parse_value(kind, text)
        if value is None or (self.choices and value not in self.choices) or self._outside(value):
            wanted = ", ".join(map(str, self.choices)) or f"a value like {self.default!r}"
            if self.min is not None and self.max is not None:
                wanted = f"a number from {self.min} to {self.max}"
            raise CardError(f"option {name} is {text!r}; it takes {wanted}")
        return value

    def _outside(self, value: OptionValue) -> bool:
        if isinstance(value, str):
            return False
        too_small = self.min is not None and value < self.min
        return too_small or (self.max is not None and value > self.max)


def _parse_value(kind: type, text: str) -> OptionValue | None:
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    try:
        return kind(text)  # type: ignore[no-any-return]
    except ValueError:
        return None


Readers = Literal["all"] | tuple[Split, ...]  # the splits that read a source


class CardFacts(Strict):
    """What a task and a variant of it may each state."""

    title: Text
    license: Text  # of the annotations: SPDX id, or words
    image_license: Text
    sources: dict[str, Readers] = Field(min_length=1)
    optional_sources: dict[str, Readers] = {}  # read where they are there
    splits: dict[Split, SplitCard] = Field(min_length=1)
    images: ImageCount = ImageCount()
    render: RenderCard = RenderCard()


class Variant(Strict):
    """The same converter with other options, published as a config of its own."""

    options: dict[str, OptionValue] = {}
    title: Text | None = None
    license: Text | None = None
    image_license: Text | None = None
    sources: dict[str, Readers] | None = None
    optional_sources: dict[str, Readers] | None = None
    splits: dict[Split, SplitCard] | None = None
    images: ImageCount | None = None
    render: RenderCard | None = None


class TaskCard(CardFacts):
    """The facts about one task that code and people rely on."""

    name: Text
    group: Group
    lang: Text  # BCP 47
    homepage: Text
    citation: Text
    held_out: bool = False
    translate: bool = False
    paraphrase: bool = False
    frame: Literal["stored", "displayed"] | None = None  # of boxes, where EXIF makes them differ
    notes: str = ""
    options: dict[str, Option] = {}
    variants: dict[str, Variant] = {}

    def for_variant(self, name: str) -> TaskCard:
        """Return the card as it reads for one of its variants."""
        variant = self.variants[name]
        stated = variant.model_dump(exclude_none=True, exclude={"options"}).keys()
        return self.model_copy(update={key: getattr(variant, key) for key in stated})

    def sources_of(self, split: Split, optional: bool = True) -> tuple[str, ...]:
        """Return the ids of the sources that a split reads."""
        readers = {**self.sources, **(self.optional_sources if optional else {})}
        return tuple(name for name, splits in readers.items() if splits == "all" or split in splits)


class SourceFile(Strict):
    """One official file: where it comes from and how to know it is whole."""

    file: Text  # name, or path, inside the folder of the source
    url: str = ""
    mirrors: tuple[str, ...] = ()
    bytes: int | None = None
    sha256: Sha256 | None = None
    md5: Md5 | None = None
    manual: str = ""  # what to do by hand, where there is no open url
    accept: tuple[str, ...] = ()  # other names people have it under, with * and ?


class Layout(Strict):
    """Another place where a file may lie: names that start so may start otherwise."""

    start: str = Field(alias="from")
    other: str = Field(alias="to")  # "*" stands for any one folder at the top


class Join(Strict):
    """Parts that make one archive when put together in the order of their names."""

    parts: Text  # pattern of names inside the source, with * and ?
    whole: Text  # name of the archive they make, whose ending tells its kind


class SourceCard(Strict):
    """One set of official files, shared by all tasks that read it."""

    name: Text
    title: Text
    homepage: str = ""
    license: Text
    files: tuple[SourceFile, ...] = Field(min_length=1)
    layouts: tuple[Layout, ...] = ()
    joins: tuple[Join, ...] = ()
    notes: str = ""


def load_task_card(path: Path) -> TaskCard:
    """Read and validate one task card.

    Raises:
        CardError: the file is not YAML, has unknown or missing keys, names
            itself otherwise than its file, or contradicts itself.
    """
    card = read_card(path, TaskCard)
    _check_name(path, card.name)
    for name, variant in card.variants.items():
        unknown = sorted(set(variant.options) - set(card.options))
        if unknown:
            raise CardError(f"{path.name}: variant {name} sets {unknown[0]!r}, which is no option")
    for split, entry in card.splits.items():
        if entry.answers == "withheld" and entry.rows:
            raise CardError(f"{path.name}: split {split} withholds answers, so rows must be 0")
    return card


def load_source_card(path: Path) -> SourceCard:
    """Read and validate one source card.

    Raises:
        CardError: as for task cards.
    """
    card = read_card(path, SourceCard)
    _check_name(path, card.name)
    for file in card.files:
        if not file.url and not file.manual:
            raise CardError(f"{path.name}: {file.file} has neither a url nor words under 'manual'")
    for join in card.joins:
        if not join.whole.endswith((*COMPRESSED, ".tar")):
            raise CardError(f"{path.name}: parts are joined to a tar, and {join.whole} is none")
    return card


def _check_name(path: Path, name: str) -> None:
    if name != path.stem:
        raise CardError(f"{path.name}: the card says its name is {name!r}; rename one of the two")


__all__ = ["SPLITS", "SourceCard", "SourceFile", "TaskCard", "load_source_card", "load_task_card"]
