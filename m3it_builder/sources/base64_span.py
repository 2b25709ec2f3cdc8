"""Images as base64 text inside a JSON string.

The location is a ``Slice`` of method ``base64``: the bytes between the quotes, as stored,
so an image is read without parsing the line around it.
"""

from __future__ import annotations

import pybase64

from m3it_builder.storage.json_values import loads

_WHITESPACE = b" \t\r\n\v\f"


def decode_span(span: bytes) -> bytes:
    r"""Decode base64 from the inside of a JSON string.

    JSON escapes (``\/``, ``\n``, ``\u002b``) are resolved and whitespace is ignored, as
    lenient decoders do; any other character outside the alphabet is an error.

    Args:
        span: the stored bytes between the quotes.

    Raises:
        ValueError: not base64, or truncated.
    """
    if b"\\" in span:
        span = json_text(span).encode()
    try:
        return pybase64.b64decode(span, validate=True)
    except ValueError:
        stripped = span.translate(None, _WHITESPACE)
        if len(stripped) == len(span):
            raise
        return pybase64.b64decode(stripped, validate=True)


def json_text(span: bytes) -> str:
    """Return the text of a JSON string, given the stored bytes between its quotes.

    Lone surrogates, which JSON allows and UTF-8 does not, are kept.

    Raises:
        ValueError: not a JSON string, or not UTF-8.
    """
    quoted = b'"%b"' % span
    return str(loads(quoted))
