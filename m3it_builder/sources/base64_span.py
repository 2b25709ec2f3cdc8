"""Images that stand as base64 text inside a JSON string.

A ``Slice`` of method ``base64`` is the span between the quotes, as it lies in
the file, so an image is read without parsing the line around it.
"""

from __future__ import annotations

import json

import orjson
import pybase64

_BLANKS = b" \t\r\n\v\f"


def decode_span(span: bytes) -> bytes:
    r"""Return the bytes that a span of base64 stands for.

    JSON escapes (``\/``, ``\n``, ``\u002b``) are resolved and white space is left out, as
    lenient decoders do; anything else that is not base64 is refused.

    Args:
        span: the text between the quotes of a JSON string, as it lies in the file.

    Raises:
        ValueError: it is not base64, or cut short.
    """
    if b"\\" in span:
        span = json_text(span).encode()
    try:
        return pybase64.b64decode(span, validate=True)
    except ValueError:
        bare = span.translate(None, _BLANKS)
        if len(bare) == len(span):
            raise
        return pybase64.b64decode(bare, validate=True)


def json_text(span: bytes) -> str:
    """Return the text of a JSON string, given what stands between its quotes.

    Lone surrogates, which JSON allows and UTF-8 does not, are kept as they are.

    Raises:
        ValueError: it is not a JSON string, or not UTF-8.
    """
    quoted = b'"%b"' % span
    try:
        return str(orjson.loads(quoted))
    except ValueError:
        return str(json.loads(quoted.decode()))
