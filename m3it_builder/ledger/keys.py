"""The key of a request: equal for requests that may share an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from m3it_builder.storage.json_values import dumps


def request_key(request: Mapping[str, Any]) -> str:
    """Return the BLAKE3 digest of a request as 64 hexadecimal digits.

    The order of the keys of objects does not matter; any other difference does, that between
    1 and 1.0 too.

    Args:
        request: everything that decides the answer, as it is sent: model, messages, schema and
            sampling parameters. What does not decide it is left out, so that others share the
            answer: the address of the server, the id of the row, whether it is sent online or
            in a batch.

    Raises:
        ValueError: the request has NaN, Infinity or a lone surrogate, or is nested too deeply.
        TypeError: it has a value that JSON does not know.
    """
    return blake3(dumps(request, sort_keys=True)).hexdigest()
