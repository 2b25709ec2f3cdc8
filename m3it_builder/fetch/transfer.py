"""Transfer one file from one URL into its partial file: resume, retry, and refuse surplus bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from m3it_builder.fetch.body import checked, limited, require_space, sparing
from m3it_builder.fetch.expected import Expected
from m3it_builder.fetch.http import (
    Content,
    InterruptionError,
    RefusalError,
    full_content,
    open_client,
    open_response,
    partial_content,
    require_identity,
    require_status,
    unsatisfied_total,
    validators,
)
from m3it_builder.fetch.partial import Origin, Partial
from m3it_builder.fetch.urls import public_url
from m3it_builder.progress import Progress

_ATTEMPTS = 4  # without progress
_PROGRESS_BYTES = 1 << 20  # more than before, for a broken connection to count as progress
_PAUSE = 1.0  # seconds before the second attempt; doubles each time


@dataclass(frozen=True, slots=True)
class Received:
    """How the bytes of a complete partial file arrived."""

    is_pieced: bool  # together from several responses
    etag: str = ""


def transfer(url: str, partial: Partial, expected: Expected, progress: Progress) -> Received:
    """Receive a file into its partial file, which is kept if that fails.

    Raises:
        RefusalError: the URL does not supply the file.
        InterruptionError: all attempts failed.
        NoSpaceError: the disk is too full.
    """
    largest = partial.size
    with open_client() as client:
        attempts = _Transfer(client, url, partial, expected, progress)
        while True:
            try:
                return _retrying()(attempts.receive)
            except InterruptionError:
                # A long download may break often: only a series without progress ends it.
                if partial.size < largest + _PROGRESS_BYTES:
                    raise
                largest = partial.size


def _retrying() -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(InterruptionError),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=_pause,
        reraise=True,
    )


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    requested = error.pause if isinstance(error, InterruptionError) else 0.0
    return max(requested, _PAUSE * 2.0 ** (state.attempt_number - 1))


class _Transfer:
    """The attempts to receive one file from one URL."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        partial: Partial,
        expected: Expected,
        progress: Progress,
    ) -> None:
        self._client = client
        self._url = url
        self._partial = partial
        self._expected = expected
        self._progress = progress
        self._starts_over = False  # the next attempt asks for all bytes

    def receive(self) -> Received:
        """Make one attempt; a partial file is resumed where that is safe.

        Raises:
            RefusalError: the URL does not supply the file.
            InterruptionError: another attempt may succeed.
            NoSpaceError: the disk is too full.
        """
        origin = self._partial.origin() or Origin(url="")
        offset = self._offset(origin)
        if offset and (offset == origin.total or self._is_decided(offset)):
            return Received(True, origin.etag or "")  # interrupted after the last byte
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and self._is_validated(origin):
            headers["If-Range"] = str(origin.validator)
        with open_response(self._client, self._url, headers) as response:
            require_status(response, *((200, 206, 416) if offset else (200,)))
            if response.status_code == 416:
                self._require_complete(response, offset, origin)
                return Received(True, origin.etag or "")
            content = self._content(response, offset, origin)
            self._write(content, origin, response.iter_raw())
        return Received(content.start > 0, content.etag or "")

    def _offset(self, origin: Origin) -> int:
        """Return how many bytes can be kept: those whose version is known, or will be checked."""
        size, limit = self._partial.size, self._expected.size
        if self._starts_over or (limit is not None and size > limit):
            return 0
        return size if self._expected.digest or self._is_validated(origin) else 0

    def _is_decided(self, size: int | None) -> bool:
        """Return True if the size is right and the digest will decide the rest."""
        known = self._expected.size
        return self._expected.digest is not None and known is not None and size == known

    def _is_validated(self, origin: Origin) -> bool:
        """Return True if this server can say that its file is still the one of the origin."""
        return origin.validator is not None and origin.url == public_url(self._url)

    def _require_complete(self, response: httpx.Response, offset: int, origin: Origin) -> None:
        """Require that there is no byte left to receive: the range began at the end."""
        total = unsatisfied_total(response.headers)
        known = {origin.total, self._expected.size} - {None}
        if self._expected.digest and total in (None, offset) and known <= {offset}:
            return
        if known == {total} == {offset}:
            return
        raise self._start_over("the partial file does not fit the file on the server")

    def _content(self, response: httpx.Response, offset: int, origin: Origin) -> Content:
        """Return what the body is, after checking all that its header says."""
        # Servers label compressed files as encoded; where a digest decides, that is harmless.
        is_compressed = self._expected.name.endswith((".gz", ".tgz"))
        if not (is_compressed and self._expected.digest):
            require_identity(response)
        if response.status_code == 200:
            content = full_content(response.headers)
        else:
            content = self._continuation(response, offset, origin)
        if content.total is not None:
            self._require_size(content, content.total)
        return content

    def _continuation(self, response: httpx.Response, offset: int, origin: Origin) -> Content:
        """Return the content of a response to a range request, if it continues the partial file.

        Raises:
            InterruptionError: it is another range, or of another version.
        """
        content = partial_content(response.headers)
        if content is None or content.start != offset:
            raise self._start_over("the server sent another range than requested")
        is_other = origin.total not in (None, content.total)
        if self._is_validated(origin):
            is_other |= origin.validator not in validators(response.headers)
        if is_other:
            raise self._start_over("the file on the server has changed")
        return content

    def _start_over(self, reason: str) -> InterruptionError:
        # The bytes are kept until others arrive: the next response may be a refusal.
        self._starts_over = True
        return InterruptionError(reason)

    def _require_size(self, content: Content, total: int) -> None:
        if not total and self._expected.size != 0:
            raise RefusalError("sent an empty file")
        if problem := self._expected.size_problem(total):
            raise RefusalError(problem)
        reusable = 0 if content.start else self._partial.size
        require_space(self._partial.target.parent, total - content.start, reusable)

    def _write(self, content: Content, origin: Origin, chunks: Iterator[bytes]) -> None:
        """Write a body, and require that it ends where it must.

        Raises:
            RefusalError: it is not the file, or longer than the file.
            InterruptionError: it is shorter.
            NoSpaceError: it is endless.
        """
        total = self._expected.size if content.total is None else content.total
        title = f"{'resume' if content.start else 'fetch'} {self._partial.target.name}"
        self._progress.start(title, None if total is None else total - content.start, "bytes")
        try:
            self._append(content, origin, self._bounded(content, chunks))
        finally:
            self._progress.finish()
        size = self._partial.size
        if total is not None and size != total:
            raise InterruptionError(f"the connection broke after {size:,} of {total:,} bytes")
        if total is None and not content.is_framed:
            self._require_end()

    def _bounded(self, content: Content, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if not content.start and not self._is_decided(content.total):
            chunks = checked(chunks, self._expected)
        limit = content.length
        if limit is None and self._expected.size is not None:
            limit = self._expected.size - content.start
        if limit is not None:
            return limited(chunks, limit)
        return sparing(chunks, self._partial.target.parent)

    def _append(self, content: Content, origin: Origin, chunks: Iterator[bytes]) -> None:
        first = next(chunks, b"")  # before the bytes of an earlier attempt are discarded
        try:
            with self._open(content, origin) as file:
                self._starts_over = False
                file.write(first)
                self._progress.advance(len(first))
                for data in chunks:
                    file.write(data)
                    self._progress.advance(len(data))
        except RefusalError:
            self._partial.discard()
            raise

    def _open(self, content: Content, origin: Origin) -> BinaryIO:
        url = public_url(self._url)
        if not content.start:
            etag, modified = content.etag, content.last_modified
            return self._partial.start(Origin(url, content.total, etag, modified))
        if not self._is_validated(origin):
            # The version is unknown from here on; only a digest can show that the bytes fit.
            self._partial.set_origin(Origin(url="", total=content.total))
        elif origin.total is None:
            self._partial.set_origin(Origin(url, content.total, origin.etag, origin.last_modified))
        return self._partial.resume()

    def _require_end(self) -> None:
        """Require that a file of unknown length is complete, as far as its format shows that.

        Raises:
            RefusalError: the format does not show it.
            InterruptionError: it is truncated.
        """
        verdict = self._expected.completeness(self._partial.path)
        if verdict == "truncated":
            raise InterruptionError("the connection broke; the file is truncated")
        if verdict == "unknown" and not self._expected.digest:
            self._partial.discard()
            raise RefusalError(
                "does not state the size of the file, so that a broken connection would not be "
                "noticed; add 'bytes' or 'sha256' to the source card"
            )
