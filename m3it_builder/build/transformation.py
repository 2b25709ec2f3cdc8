"""Transformations: from the rows of a base to those of a sibling.

A transformation is a plain, picklable value: workers apply it to the rows of one shard. It
changes turns, instruction, context and language; texts are rendered from those afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from msgspec import json
from msgspec.structs import replace

from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.manifest import CardFacts, Manifest
from m3it_builder.errors import BuildError
from m3it_builder.records import Reject, Style
from m3it_builder.stages import template, template_en, template_zh
from m3it_builder.stages.paraphrase import with_outcome
from m3it_builder.stages.template import sentence
from m3it_builder.storage.digest import file_digest
from m3it_builder.storage.json_values import dumps


class Transformation(Protocol):
    """Makes the rows of a sibling."""

    @property
    def name(self) -> str:
        """Name, for the manifest."""

    def fingerprint(self) -> str:
        """Return a digest of everything that decides the rows, apart from the base."""

    def card(self, base: Manifest) -> CardFacts:
        """Return the facts of the card of the sibling.

        Raises:
            BuildError: it cannot be applied to this base.
        """

    def rows(self, rows: Iterable[IndexRow], style: Style) -> Iterator[IndexRow | Reject]:
        """Yield a row or a reject for each row of the base, or nothing if it takes no part.

        Texts need not be rendered, and locations are filled in later.

        Args:
            rows: of one shard of the base.
            style: of the texts of the base.
        """


@dataclass(frozen=True, slots=True)
class TemplateAnswers:
    """Every answer becomes a sentence, by ``stages.template``; for ``TASK-rephrased``."""

    name: str = "template"

    def fingerprint(self) -> str:
        """Return a digest of the template and its rules."""
        modules = (template, template_en, template_zh)
        return ", ".join(file_digest(Path(str(one.__file__)), "blake3") for one in modules)

    def card(self, base: Manifest) -> CardFacts:
        """Return the card of the base, with another title."""
        unknown = [tag for tag in base.card.languages if not template.has_language(tag)]
        if unknown:
            raise BuildError(
                f"{base.name}: has rows in {', '.join(unknown)}; answers can be rephrased in "
                f"{', '.join(template.LANGUAGES)} only"
            )
        return replace(base.card, title=f"{base.card.title}, answers as sentences")

    def rows(self, rows: Iterable[IndexRow], style: Style) -> Iterator[IndexRow | Reject]:
        """Yield each row with ``Turn.said`` filled in."""
        for row in rows:
            if not template.has_language(row.lang):
                yield Reject(row.id, "no_template", row.lang)
                continue
            turns = [
                replace(turn, said=turn.said or sentence(turn, row.lang, style.answer))
                for turn in row.turns
            ]
            meta = with_outcome(json.decode(row.meta), "template")
            yield replace(row, turns=tuple(turns), meta=dumps(meta, sort_keys=True).decode())
