"""The words of the glossary: finds synonyms and homemade English in what people read.

``python -m tests.support.language PATH ...`` lists every hit below some paths.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Texts of these rooms become rows or synthetic data; only their docstrings are prose.
DATA = ("samples", "converters", "formats")

# pattern: what to write instead
FORBIDDEN = {
    r"\bpictures?\b": "image",
    r"\bcolours?\b|\bcoloured\b": "color",
    r"\bcatalogues?\b": "catalog",
    r"\banew\b": "again, re-…, rebuild",
    r"\bstands?\b(?! for| (for )?alone)|\bstood\b": "is, occurs, is in",
    r"\b(lies|lie|lay|lying)\b": "is, is stored, location",
    r"\btold\b|\btells?\b(?! apart)|\btelling\b": "given, reports, says, returns",
    r"\bspeaks? of\b|\bspoken of\b": "mentions, refers to",
    r"\bso (many|much|few)\b": "count, n",
    r"\bby now\b": "now",
    r"\b(is|are|was|were|be) met\b|\bmet by\b|\bmeets?\b|\bmet\b": "found, matched, encountered",
    r"\b[Ss]ay in words\b|\bin words\b": "describe",
    r"^See that\b|\bsees that\b|\bsee that\b": "require that, check that",
    r"\bnobody\b|\bsomebody\b|\bwhoever\b|\banybody\b": "name who or what",
    r"\ba like\b|\bthe like\b": "match",
    r"\bh(e|o)ld(s|ing)? (\w+ ){0,4}(against|up against)\b|\bheld (to|against)\b": "check, compare",
    r"\b(taken|take|takes|taking|took) over\b": "reuse",
    r"\bof (another|odd|other) (shape|form)\b": "malformed, unexpected structure",
    r"\bno business\b|\bmeant harm\b": "not allowed",
    r"\bdrawn (world|sample|data|set|shapes|scene)\b": "synthetic",
    r"\bdraws? lots\b|\b(every|the) draw\b": "random selection",
    r"\bwhole or not at all\b": "atomically",
    r"\bput aside\b|\bset aside\b": "buffered, preallocated",
    r"\bis no (text|list|number|object|folder|archive|image|video|name|option|row)\b": "is not a …",
    r"\btwice over\b|\bstands? twice\b": "duplicate",
    r"\bas people call\b": "display name",
    r"\bone after the other\b": "in order, consecutive",
    r"\bhow far all\b|\bas it were\b|\bas they come\b": "plain words",
    r"\bTell (whether|which|if)\b": "Return True if",
    r"\bmakes? up for\b|\bmind(s|ed)?\b": "plain words",
    r"\b(begin|began|begun)s? afresh\b|\bafresh\b": "again, from scratch",
    r"\bwont\b|\bhitherto\b|\bthereof\b|\bwhereof\b": "plain words",
}
_PATTERNS = {re.compile(pattern): advice for pattern, advice in FORBIDDEN.items()}


def hits(text: str) -> Iterator[tuple[str, str]]:
    """Yield each forbidden wording of a text, and what to write instead."""
    for pattern, advice in _PATTERNS.items():
        for found in pattern.finditer(text):
            yield found[0], advice


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the strings and comments of a module; of a page, its lines."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), 1)
        return
    docstrings_alone = any(room in path.parts for room in DATA)
    for number, line in enumerate(source.splitlines(), 1):
        before, mark, comment = line.partition("# ")
        if mark and before.count('"') % 2 == 0:
            yield number, comment
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, "" if docstrings_alone else node.value
        if docstrings_alone and isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""


def check(paths: list[Path]) -> list[str]:
    """Return one line for each forbidden wording below some paths."""
    said = []
    for path in paths:
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            if file.suffix not in (".py", ".md", ".sql") or file.name == "language.py":
                continue
            for number, text in prose(file):
                said += [f"{file}:{number}: {word!r}: {advice}" for word, advice in hits(text)]
    return said


if __name__ == "__main__":
    lines = check([Path(word) for word in sys.argv[1:]])
    sys.stdout.write("\n".join([*lines, f"{len(lines)} found", ""]))
