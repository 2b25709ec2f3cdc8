"""Finds what must not leave the building machine: its paths and names, and secrets.

Texts may contain slashes, and captions any word, so each pattern is only as
broad as its context allows: folders of this machine match anywhere; home
folders of others only in meta, names and documents, at the start of a path; a
host or user name only if it cannot be an ordinary word.
"""

from __future__ import annotations

import getpass
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.verify.findings import Findings

_GENERIC_NAMES = {"localhost", "root", "user", "admin", "ubuntu", "runner", "nobody", "unknown"}
_MIN_NAME_LENGTH = 4

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
# Only at the start of a path: in a URL, a letter, digit or dot precedes the slash.
_HOME_FOLDERS = re.compile(
    r"(?:^|(?<=[\s\"'(\[,`])|(?<=file://))"
    r"(?:/home/[\w.-]+/|/Users/[\w.-]+/|/root/|[A-Za-z]:[\\/]+Users[\\/]+[\w.-]+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class PrivacyScanner:
    """Scans texts with the patterns of one machine and one build."""

    folders: re.Pattern[str] | None  # of this machine, in any text
    names: re.Pattern[str] | None  # of host and user, unless they may be words

    def scan_text(self, text: str) -> Findings:
        """Yield (check, detail) for a text of any kind, prose included."""
        for pattern in (self.folders, self.names):
            if pattern is not None and (match := pattern.search(text)):
                yield "private", _excerpt(text, match)
        if match := _SECRETS.search(text):
            yield "secret", f"{match[0][:12]}... at character {match.start()}"

    def scan_document(self, text: str) -> Findings:
        """Yield (check, detail) for a text that is not prose: meta, names, manifests, READMEs."""
        yield from self.scan_text(text)
        if match := _HOME_FOLDERS.search(text):
            yield "private", _excerpt(text, match)


def privacy_scanner(build: Path) -> PrivacyScanner:
    """Return the scanner for a build on this machine."""
    folders = [path for path in (build.resolve(), Path.home()) if len(path.parts) > 2]
    prefixes = "|".join(re.escape(str(path)) for path in folders)
    names = "|".join(re.escape(name) for name in _machine_names())
    return PrivacyScanner(
        re.compile(rf"(?<![\w.-])(?:{prefixes})(?![\w-])") if prefixes else None,
        re.compile(rf"(?<![\w.-])(?:{names})(?![\w-])") if names else None,
    )


def _machine_names() -> list[str]:
    """Return the host name and user name, unless a sentence may contain them by chance."""
    try:
        names = {socket.gethostname(), socket.gethostname().partition(".")[0], getpass.getuser()}
    except (OSError, KeyError):
        names = {socket.gethostname()}
    return sorted(name for name in names if _is_distinctive(name))


def _is_distinctive(name: str) -> bool:
    if len(name) < _MIN_NAME_LENGTH or name.lower() in _GENERIC_NAMES or name.isdecimal():
        return False
    return not name.isalpha()


def _excerpt(text: str, match: re.Match[str]) -> str:
    start = max(0, match.start() - 20)
    return f"...{text[start : match.end() + 20]}..."
