"""Find wordings that the glossary in CONTRIBUTING.md replaces, in all text that people read.

``python -m tests.support.language PATH ...`` lists every hit in files and folders.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

# String literals of these packages become rows or synthetic data; only docstrings are prose.
DATA = ("samples", "converters", "formats")
YAML_PROSE = ("title", "notes", "help")  # keys; other values are data
LITERALS = ("nobody",)  # string literals that are data: an account name of operating systems
SUFFIXES = (".py", ".md", ".sql", ".yaml", ".jinja", ".txt")
_YAML_COMMENT = re.compile(r"(?:^|\s)#\s(.*)")

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
    """Yield each forbidden wording in a text, and what to write instead."""
    for pattern, advice in _PATTERNS.items():
        for match in pattern.finditer(text):
            yield match[0], advice


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of everything in a file that people read."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _python(source, any(package in path.parts for package in DATA))
    elif path.suffix == ".yaml":
        yield from _yaml(source)
    else:
        yield from enumerate(source.splitlines(), 1)


def _python(source: str, docstrings_only: bool) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        before, mark, comment = line.partition("# ")
        if mark and before.count('"') % 2 == 0:
            yield number, comment
    for node in ast.walk(ast.parse(source)):
        if docstrings_only:
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, "" if node.value in LITERALS else node.value


def _yaml(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        if comment := _YAML_COMMENT.search(line):
            yield number, comment[1]
    yield from _yaml_values(yaml.compose(source))


def _yaml_values(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in YAML_PROSE and isinstance(value, yaml.ScalarNode):
                yield value.start_mark.line + 1, value.value
            yield from _yaml_values(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _yaml_values(item)


def check(paths: Iterable[Path]) -> list[str]:
    """Return one line for each forbidden wording in files and folders."""
    lines = []
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix not in SUFFIXES or file.name in ("language.py", "test_language.py"):
                continue
            for number, text in prose(file):
                lines += [f"{file}:{number}: {word!r}: {advice}" for word, advice in hits(text)]
    return lines


if __name__ == "__main__":
    found = check([Path(word) for word in sys.argv[1:]])
    sys.stdout.write("\n".join([*found, f"{len(found)} found", ""]))
