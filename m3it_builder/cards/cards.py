"""Task cards and source cards: facts as data, in strict YAML.

A task card holds the facts about one task, a source card those about one set of official
files. Unknown keys are errors: a mistyped key would silently change the dataset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from m3it_builder.cards.names import FolderName, PathPrefix, RelativePath
from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.cards.suffixes import COMPRESSED
from m3it_builder.errors import CardError
from m3it_builder.records import Split, Style

Group = Literal["caption", "classify", "vqa", "kvqa", "reason", "generate"]
AnswerForm = Literal["text", "letter", "both"]  # of an answer that is one of the options
# What every row of a task has besides its target. An image follows from ``images``.
RowFeature = Literal["question", "context", "dialog", "options", "box", "several_images"]
OptionValue = bool | int | float | str
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class SplitCard(Strict):
    """The published size of one split, and what it is made from.

    ``withheld``: its answers are not public. The converter yields such examples as records with
    the answer ``""``; each becomes a reject, ``answer_withheld``, and the split may have no row.
    """

    rows: int = Field(ge=0)  # as published; of a variant that M3IT lacks, the official number
    sample: bool = False  # the published rows are a sample of a larger official split
    answers: Literal["public", "withheld"] = "public"


class ImageCount(Strict):
    """Minimum and maximum number of images per row."""

    min: int = Field(default=1, ge=0)
    max: int = Field(default=1, ge=0)


class RenderCard(Strict):
    """How answers and regions are rendered; see ``records.Style``."""

    answer: AnswerForm = "text"
    regions: Literal["drawn", "text"] = "drawn"

    def style(self) -> Style:
        """Return the value that the renderer takes."""
        return Style(self.answer, self.regions)


class Option(Strict):
    """One option of a converter, set by ``--set TASK.NAME=VALUE``."""

    default: OptionValue
    help: Text
    choices: tuple[OptionValue, ...] = ()
    min: int | None = None  # of a number
    max: int | None = None

    def parse(self, name: str, text: str) -> OptionValue:
        """Convert a command-line value to the type of the default.

        Raises:
            CardError: the text is not a value of that type, or not one of the choices.
        """
        value = _parse_value(type(self.default), text)
        if value is None or (self.choices and value not in self.choices) or self._outside(value):
            expected = ", ".join(map(str, self.choices)) or f"a value like {self.default!r}"
            if self.min is not None and self.max is not None:
                expected = f"a number from {self.min} to {self.max}"
            raise CardError(f"option {name} is {text!r}; it takes {expected}")
        return value

    def _outside(self, value: OptionValue) -> bool:
        if isinstance(value, str):
            return False
        too_small = self.min is not None and value < self.min
        return too_small or (self.max is not None and value > self.max)


def _parse_value(kind: type, text: str) -> OptionValue | None:
    if kind is bool:  # ``bool("false")`` is True
        return {"true": True, "false": False}.get(text.lower())
    try:
        return kind(text)  # type: ignore[no-any-return]
    except ValueError:
        return None


Readers = Literal["all"] | tuple[Split, ...]  # the splits that read a source


class CardFacts(Strict):
    """The facts that a variant of a task may override."""

    title: Text
    license: Text  # of the annotations: an SPDX id or a description
    image_license: Text
    sources: dict[FolderName, Readers] = Field(min_length=1)
    optional_sources: dict[FolderName, Readers] = {}  # read if present
    splits: dict[Split, SplitCard] = Field(min_length=1)
    images: ImageCount = ImageCount()
    render: RenderCard = RenderCard()
    rows_have: tuple[RowFeature, ...] = ()
    closed_answers: tuple[Text, ...] = ()  # all answers there are, as text, if they are few
    derivation: str = ""  # how a row is made of the official files, where this is a choice


class Variant(Strict):
    """The same converter with other options, published as a separate config."""

    options: dict[str, OptionValue] = {}
    title: Text | None = None
    license: Text | None = None
    image_license: Text | None = None
    sources: dict[FolderName, Readers] | None = None
    optional_sources: dict[FolderName, Readers] | None = None
    splits: dict[Split, SplitCard] | None = None
    images: ImageCount | None = None
    render: RenderCard | None = None
    rows_have: tuple[RowFeature, ...] | None = None
    closed_answers: tuple[Text, ...] | None = None
    derivation: str | None = None


class TaskCard(CardFacts):
    """The facts about one task."""

    name: FolderName
    group: Group
    lang: Text  # BCP 47, of the targets, and of the instructions
    target_langs: tuple[Text, ...] = ()  # of targets in other languages than ``lang``
    homepage: Text
    citation: Text
    held_out: bool = False
    translate: bool = False
    paraphrase: bool = False  # M3IT had its answers rewritten by a model
    placeholder_answers: tuple[Text, ...] = ()  # "unanswerable": rows with one are rejects
    rephrased: bool = False  # M3IT has a set of this name with -rephrased, beside it
    frame: Literal["stored", "displayed"] | None = (
        None  # coordinates of boxes, where EXIF transposes
    )
    notes: str = ""
    options: dict[str, Option] = {}
    variants: dict[FolderName, Variant] = {}

    def for_variant(self, name: str) -> TaskCard:
        """Return the card with the overrides of one variant."""
        variant = self.variants[name]
        overrides = variant.model_dump(exclude_none=True, exclude={"options"}).keys()
        return self.model_copy(update={key: getattr(variant, key) for key in overrides})

    def sources_of(self, split: Split, optional: bool = True) -> tuple[str, ...]:
        """Return the ids of the sources that a split reads."""
        readers = {**self.sources, **(self.optional_sources if optional else {})}
        return tuple(name for name, splits in readers.items() if splits == "all" or split in splits)


class SourceFile(Strict):
    """One official file: where to get it, and how to verify it."""

    file: RelativePath  # in the folder of the source
    url: str = ""
    mirrors: tuple[str, ...] = ()
    bytes: int | None = Field(default=None, ge=0)
    sha256: Sha256 | None = None
    md5: Md5 | None = None
    manual: str = ""  # steps to get a file without a public URL
    accept: tuple[RelativePath, ...] = ()  # other names in use, as patterns with * and ?


class Layout(Strict):
    """An alternative layout: names with one prefix may be stored under another."""

    official: PathPrefix = Field(alias="from")  # prefix of names in the official archive
    actual: PathPrefix = Field(
        alias="to"
    )  # prefix to try; a leading * matches any top-level folder


class Join(Strict):
    """A split archive: parts to be concatenated in the order of their names."""

    parts: RelativePath  # pattern of names in the source, with * and ?
    whole: RelativePath  # name of the archive they form; its suffix is that of its format


class SourceCard(Strict):
    """One set of official files, shared by all tasks that read it."""

    name: FolderName
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
        CardError: not YAML, unknown or missing keys, a name other than the file's, or
            inconsistent values.
    """
    card = read_card(path, TaskCard)
    _check_name(path, card.name)
    for name, variant in card.variants.items():
        unknown = sorted(set(variant.options) - set(card.options))
        if unknown:
            raise CardError(
                f"{path.name}: variant {name} sets {unknown[0]!r}, which is not among the "
                "'options' of the card"
            )
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
            raise CardError(f"{path.name}: {file.file} needs a 'url' or steps under 'manual'")
    for join in card.joins:
        if not join.whole.endswith((*COMPRESSED, ".tar")):
            raise CardError(
                f"{path.name}: only parts of a tar can be joined; {join.whole} is not one"
            )
    return card


def _check_name(path: Path, name: str) -> None:
    if name != path.stem:
        raise CardError(f"{path.name}: the card's name is {name!r}; rename the card or the file")
