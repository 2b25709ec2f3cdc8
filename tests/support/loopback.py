"""An HTTP server on loopback whose every byte the test decides."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case."""

    path: str
    headers: dict[str, str]

    @property
    def range(self) -> str | None:
        return self.headers.get("range")

    @property
    def offset(self) -> int:
        """Return the first byte that the request asks for."""
        return int(self.range.removeprefix("bytes=").removesuffix("-")) if self.range else 0


@dataclass(frozen=True)
class Reply:
    """One response; the connection is closed after the body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    resets: bool = False  # end with a TCP reset instead of a close
    is_silent: bool = False  # send nothing at all, no status either


Handler = Callable[[Request], Reply]


class Server:
    """Answers every request by calling ``handler``, which may be replaced at any time."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.sent = 0  # bytes of bodies
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path: str = "all.zip") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    @property
    def ranges(self) -> list[str | None]:
        return [request.range for request in self.requests]

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read_request(connection)
                if request is None:
                    return
                self.requests.append(request)
                reply = self.handler(request)
                if not reply.is_silent:
                    connection.sendall(_head(reply))
                    self._send_body(connection, reply)
                if reply.resets:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            except OSError:  # the client has hung up
                return

    def _send_body(self, connection: socket.socket, reply: Reply) -> None:
        for chunk in [reply.body] if isinstance(reply.body, bytes) else reply.body:
            connection.sendall(chunk)
            self.sent += len(chunk)


def _read_request(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65_536)
        if not received:
            return None
        data += received
    first, *lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Request(first.split()[1], {name.lower(): value.strip() for name, _, value in pairs})


def _head(reply: Reply) -> bytes:
    headers = {"Date": formatdate(usegmt=True), "Connection": "close", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Text of the server", *map(": ".join, headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@contextmanager
def serving(handler: Handler) -> Iterator[Server]:
    server = Server(handler)
    try:
        yield server
    finally:
        server.close()


def file_reply(request: Request, data: bytes, etag: str | None = '"v1"') -> Reply:
    """Return what a server that follows RFC 9110 answers."""
    headers = {"ETag": etag} if etag else {}
    condition = request.headers.get("if-range")
    if not request.range or condition not in (None, etag):
        return Reply(200, {**headers, "Content-Length": str(len(data))}, data)
    if request.offset >= len(data):
        return Reply(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"})
    return range_reply(request.offset, data, headers)


def range_reply(offset: int, data: bytes, headers: dict[str, str]) -> Reply:
    """Return a 206 response with the bytes from an offset on."""
    body = data[offset:]
    return Reply(
        206,
        {
            **headers,
            "Content-Range": f"bytes {offset}-{len(data) - 1}/{len(data)}",
            "Content-Length": str(len(body)),
        },
        body,
    )


def chunked(data: bytes, size: int = 1_000) -> bytes:
    """Return a body in chunked transfer coding, with its last chunk."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
