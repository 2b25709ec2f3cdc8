"""Turn a short answer into a sentence without a model, in English and Chinese.

M3IT had ChatGPT write a sentence for each short answer, and put a template in place of those
that failed its checks (paper, section 3.2). A rule applies only where the sentence cannot
become ungrammatical; all others get a plain lead-in. The answer is part of every sentence, with
its spelling unchanged. An answer that is a sentence already, or long, keeps its words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from m3it_builder.records import Turn
from m3it_builder.stages.render import letter

LANGUAGES = ("en", "zh")
_LONG = {"en": 8, "zh": 18}  # words, or characters: an answer that is not put into a sentence
_ENDS = re.compile(r"[.!?。！？…][\"'”’）)\]]*\Z")

Rule = Callable[[str, str], str | None]  # question without its mark, answer → sentence, or None


def has_language(lang: str) -> bool:
    """Return True if sentences can be made in a language (BCP 47)."""
    return _primary(lang) in LANGUAGES


def sentence(turn: Turn, lang: str, answer_form: str = "text") -> str:
    """Return a sentence that has the answer of a turn; "" for a blank answer.

    Args:
        turn: with its question and choices.
        lang: BCP 47, one of ``LANGUAGES``.
        answer_form: of answers that are choices: ``text``, ``letter`` or ``both``; a letter stays
            in the sentence.

    Raises:
        KeyError: there is no template in this language.
    """
    language = _primary(lang)
    answer = turn.answer.strip()
    if not answer:
        return ""
    if turn.gold is not None and answer_form != "text":
        return _ended(_OPTION[language].format(f"({letter(turn.gold)}) {answer}"), language)
    if _is_long(answer, language):
        return _ended(answer, language)
    question = _last_line(turn.question)
    for rule in _RULES[language]:
        if (made := rule(question, answer)) and _keeps(made, answer):
            return _ended(made, language)
    lead_in = _OPTION if turn.choices else _LEAD_IN
    return _ended(lead_in[language].format(answer), language)


def _primary(lang: str) -> str:
    return lang.split("-")[0]


def _last_line(question: str) -> str:
    """Return the question itself, without blanks, its mark, and lines of context above it."""
    lines = question.strip().splitlines()
    return lines[-1].strip().rstrip("?？ 。.").strip() if lines else ""


def _is_long(answer: str, language: str) -> bool:
    size = len(answer) if language == "zh" else len(answer.split())
    is_sentence = _ENDS.search(answer) and size >= _LONG[language] // 2
    return bool(is_sentence) or size >= _LONG[language]


def _keeps(made: str, answer: str) -> bool:
    """Return True if a sentence has the answer, and no full stop before its end."""
    return made.endswith(answer) if _ENDS.search(answer) else answer in made


def _ended(text: str, language: str) -> str:
    """Return a text that ends as a sentence."""
    if _ENDS.search(text):
        return text
    return text + ("。" if language == "zh" else ".")


_LEAD_IN = {"en": "The answer is {}", "zh": "答案是{}"}
_OPTION = {"en": "The correct option is {}", "zh": "正确的选项是{}"}

# English ------------------------------------------------------------------------------------
_DETERMINER = r"(?:the|this|that|these|those|his|her|their|its)"
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|may|might)"
_NUMBER = re.compile(
    r"(?:about |around |over |at least |more than )?"
    r"(?:\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
)
_PREPOSITION = re.compile(
    r"(?:in|on|at|under|above|below|behind|beside|near|next to|inside|outside|between|by|over|"
    r"in front of|against|along|around|across|beneath|underneath) "
)
_PLURAL = re.compile(r"(?:[a-z]+s|people|men|women|children|sheep|fish|feet|teeth|deer|geese)")
# Words with which a noun phrase cannot end, or which make it a clause.
_NO_NOUN = {
    *("to", "for", "with", "at", "in", "on", "of", "from", "by", "about", "up", "out", "off"),
    *("made", "like", "be", "have", "eat", "see", "wear", "hold", "belong", "come", "live"),
    *("located", "found", "known", "as", "taken", "shown", "worn", "it", "there", "mean", "do"),
}
# Nouns and adjectives that end as participles and adverbs do.
_NOUNS = {
    *("building", "ceiling", "awning", "painting", "drawing", "king", "ring", "wing", "string"),
    *("thing", "railing", "clothing", "crossing", "landing", "siding", "bedding", "frosting"),
    *("icing", "dressing", "topping", "covering", "morning", "evening", "wedding", "spring"),
    *("kitchen", "garden", "children", "oven", "men", "women", "chicken", "screen", "linen", "hen"),
    *("pen", "kitten", "queen", "green", "golden", "wooden", "town", "crown", "gown", "clown"),
    *("brown", "citizen", "teen", "den", "token", "alien", "policemen", "firemen", "ten", "seven"),
    *("bed", "seed", "shed", "red", "family", "fly", "butterfly", "lily", "belly", "jelly"),
}
_PARTICIPLES = {
    *("sold", "kept", "bought", "held", "made", "built", "left", "lost", "hung", "set", "put"),
    *("found", "worn", "born", "sat", "gone", "done", "run", "live", "come", "seen"),
}
_NOT_IN_SUBJECT = {"or", "if", "is", "are", "was", "were", "again", "usually"}
_SHORT = 3  # words after the determiner
# Words of questions that a statement would need in another form.
_NOT_STATED = re.compile(r"\b(?:or|ever|yet|still|either|isn't|some\w*|any\w*)\b|,", re.IGNORECASE)
# Answers that are clauses.
_IS_CLAUSE = re.compile(
    r"\b(?:I|it|it's|they|they're|he|she|there|don't|can't|not|unknown|unsure)\b", re.IGNORECASE
)
_POSTURE = r"(?:sitting|standing|located|walking|running|parked|hanging|sleeping|placed)"


def _yes_or_no(question: str, answer: str) -> str | None:
    word = answer.lower().rstrip(".!")
    if word not in ("yes", "no"):
        return None
    inverted = re.fullmatch(
        rf"({_AUXILIARY}) (it|they|there|he|she) (\S.*)", question, re.IGNORECASE
    )
    if not inverted or _NOT_STATED.search(question):
        return None
    verb, subject, rest = inverted[1].lower(), inverted[2].lower(), inverted[3]
    negation = " not" if word == "no" else ""
    return f"The answer is {answer.rstrip('.!')}: {subject} {verb}{negation} {rest}"


def _count(question: str, answer: str) -> str | None:
    asked = re.match(rf"how many ((?:[a-z-]+ ){{1,4}}?){_AUXILIARY}\b", question, re.IGNORECASE)
    if not asked or not _NUMBER.fullmatch(answer.lower()):
        return None
    noun = asked[1].strip()
    first, last = noun.split()[0].lower(), noun.split()[-1].lower()
    if first in ("of", "more", "other") or not _PLURAL.fullmatch(last):
        return None
    return f"The number of {noun} is {answer}"


def _color(question: str, answer: str) -> str | None:
    asked = re.fullmatch(rf"what colou?rs? (is|are) ({_DETERMINER} .+)", question, re.IGNORECASE)
    if not asked or not _is_noun_phrase(asked[2]) or _IS_CLAUSE.search(answer):
        return None
    return f"The color of {_lower_first(asked[2])} is {answer}"


def _where(question: str, answer: str) -> str | None:
    asked = re.fullmatch(
        rf"where (is|are|was|were) ({_DETERMINER} .+?)( {_POSTURE})?", question, re.IGNORECASE
    )
    if not asked or not _PREPOSITION.match(answer) or not _is_short_noun_phrase(asked[2]):
        return None
    subject = _upper_first(asked[2])
    return f"{subject} {asked[1].lower()}{asked[3] or ''} {answer}"


def _what_or_who(question: str, answer: str) -> str | None:
    asked = re.fullmatch(
        r"(?:what|who) (is|was|are|were) (the [a-z ]+ of .+)", question, re.IGNORECASE
    )
    if not asked or not _is_noun_phrase(asked[2]) or _IS_CLAUSE.search(answer):
        return None
    head = asked[2].partition(" of ")[0].split()[-1].lower()
    is_plural = bool(_PLURAL.fullmatch(head)) and not head.endswith("ss")
    if is_plural != (asked[1].lower() in ("are", "were")):
        return None
    return f"{_upper_first(asked[2])} {asked[1].lower()} {answer}"


def _who_did(question: str, answer: str) -> str | None:
    asked = re.fullmatch(r"who (\w+(?:ed|ote|ade|ang|ew|uilt|ent)) (.+)", question, re.IGNORECASE)
    if not asked or not answer[0].isupper() or asked[1].lower() in ("need", "indeed"):
        return None
    return f"{answer} {asked[1]} {asked[2]}"


def _is_noun_phrase(text: str) -> bool:
    """Return True if a text can be the subject of a sentence; it may have a relative clause."""
    words = re.findall(r"[a-z']+", text.lower())
    if not words or "," in text or set(words) & _NOT_IN_SUBJECT:
        return False
    if re.search(r"\b(?:of|made) (?:in|on|of)\b", text.lower()):
        return False
    return words[-1] not in _NO_NOUN and not _is_verb_or_adverb(words[-1])


def _is_short_noun_phrase(text: str) -> bool:
    """Return True for a determiner and one to three words, none of them a verb or an adverb."""
    words = re.findall(r"[a-z']+", text.lower())[1:]
    if not 1 <= len(words) <= _SHORT or set(words) & (_NO_NOUN | {"a", "an"}):
        return False
    return _is_noun_phrase(text) and not any(map(_is_verb_or_adverb, words))


def _is_verb_or_adverb(word: str) -> bool:
    if word in _NOUNS:
        return False
    return word in _PARTICIPLES or word.endswith(("ing", "en", "own", "ed", "ly"))


def _upper_first(text: str) -> str:
    return text[0].upper() + text[1:]


def _lower_first(text: str) -> str:
    """Return a text for the middle of a sentence: its determiner in lower case."""
    head, blank, rest = text.partition(" ")
    return head.lower() + blank + rest if head.istitle() else text


# Chinese ------------------------------------------------------------------------------------
_YES = ("是", "是的", "对", "对的", "有", "能", "会", "可以")
_AFFIRMED = ("是的", "对", "对的")  # may follow a statement
_NO = ("不是", "不", "不对", "没有", "不能", "不会", "不可以", "否")
_CLASSIFIER = "个只人位条张件辆台把匹头座朵棵本片层双种艘架块杯瓶"
_HAN_NUMBER = re.compile(rf"[\d一二两三四五六七八九十百]+[{_CLASSIFIER}]?")
_ASKED = re.compile(
    r"[做干]什么|什么颜色|什么地方|什么东西|什么|哪里|哪儿|谁|"
    rf"(?:几|多少)[{_CLASSIFIER}]?"
)


def _yes_or_no_zh(question: str, answer: str) -> str | None:
    word = answer.rstrip("。！")
    if not question.endswith(("吗", "么")) or question.endswith("什么"):
        return None
    if word in _YES and "你" not in question:
        statement = question[:-1]
        if word == answer:
            return f"{answer}，{statement}"
        return f"{statement}，{answer}" if word in _AFFIRMED else None
    return f"{word}，情况并非如此" if word in _NO else None


def _whole_zh(_question: str, answer: str) -> str | None:
    """Return an answer that has a subject of its own."""
    return answer if re.match(r"(?:[他她它]们?|这|那|图中).{2,}", answer) else None


def _in_place_zh(question: str, answer: str) -> str | None:
    """Put the answer in the place of the one word that asks for it."""
    found = list(_ASKED.finditer(question))
    if len(found) != 1 or re.search(r"为什么|怎么|什么时候|哪个|吗|呢|(.)不\1", question):
        return None
    if re.search(r"[没不]|知道|什么", answer):
        return None
    (asked,) = found
    before, after = question[: asked.start()], question[asked.end() :]
    if asked[0].startswith(("几", "多少")):
        return _counted_zh(before, asked[0], after, answer)
    if asked[0] == "什么" and after:  # 什么 with a noun, which may be part of the answer
        return None
    if asked[0] == "谁" and after.startswith("的"):
        return None
    if asked[0] == "什么颜色" and not before.endswith(("是", "着", "穿")):
        return None
    if after == "的" and _ENDS.search(answer):
        after = ""
    return _without_overlap(before, answer) + answer + after


def _counted_zh(before: str, asked: str, after: str, answer: str) -> str | None:
    if not _HAN_NUMBER.fullmatch(answer):
        return None
    classifier = asked[-1] if asked[-1] in _CLASSIFIER else ""
    has_classifier = answer[-1] in _CLASSIFIER
    if has_classifier and classifier and answer[-1] != classifier:
        return None
    return before + answer + ("" if has_classifier else classifier) + after


def _without_overlap(before: str, answer: str) -> str:
    """Return a text without the end that the answer repeats: 他在 with 在家里."""
    for size in range(min(len(before), len(answer)), 0, -1):
        if before.endswith(answer[:size]):
            return before[:-size]
    return before


_RULES: dict[str, tuple[Rule, ...]] = {
    "en": (_yes_or_no, _count, _color, _where, _what_or_who, _who_did),
    "zh": (_yes_or_no_zh, _whole_zh, _in_place_zh),
}
