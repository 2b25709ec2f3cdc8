"""English rules of ``stages.template``: each makes a sentence of a question and its answer.

A rule gets the question without its mark. It returns None where the sentence could become
ungrammatical: a statement is made only of noun phrases that are recognized as such.
"""

from __future__ import annotations

import re

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


def yes_or_no(question: str, answer: str) -> str | None:
    """Answer a question whose subject is a pronoun: it is easily put before its verb."""
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


def count(question: str, answer: str) -> str | None:
    """Answer "How many dogs ..." with a number."""
    asked = re.match(rf"how many ((?:[a-z-]+ ){{1,4}}?){_AUXILIARY}\b", question, re.IGNORECASE)
    if not asked or not _NUMBER.fullmatch(answer.lower()):
        return None
    noun = asked[1].strip()
    first, last = noun.split()[0].lower(), noun.split()[-1].lower()
    if first in ("of", "more", "other") or not _PLURAL.fullmatch(last):
        return None
    return f"The number of {noun} is {answer}"


def color(question: str, answer: str) -> str | None:
    """Answer "What color is the ..."."""
    asked = re.fullmatch(rf"what colou?rs? (is|are) ({_DETERMINER} .+)", question, re.IGNORECASE)
    if not asked or not _is_noun_phrase(asked[2]) or _IS_CLAUSE.search(answer):
        return None
    return f"The color of {_lower_first(asked[2])} is {answer}"


def where(question: str, answer: str) -> str | None:
    """Answer "Where is the ..." with a place that begins with a preposition."""
    asked = re.fullmatch(
        rf"where (is|are|was|were) ({_DETERMINER} .+?)( {_POSTURE})?", question, re.IGNORECASE
    )
    if not asked or not _PREPOSITION.match(answer) or not _is_short_noun_phrase(asked[2]):
        return None
    subject = _upper_first(asked[2])
    return f"{subject} {asked[1].lower()}{asked[3] or ''} {answer}"


def what_or_who(question: str, answer: str) -> str | None:
    """Answer "What is the ... of ..."."""
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


def who_did(question: str, answer: str) -> str | None:
    """Answer "Who wrote ..." with a name."""
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


RULES = (yes_or_no, count, color, where, what_or_who, who_did)
