"""Scripts of languages, and of texts: which letters a language is written with."""

from __future__ import annotations

import unicodedata
from collections import Counter

# Script: languages (BCP 47) usually written with it. The name is the first word of the Unicode
# names of its letters. A language that is not listed is not checked.
_LANGUAGES = {
    "LATIN": "af ast az bs ca ceb cs cy da de en eo es et eu fi fil fr ga gl ha hr ht hu id ig is "
    "it jv kea ku lb lg ln lt luo lv mg mi ms mt nb nl nn no nso ny oc om pl pt ro rw sk sl sm sn "
    "so sq st su sv sw tl tn tr ts uz vi wo xh yo zu",
    "ARABIC": "ar ckb fa ps sd ug ur",
    "ARMENIAN": "hy",
    "BENGALI": "as bn",
    "CYRILLIC": "ba be bg kk ky mk mn ru sr tg tt uk",
    "DEVANAGARI": "bho hi mai mr ne sa",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he yi",
    "CJK": "yue zh",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "TIBETAN": "bo dz",
}
_SCRIPT_OF = {lang: script for script, langs in _LANGUAGES.items() for lang in langs.split()}
# Languages written with several scripts at once, or with one or the other.
_ALSO = {
    "HIRAGANA": {"KATAKANA", "CJK"},
    "HANGUL": {"CJK"},
}
_EITHER = {"sr": "LATIN", "uz": "CYRILLIC", "az": "CYRILLIC", "ku": "ARABIC", "pa": "ARABIC",
           "bs": "CYRILLIC", "kk": "LATIN", "mn": "MONGOLIAN"}  # fmt: skip
_SUBTAGS = {"latn": "LATIN", "cyrl": "CYRILLIC", "arab": "ARABIC", "deva": "DEVANAGARI",
            "hans": "CJK", "hant": "CJK", "jpan": "HIRAGANA", "kore": "HANGUL"}  # fmt: skip
# Written without spaces between words.
_UNSPACED = {"CJK", "HIRAGANA", "KATAKANA", "KHMER", "LAO", "MYANMAR", "THAI", "TIBETAN"}


def scripts_of_language(lang: str) -> set[str]:
    """Return the scripts of a BCP 47 tag, or an empty set if they are not known."""
    language, *subtags = lang.lower().replace("_", "-").split("-")
    tagged = [subtag for subtag in subtags if len(subtag) == 4 and subtag.isalpha()]
    if tagged:
        script = _SUBTAGS.get(tagged[0])
        return {script, *_ALSO.get(script, ())} if script else set()
    script = _SCRIPT_OF.get(language)
    if script is None:
        return set()
    either = {_EITHER[language]} if language in _EITHER else set()
    return {script, *_ALSO.get(script, ()), *either}


def scripts_of_text(text: str) -> Counter[str]:
    """Return the number of letters of each script."""
    return Counter(script_of(letter) for letter in text if letter.isalpha())


def script_of(letter: str) -> str:
    """Return the script of a letter, as the first word of its Unicode name."""
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]


def is_unspaced(letter: str) -> bool:
    """Return True if the letter belongs to a script without spaces between words."""
    return script_of(letter) in _UNSPACED
