"""Decide whether a sentence of a language model may be published in place of a short answer.

``judge`` applies the rules in the order of ``RULES`` and returns the slug of the first one that a
sentence breaks. All rules are pure functions of the turn and the reply. In doubt they reject: the
fallback of ``stages.template``, which is published then, is correct, if plain.

========================  ===========================================================
``empty``                 no letters and no digits
``cut_off``               the limit of tokens was reached, or the sentence has no end
``refusal``               the model declined to answer; the source did not
``talks_of_prompt``       prompt, caption, instruction, or being a model
``too_long``              see ``limits`` in ``words.yaml``
``wrong_language``        another script or language than that of the task
``question_only``         the question, or another one, and no answer
``letter_changed``        the option letter is missing, or another one is given
``number_changed``        a number is missing, another one is given, or it became a limit
``polarity_flipped``      yes became no, or an answer is negated
``other_option``          the text of another choice in place of the correct one
``name_changed``          a name, a quoted string or a text in the image is missing
``answer_missing``        another content word of the answer is missing
========================  ===========================================================

Words are compared without inflection; synonyms do not count. In languages other than English and
Chinese, polarity is judged by English words and numbers by their digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from m3it_builder.paraphrase import content, form, language, names, number_rule, options, polarity
from m3it_builder.paraphrase.texts import Case, text_of
from m3it_builder.records import Turn

AnswerForm = Literal["text", "letter", "both"]  # as ``Style.answer``
Rule = Callable[[Case], bool]  # True: the sentence breaks the rule

RULES: dict[str, Rule] = {
    "empty": form.is_empty,
    "cut_off": form.is_cut_off,
    "refusal": form.is_refusal,
    "talks_of_prompt": form.talks_of_prompt,
    "too_long": form.is_too_long,
    "wrong_language": language.is_wrong_language,
    "question_only": content.repeats_question,
    "letter_changed": options.changes_letter,
    "number_changed": number_rule.changes_number,
    "polarity_flipped": polarity.flips_polarity,
    "other_option": options.says_other_option,
    "name_changed": names.changes_name,
    "answer_missing": content.misses_answer,
}
REASONS = tuple(RULES)

_text_of_turn = lru_cache(64)(text_of)  # every reply to a turn is judged against the same texts


@dataclass(frozen=True, slots=True)
class Reply:
    """What a language model returned for one answer."""

    said: str
    finish_reason: str | None = None  # as in the API: stop, length, content_filter
    refusal: str | None = None


def judge(turn: Turn, reply: Reply, lang: str, answer_form: AnswerForm = "text") -> str | None:
    """Return None if a sentence may be published, or the reason why not.

    Args:
        turn: question and answer of the source.
        reply: the sentence to judge.
        lang: BCP 47, of the answer.
        answer_form: of answers that are choices, as published: ``text``, ``letter`` or ``both``.
    """
    if reply.refusal or reply.finish_reason == "content_filter":
        return "refusal"
    case = _case(turn, reply.said.strip(), lang.split("-")[0], answer_form)
    if not form.is_empty(case) and reply.finish_reason == "length":
        return "cut_off"
    return next((reason for reason, is_broken in RULES.items() if is_broken(case)), None)


def _case(turn: Turn, raw: str, lang: str, answer_form: AnswerForm) -> Case:
    return Case(
        turn=turn,
        raw=raw,
        question=_text_of_turn(turn.question),
        answer=_text_of_turn(turn.answer.strip()),
        said=text_of(raw),
        lang=lang,
        shows_letter=turn.gold is not None and answer_form != "text",
        letter_suffices=turn.gold is not None and answer_form == "letter",
    )
