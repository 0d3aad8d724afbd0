"""An id for each request, so that its lines can be found in the log.

`X-Request-Id` and `traceparent` (W3C Trace Context) of proxies are taken over. They
count only from this machine and from trusted proxies, and only in the form that they
should have: who sends a request from elsewhere can neither choose its id nor write
anything but an id into the log. What does not count is taken out, so that the app and
the log see the same.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import secrets
from collections.abc import Sequence
from typing import Final

from channelshim.appserver.hosts import is_loopback_address
from channelshim.appserver.proxies import Network
from channelshim.server.request import Request

REQUEST_ID: Final = b"x-request-id"
TRACE: Final = b"traceparent"

_NAMES: Final = frozenset({REQUEST_ID, TRACE})

_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:@/+=~-]{0,127}")

_TRACE_PARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
"""W3C Trace Context, 3.2. Version 00 has no more; later versions may, and are not known
yet."""

_REMEMBERED: Final = 1024

_ID_BYTES: Final = 16


def new_id() -> str:
    """Return an id that no other request has."""
    return secrets.token_hex(_ID_BYTES)


class RequestIds:
    """Settles the names of requests, in their headers. Loop thread.

    Args:
        proxies: whose headers count, besides this machine's.
    """

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = tuple(proxies)
        self._is_trusted = functools.lru_cache(_REMEMBERED)(self._looks_trusted)

    def settle(self, request: Request) -> None:
        """Leave one X-Request-Id in a request, and at most one traceparent."""
        headers = request.headers
        sent = [header for header in headers if header[0] in _NAMES]
        if sent:
            headers[:] = [header for header in headers if header[0] not in _NAMES]
        peer = request.client[0] if request.client else ""
        found = sent if sent and self._is_trusted(peer) else []
        request_id = _only(found, REQUEST_ID, _ID) or new_id().encode("ascii")
        headers.append((REQUEST_ID, request_id))
        trace = _only(found, TRACE, _TRACE_PARENT)
        if trace:
            headers.append((TRACE, trace))

    def _looks_trusted(self, peer: str) -> bool:
        if is_loopback_address(peer):
            return True
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self._proxies)


def names_of(request: Request) -> tuple[str, str]:
    """Return id and traceparent of a request that was settled; "" for none."""
    return request.header(REQUEST_ID) or "", request.header(TRACE) or ""


def _only(
    headers: Sequence[tuple[bytes, bytes]], name: bytes, pattern: re.Pattern[bytes]
) -> bytes:
    """Return the one header of a name that has the form; b"" for none or several."""
    values = [value.strip() for found, value in headers if found == name]
    if len(values) == 1 and pattern.fullmatch(values[0]):
        return values[0]
    return b""
