"""HTTP requests for files, and what their responses promise.

Redirects, ranges, encodings and lengths are checked here, not by the HTTP library, because they
decide which bytes are written (RFC 9110).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus

import httpx

from m3it_builder.errors import SourceError
from m3it_builder.fetch.urls import is_http

_TIMEOUT = httpx.Timeout(60.0, connect=30.0)  # seconds without a byte
_MAX_REDIRECTS = 10
_MAX_PAUSE = 120.0  # seconds that a server can make us wait
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}  # statuses that are worth another attempt
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]+"')
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,18})", re.ASCII)


class RefusalError(Exception):
    """A URL does not supply the file; another attempt would not help."""


class InterruptionError(Exception):
    """A transfer failed; another attempt may succeed."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause  # seconds to wait at least


@dataclass(frozen=True, slots=True)
class Content:
    """What the header of a response promises about its body."""

    start: int  # offset of its first byte in the file
    length: int | None  # bytes of the body
    total: int | None  # bytes of the file
    is_framed: bool  # the end of the body is marked: it does not just end with the connection
    etag: str | None = None  # strong ones only
    last_modified: str | None = None


def open_client() -> httpx.Client:
    """Return a client; proxies and certificates come from the environment.

    Raises:
        SourceError: the environment names a proxy that cannot be used.
    """
    try:
        return httpx.Client(
            headers={"User-Agent": "m3it_builder", "Accept-Encoding": "identity"},
            timeout=_TIMEOUT,
            verify=_certificates(),
        )
    except (ValueError, httpx.InvalidURL, ImportError) as error:  # SOCKS needs a package
        hint = "; run `pip install 'httpx[socks]'`" if isinstance(error, ImportError) else ""
        raise SourceError(
            f"the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used{hint}"
        ) from error


@cache  # it takes a tenth of a second
def _certificates() -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.load_default_certs()  # those of the system too: companies add their own there
    return context


@contextmanager
def open_response(
    client: httpx.Client, url: str, headers: dict[str, str]
) -> Iterator[httpx.Response]:
    """Request a URL and yield the response that redirects lead to; its body is not read.

    Raises:
        RefusalError: no response can be had from this URL.
        InterruptionError: the connection failed, here or while the body is read.
    """
    if not is_http(url):
        raise RefusalError("only http and https URLs are supported")
    try:
        response = _follow(client, client.build_request("GET", url, headers=headers))
        try:
            yield response
        finally:
            response.close()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise RefusalError("not a valid URL") from error
    except httpx.TransportError as error:
        raise InterruptionError(_describe(error)) from error


def _follow(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    # Not ``follow_redirects``: it reads the bodies of redirects, which may be endless.
    for _ in range(_MAX_REDIRECTS + 1):
        response = client.send(request, stream=True)
        if not response.has_redirect_location:
            return response
        response.close()
        if response.next_request is None or not is_http(str(response.next_request.url)):
            raise RefusalError("redirects to an address that is not http or https")
        request = response.next_request
    raise RefusalError(f"redirects more than {_MAX_REDIRECTS} times")


def require_status(response: httpx.Response, *expected: int) -> None:
    """Require a status.

    Raises:
        RefusalError: the response has another one.
        InterruptionError: the same, and it is a temporary one.
    """
    status = response.status_code
    if status in expected:
        return
    # The phrase of the standard, not of the server: that may be anything.
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    message = f"answered {status} {phrase}".strip()
    if status in _TEMPORARY:
        raise InterruptionError(message, _retry_after(response.headers))
    raise RefusalError(message)


def require_identity(response: httpx.Response) -> None:
    """Require that the body is the file itself, not an encoding of it.

    Raises:
        RefusalError: it is encoded although the request forbids that.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise RefusalError(f"sends the file encoded as {encoding!r:.20}, which was not asked for")


def full_content(headers: httpx.Headers) -> Content:
    """Return what a response with status 200 promises."""
    length = _content_length(headers)
    etag, last_modified = validators(headers)
    return Content(
        start=0,
        length=length,
        total=length,
        is_framed=length is not None or "Transfer-Encoding" in headers,
        etag=etag,
        last_modified=last_modified,
    )


def partial_content(headers: httpx.Headers) -> Content | None:
    """Return what a response with status 206 promises; None if that is inconsistent."""
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last, total = map(int, match.groups())
    length = last - first + 1
    if not first <= last < total or _content_length(headers) not in (None, length):
        return None
    etag, last_modified = validators(headers)
    return Content(first, length, total, True, etag, last_modified)


def unsatisfied_total(headers: httpx.Headers) -> int | None:
    """Return the size of the file that a response with status 416 states, or None."""
    match = _UNSATISFIED.fullmatch(headers.get("Content-Range", "").strip())
    return int(match[1]) if match else None


def validators(headers: httpx.Headers) -> tuple[str | None, str | None]:
    """Return ETag and Last-Modified as far as they are strong: equal means the same bytes."""
    etag = headers.get("ETag", "").strip()
    strong = etag if _STRONG_ETAG.fullmatch(etag) else None
    modified = headers.get("Last-Modified")
    try:
        date = parsedate_to_datetime(headers["Date"])
        # A file that changed within the second of the response could change once more.
        is_strong = modified and (date - parsedate_to_datetime(modified)).total_seconds() >= 1
    except (KeyError, ValueError, TypeError, OverflowError):
        is_strong = False
    return strong, modified if is_strong else None


def _content_length(headers: httpx.Headers) -> int | None:
    value = headers.get("Content-Length")
    if value is None or "Transfer-Encoding" in headers:  # which overrides it
        return None
    value = value.split(",")[0].strip()  # repeated; the library has compared the values
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise RefusalError("answered with a malformed Content-Length")
    return int(value)


def _retry_after(headers: httpx.Headers) -> float:
    value = headers.get("Retry-After", "")
    return min(float(value), _MAX_PAUSE) if value.isascii() and value.isdigit() else 0.0


def _describe(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return "cannot be reached (no answer)"
    if isinstance(error, httpx.TimeoutException):
        return f"sent nothing for {_TIMEOUT.read:.0f} seconds"
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return f"cannot be reached ({_printable(error)})"
    return f"the connection broke ({_printable(error)})"


def _printable(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "".join(each if each.isprintable() else " " for each in text)[:200]
