"""One request, sent as bytes to a server, and its answer taken apart."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field

from tests.lanes import timeout_factor

PATIENCE_SECONDS = 20.0

_NOW = re.compile(r"\w{3}, \d\d \w{3} 20(?!01|00)\d\d \d\d:\d\d:\d\d GMT")
"""A date around now, which both make as they answer."""


@dataclass(frozen=True)
class Case:
    """One request.

    Attributes:
        name: of the case; unique.
        app: a folder of apps/.
        sent: the bytes; {port} stands for the server's port.
        is_head: whether the answer has no body.
        ends: whether nothing more will be sent, which is said to the server: it may be
            waiting for it.
    """

    name: str
    app: str
    sent: bytes
    is_head: bool = False
    ends: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: the code; 0 for no answer.
        reason: the phrase.
        headers: values by lower-case name, joined where there are several.
        body: decoded from chunks.
        is_cut: whether the server broke off.
        more: bytes behind the answer, on the same connection.
    """

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_cut: bool = False
    more: bytes = b""

    @property
    def parts(self) -> dict[str, object]:
        """Return what is compared, by name."""
        return {
            "status": self.status,
            "reason": self.reason,
            "body": self.body,
            "cut": self.is_cut,
            "more": self.more,
            **{f"header {name}": value for name, value in self.headers.items()},
        }


def request(
    app: str,
    name: str,
    path: str,
    *lines: str,
    method: str = "GET",
    body: bytes | None = None,
    version: str = "1.1",
    host: str | None = "localhost:{port}",
) -> Case:
    """Return a case of a request in good order.

    Args:
        app: a folder of apps/.
        name: of the case.
        path: as it is sent.
        *lines: headers.
        method: as it is sent.
        body: adds its length; None for none.
        version: of HTTP.
        host: the header; None for none.
    """
    head = [f"{method} {path} HTTP/{version}"]
    if host is not None:
        head.append(f"Host: {host}")
    head += ["Connection: close", *lines]
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    sent = "\r\n".join([*head, "", ""]).encode("latin-1") + (body or b"")
    return Case(name, app, sent, is_head=method == "HEAD")


def exchange(case: Case, port: int) -> Answer:
    """Send a case to a server on this machine and return its answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(PATIENCE_SECONDS * timeout_factor())
        connection.sendall(case.sent.replace(b"{port}", str(port).encode("ascii")))
        if case.ends:
            connection.shutdown(socket.SHUT_WR)
        received = bytearray()
        is_reset = False
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            is_reset = True
    return _parse(bytes(received), case, port, is_reset=is_reset)


def _parse(received: bytes, case: Case, port: int, *, is_reset: bool) -> Answer:
    # As long as before: lengths count it.
    digits = str(port).encode("ascii")
    received = received.replace(digits, b"PORT".ljust(len(digits), b"_"))
    head, separator, rest = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100") and rest.startswith(b"HTTP/1."):
        head, separator, rest = rest.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"HTTP/1."):
        return Answer(body=received, is_cut=is_reset or bool(received))
    first, *lines = head.decode("latin-1").split("\r\n")
    _, _, line = first.partition(" ")
    code, _, reason = line.partition(" ")
    headers: dict[str, str] = {}
    for each in lines:
        name, _, value = each.partition(":")
        key = name.lower()
        value = _NOW.sub("NOW", value.strip())
        headers[key] = f"{headers[key]} | {value}" if key in headers else value
    status = int(code)
    body, is_cut, more = _body(rest, headers, status, is_head=case.is_head)
    return Answer(status, reason, headers, body, is_cut or is_reset, more)


def _body(
    rest: bytes, headers: dict[str, str], status: int, *, is_head: bool
) -> tuple[bytes, bool, bytes]:
    """Return the body, whether it is cut short, and what comes behind it."""
    if is_head or status in (204, 304) or status < 200:
        return b"", False, rest
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(rest)
    if "content-length" in headers and headers["content-length"].isdecimal():
        length = int(headers["content-length"])
        return rest[:length], len(rest) < length, rest[length:]
    return rest, False, b""


def _chunks(rest: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while True:
        size, separator, rest = rest.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            return body, True, b""
        if not separator or len(rest) < length + 2:
            return body + rest[:length], True, b""
        body += rest[:length]
        rest = rest[length + 2 :]
        if length == 0:
            return body, False, rest
