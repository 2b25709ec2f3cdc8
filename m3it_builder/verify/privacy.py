"""What must not leave the building machine: its paths and names, and anything like a secret.

Texts may hold slashes, and captions any word, so a pattern is only as wide as
its place allows: the folders of this machine anywhere, home folders of others
only where a path begins, in meta, names and documents; a host or user name
only where it cannot be taken for a word.
"""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMMON = {"localhost", "root", "user", "admin", "ubuntu", "runner", "nobody", "unknown"}
_SHORTEST = 4

_SECRETS = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"hf_[A-Za-z0-9]{30,}"
    r"|sk-(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{32,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"
    r"|gh[pousr]_[A-Za-z0-9]{36,}"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
    r"|Authorization: *Bearer +[A-Za-z0-9._~+/=-]{8,}"
    r")|(?<=\s)-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
)
# In a URL a letter, digit or dot stands before the slash: only where a path begins is it ours.
_HOMES = re.compile(
    r"(?:^|(?<=[\s\"'(\[,`])|(?<=file://))"
    r"(?:/home/[\w.-]+/|/Users/[\w.-]+/|/root/|[A-Za-z]:[\\/]+Users[\\/]+[\w.-]+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Watch:
    """The patterns for one machine and one build."""

    folders: re.Pattern[str] | None  # of this machine, in any text
    names: re.Pattern[str] | None  # of host and user, where they are no words

    def in_text(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield (check, detail) for what stands in a text of any kind."""
        for pattern in (self.folders, self.names):
            if pattern is not None and (found := pattern.search(text)):
                yield "private", _around(text, found)
        if found := _SECRETS.search(text):
            yield "secret", f"{found[0][:12]}... at character {found.start()}"

    def in_document(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield (check, detail) for a text that is no prose: meta, names, manifests, READMEs."""
        yield from self.in_text(text)
        if found := _HOMES.search(text):
            yield "private", _around(text, found)


def watch(build: Path) -> Watch:
    """Return what to look for in a build, on this machine."""
    folders = [path for path in (build.resolve(), Path.home()) if len(path.parts) > 2]
    starts = "|".join(re.escape(str(path)) for path in folders)
    names = "|".join(re.escape(name) for name in _names())
    return Watch(
        re.compile(rf"(?<![\w.-])(?:{starts})(?![\w-])") if starts else None,
        re.compile(rf"(?<![\w.-])(?:{names})(?![\w-])") if names else None,
    )


def _names() -> list[str]:
    """Return the host's and the user's name, where no sentence would hold them by chance."""
    try:
        names = {socket.gethostname(), socket.gethostname().partition(".")[0], getpass.getuser()}
    except (OSError, KeyError):
        names = {socket.gethostname()}
    return sorted(name for name in names if _is_telling(name))


def _is_telling(name: str) -> bool:
    if len(name) < _SHORTEST or name.lower() in _COMMON or name.isdecimal():
        return False
    return not name.isalpha()


def _around(text: str, found: re.Match[str]) -> str:
    start = max(0, found.start() - 20)
    return f"...{text[start : found.end() + 20]}..."
