"""Detokenization."""

from __future__ import annotations

import re
from collections.abc import Iterable

_APOSTROPHE = re.compile(r" ' ?(s|re|ve|ll|d|m|t)\b")
_ELISION = re.compile(r"(?<![\w'])(o|y|d|c|ma) ' (?=\w)", re.IGNORECASE)  # o'clock, y'all, ma'am
_QUOTED = re.compile(r"(?<!\S)(?:\"|``) (.+?) (?:\"|'')(?!\S)")
_SINGLE_QUOTED = re.compile(r"(?<!\S)' (.+?) '(?!\S)")
_SINGLE = re.compile(r"(?<!\S)'(?!\S)")
_OF_PLURAL = re.compile(r"(?<=s) '(?!\S)")
_CLOSING = re.compile(r" ([.,;:!?%)\]}]|n't\b)")
_OPENING = re.compile(r"([(\[]|[$#](?= \d)) ")
_IN_NUMBER = re.compile(r"(?<=\d)([:.]|,(?= \d{3}\b)) (?=\d)")
_SLASH = re.compile(r"(?<=\w) / (?=\w)")
_HYPHEN = re.compile(r"(?<=\w) - (?=(\w+)( -)?)")
# Words that begin a clause after a dash. Between other words " - " is a hyphen, and so it is
# before another one: "up - to - date".
_AFTER_DASH = {
    "a", "an", "the", "this", "that", "these", "those", "he", "she", "they", "it", "we", "you",
    "i", "his", "her", "their", "my", "our", "your", "there", "here", "and", "or", "but", "so",
    "because", "since", "while", "if", "when", "where", "who", "what", "which", "how", "why",
    "is", "are", "was", "were", "has", "have", "had", "not", "no", "yes", "maybe", "perhaps",
    "probably", "possibly", "likely", "also", "just", "then", "to", "with", "for", "from", "as",
    "at",
}  # fmt: skip
_NEXT_SENTENCE = re.compile(r"((?:\w\w|\})(?<!\bmr)(?<!\bms)(?<!\bdr)(?<!\bmrs)[.!?]\"? )([a-z])")
_I = re.compile(r"(?<![\w.-])i(?=[',?!\s]|\.(?!\w)|$)")


def sentence(tokens: Iterable[str]) -> str:
    """Return tokens joined without the spaces of tokenization.

    They are those before a period, in "isn't", "o'clock" and "10:30", within quotes, and around
    hyphens. A dash between clauses keeps its spaces, as does an apostrophe that could be
    anything.
    """
    text = _ELISION.sub(r"\1'", _APOSTROPHE.sub(r"'\1", " ".join(tokens)))
    text = _QUOTED.sub(r'"\1"', text)
    if len(_SINGLE.findall(text)) % 2:
        text = _OF_PLURAL.sub("'", text)
    text = _SINGLE_QUOTED.sub(r"'\1'", text)
    text = _OPENING.sub(r"\1", _CLOSING.sub(r"\1", text))
    text = _SLASH.sub("/", _IN_NUMBER.sub(r"\1", text))
    return _HYPHEN.sub(_hyphen_or_dash, text)


def capitalized(text: str) -> str:
    """Return a text of which all but the first sentence are in lower case with its capitals.

    They are those of "I" and at the start of sentences; names keep their lower case.
    """
    return _NEXT_SENTENCE.sub(lambda match: match[1] + match[2].upper(), _I.sub("I", text))


def _hyphen_or_dash(match: re.Match[str]) -> str:
    word, another = match.groups()
    return match[0] if word.lower() in _AFTER_DASH and not another else "-"
