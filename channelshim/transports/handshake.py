"""The opening of a WebSocket, as bytes (RFC 6455, 1.3 and 4.2)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from channelshim.appserver.response_rules import NO_SNIFFING

PATH_SOCKET: Final = "/_ah/channel/socket"

MAXIMUM_QUERY_CHARACTERS: Final = 4096
"""Of a request for one of our own addresses, which has a token and a few numbers: it is
read on the loop's thread, which one of 64 KiB would take for tens of milliseconds."""

QUERY_TOO_LONG: Final = f"A query has {MAXIMUM_QUERY_CHARACTERS:,} characters at most."

TOO_MANY_CONNECTS: Final = "Too many channels are opened from your address"

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""


def joined(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    """Return all lines of a header as one; "" without any (RFC 9110, 5.3).

    Args:
        headers: as parsed, names in lower case.
        name: in lower case.
    """
    return ",".join(value.decode("latin-1") for each, value in headers if each == name)


def refusal(
    method: str,
    version: str,
    target: str,
    headers: Sequence[tuple[bytes, bytes]],
    is_allowed: Callable[[str | None, str], bool],
) -> bytes:
    """Return the whole answer that refuses a handshake; b"" for one to accept.

    Args:
        method: of the request.
        version: of HTTP, "1.1" for example.
        target: of the request, path and query.
        headers: of the request, names in lower case.
        is_allowed: takes the Origin header (None when absent) and the Host header, and
            says whether a page from there may open a channel.
    """
    # Not urlsplit: it raises for some targets, and "//" would begin a host.
    path, _, query = target.partition("?")
    if path != PATH_SOCKET:
        return not_here()
    if len(query) > MAXIMUM_QUERY_CHARACTERS:
        return _answer(HTTPStatus.REQUEST_URI_TOO_LONG, QUERY_TOO_LONG)
    if method != "GET":
        sentence = "Only GET opens a WebSocket."
        return _answer(HTTPStatus.METHOD_NOT_ALLOWED, sentence, "Allow: GET\r\n")
    named = dict(headers)
    # Only protocol versions and extensions may come in several lines (RFC 6455, 4.1).
    keys = [value for name, value in headers if name == b"sec-websocket-key"]
    if (
        version == "1.0"
        or named.get(b"sec-websocket-version") != b"13"
        or len(keys) != 1
        or not _is_key(keys[0])
    ):
        return _answer(HTTPStatus.BAD_REQUEST, "This is not a WebSocket handshake.")
    origin = named.get(b"origin")
    host = named.get(b"host", b"").decode("latin-1")
    if not is_allowed(origin.decode("latin-1") if origin else None, host):
        sentence = "Pages of this origin may not open a channel."
        return _answer(HTTPStatus.FORBIDDEN, sentence)
    return b""


def not_here() -> bytes:
    """Return the whole answer to a handshake where no WebSocket is."""
    return _answer(HTTPStatus.NOT_FOUND, "There is no WebSocket here.")


def too_many(seconds: int) -> bytes:
    """Return the whole answer to one that comes too soon after others."""
    sentence = f"{TOO_MANY_CONNECTS}: try again in {seconds} s."
    more = f"Retry-After: {seconds}\r\n"
    return _answer(HTTPStatus.TOO_MANY_REQUESTS, sentence, more)


def switching_protocols(key: bytes) -> bytes:
    """Return the answer that accepts a handshake with this key."""
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
        + base64.b64encode(digest)
        + b"\r\n\r\n"
    )


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except ValueError:
        return False


def _answer(status: HTTPStatus, sentence: str, more: str = "") -> bytes:
    body = sentence.encode("utf-8") + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{more}"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"{': '.join(NO_SNIFFING)}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
