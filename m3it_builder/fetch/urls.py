"""URLs as they may be printed and stored: without passwords and access tokens."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRET = ("token", "key", "secret", "sig", "password", "auth", "credential", "policy", "session")


def is_http(url: str) -> bool:
    """Return True for an http or https URL that names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:  # a malformed host or port
        return False


def host(url: str) -> str:
    """Return the host of a URL, for messages; empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def public_url(url: str) -> str:
    """Return a URL without user, password and fragment, and with secrets in its query masked."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    address = parts.hostname or ""
    address = f"[{address}]" if ":" in address else address
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(_is_secret(name) for name, _ in pairs):
        query = urlencode([(name, "..." if _is_secret(name) else value) for name, value in pairs])
    return urlunsplit((parts.scheme, address + port, parts.path, query, ""))


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET)
