"""Which script a text is written in, and traces of a wrong encoding."""

from __future__ import annotations

import re
import unicodedata

# First words of the Unicode names of letters, by primary language subtag; all others are Latin.
_SCRIPTS = {
    "zh": ("CJK",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA"),
    "ko": ("HANGUL", "CJK"),
    **dict.fromkeys(("ru", "uk", "bg", "sr", "mk", "kk", "ky", "mn", "be", "tg"), ("CYRILLIC",)),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ug", "sd", "ckb"), ("ARABIC",)),
    **dict.fromkeys(("he", "yi"), ("HEBREW",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), ("DEVANAGARI",)),
    **{"bn": ("BENGALI",), "ta": ("TAMIL",), "te": ("TELUGU",), "kn": ("KANNADA",)},
    **{"ml": ("MALAYALAM",), "gu": ("GUJARATI",), "pa": ("GURMUKHI",), "si": ("SINHALA",)},
    **{"th": ("THAI",), "lo": ("LAO",), "km": ("KHMER",), "my": ("MYANMAR",)},
    **{"el": ("GREEK",), "hy": ("ARMENIAN",), "ka": ("GEORGIAN",), "am": ("ETHIOPIC",)},
}
_EXAMINED = 400  # letters
_MIN_LETTERS = 4  # fewer may be a name or an abbreviation
_MIN_SHARE = 0.3  # names and quotations are often in Latin letters
# UTF-8 that was read as Latin-1 or Windows-1252, and the replacement character.
_MOJIBAKE = re.compile(
    "\N{REPLACEMENT CHARACTER}|Ã[\x80-\xbf©¨¼¶¤±]|â€[™œ\x9d“”˜¢¦]|Â[\xa0-\xbf]|ï»¿"
)


def is_in_script(text: str, lang: str) -> bool:
    """Return True if a text has letters of the script of a language, or few letters at all."""
    letters = [character for character in text if character.isalpha()][:_EXAMINED]
    if len(letters) < _MIN_LETTERS:
        return True
    scripts = _SCRIPTS.get(lang.split("-")[0], ("LATIN",))
    own = sum(unicodedata.name(letter, "").startswith(scripts) for letter in letters)
    return own >= _MIN_SHARE * len(letters)


def has_mojibake(text: str) -> bool:
    """Return True if a text has traces of a wrong encoding."""
    return _MOJIBAKE.search(text) is not None
