"""Answers as the events of ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.server.response_bytes import BODILESS, HOP_BY_HOP, without_length

Send = Callable[[MutableMapping[str, Any]], Any]
Headers = Iterable[tuple[str, str]]

TEXT_HEADERS = (("Content-Type", "text/plain; charset=utf-8"), NO_SNIFFING)
"""Of a sentence of the server's own."""


async def send_whole(
    send: Send,
    status: int,
    headers: Headers,
    body: bytes,
    method: str = "GET",
) -> None:
    """Send a whole answer; Content-Length is added."""
    for event in whole_events(int(status), headers, body, method):
        await send(event)


def whole_events(
    status: int, headers: Headers, body: bytes, method: str = "GET"
) -> tuple[MutableMapping[str, Any], ...]:
    """Return the events of a whole answer; Content-Length is added where it is known.

    A status without a body has none, nor has an answer to HEAD that came without the
    body which GET would have had (RFC 9110, 8.6).
    """
    if status in BODILESS:
        headers, body = without_length(headers), b""
    has_length = status not in BODILESS and (method != "HEAD" or body != b"")
    head = header_bytes(headers, body if has_length else None)
    return (
        {"type": "http.response.start", "status": int(status), "headers": head},
        {"type": "http.response.body", "body": body},
    )


def header_bytes(
    headers: Iterable[tuple[str, str]], whole_body: bytes | None
) -> list[tuple[bytes, bytes]]:
    """Return headers as bytes, without those that are about one hop.

    Args:
        headers: the app's.
        whole_body: adds its length where no header says it; None for a streamed answer.
    """
    encoded = []
    has_length = False
    for name, value in headers:
        lower = name.lower()
        if lower in HOP_BY_HOP:
            continue
        has_length = has_length or lower == "content-length"
        encoded.append((lower.encode("latin-1"), str(value).encode("latin-1")))
    if whole_body is not None and not has_length:
        encoded.append((b"content-length", str(len(whole_body)).encode("ascii")))
    return encoded
