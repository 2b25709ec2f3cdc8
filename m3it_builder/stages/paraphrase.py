"""Stage II: replace short answers by sentences, as M3IT did for eight tasks.

Mode ``template`` uses ``stages.template``. The source's answer stays in ``Turn.answer``, the
sentence is in ``Turn.said``, and the meta says how it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec.structs import replace

from m3it_builder.errors import CardError
from m3it_builder.records import Instance, Record, Style
from m3it_builder.stages.template import LANGUAGES, has_language, sentence

Mode = Literal["none", "template"]
META_KEY = "paraphrase"


def paraphrase(instances: Iterable[Instance], mode: Mode, style: Style) -> Iterator[Instance]:
    """Yield instances whose last answer is a sentence; unchanged ones in mode ``none``.

    Raises:
        CardError: there is no template in the language of a row.
    """
    if mode == "none":
        yield from instances
        return
    for instance in instances:
        if not has_language(instance.lang):
            raise CardError(
                f"{instance.task}: has a row in {instance.lang}; answers can be paraphrased in "
                f"{', '.join(LANGUAGES)} only, so its card cannot say paraphrase: true"
            )
        yield replace(instance, record=_with_sentence(instance.record, instance.lang, style))


def with_outcome(meta: dict[str, Any], outcome: str) -> dict[str, Any]:
    """Return the meta of a row with the outcome of its paraphrase."""
    return {**meta, META_KEY: {"outcome": outcome}}


def _with_sentence(record: Record, lang: str, style: Style) -> Record:
    *history, last = record.turns
    said = replace(last, said=sentence(last, lang, style.answer))
    meta = with_outcome(dict(record.meta), "template")
    return replace(record, turns=(*history, said), meta=meta)
