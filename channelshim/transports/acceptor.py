"""Who may open a WebSocket, and what those that are open share."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from channelshim.appserver.client_limits import ClientLimit
from channelshim.contracts.clock import Clock
from channelshim.contracts.status import Status
from channelshim.errors import RemoteProtocolError, TokenError
from channelshim.hub.hub import Hub
from channelshim.kernel import sockets
from channelshim.protocol.tokens import TokenSigner
from channelshim.protocol.window import parse_after
from channelshim.transports import handshake
from channelshim.transports.connection_table import ConnectionTable, State, Watched
from channelshim.transports.ring_sender import RingSender
from channelshim.transports.websocket import WebSocketProtocol

READER_BEHIND_BYTES: Final = 64 << 10
"""From so much on that waits for it a reader counts as behind."""

RESETS_AT_ONCE: Final = 16
"""Connections of slow readers that are cut in one go."""

RESET_PAUSE_SECONDS: Final = 0.002
"""Between two such goes, so that cutting thousands does not hold up the loop."""

LONGEST_USER_AGENT: Final = 256
"""Of what a browser calls itself."""

Headers = Sequence[tuple[bytes, bytes]]


@functools.lru_cache(256)
def _shared_text(name: bytes) -> str:
    """Return a header as text: thousands of pages have the same few."""
    return name.decode("latin-1")


class Acceptor:
    """Decides who may open a WebSocket; one for a server.

    Args:
        hub: where accepted ones attach.
        tokens: verifies tokens.
        clock: the time.
        is_allowed: takes the Origin header (None when absent) and the Host header, and
            says whether a page from there may open a channel.
        table: owns the connections.
        sender: the hub's, where it sends to many pages in one call.
        send_buffer_bytes: bytes that may wait for one reader.
        limit: how many one client address may open; None for any number.

    Attributes:
        table: as given.
        reader_bytes: bytes that may wait for one reader.
        watched_bytes: from how many on a reader counts as behind.
    """

    def __init__(
        self,
        hub: Hub,
        tokens: TokenSigner,
        clock: Clock,
        is_allowed: Callable[[str | None, str], bool],
        *,
        table: ConnectionTable,
        sender: RingSender | None = None,
        send_buffer_bytes: int,
        limit: ClientLimit | None = None,
    ) -> None:
        self.hub: Hub = hub
        self.tokens: TokenSigner = tokens
        self.clock: Clock = clock
        self._is_allowed = is_allowed
        self._limit = limit
        self.table: ConnectionTable = table
        # Those included that have left and are not gone yet; and of each client id.
        self._count = 0
        self._transports: Counter[str] = Counter()
        # Those that are to be cut, and how many more may be at once.
        self._ending: deque[asyncio.Transport] = deque()
        self._resets_left = RESETS_AT_ONCE
        self.sender: RingSender | None = sender
        self.reader_bytes: int = send_buffer_bytes
        self.watched_bytes: int = min(send_buffer_bytes, READER_BEHIND_BYTES)

    @property
    def connections(self) -> list[WebSocketProtocol]:
        """Return those that are there, whatever they are in the middle of."""
        return [each for each in self.table if isinstance(each, WebSocketProtocol)]

    def report_to(self, status: Status) -> None:
        """Register how many WebSockets there are."""
        status.counter("transports.websockets", lambda: self._count)

    def refusal(
        self,
        method: str,
        version: str,
        target: bytes,
        headers: Headers,
        peer: str = "",
    ) -> bytes:
        """Return the whole answer to an upgrade that is refused; b"" for one to accept.

        Args:
            method: of the request.
            version: of HTTP, "1.1" for example.
            target: the request's target, path and query.
            headers: as parsed, names in lower case.
            peer: address of who has connected.
        """
        text = target.decode("ascii", "replace")
        refusal = handshake.refusal(method, version, text, headers, self._is_allowed)
        if refusal or self._limit is None:
            return refusal
        forwarded = handshake.joined(headers, b"x-forwarded-for")
        seconds = self._limit.wait(peer, forwarded)
        return handshake.too_many(seconds) if seconds else b""

    def accept(
        self,
        transport: asyncio.Transport,
        target: bytes,
        headers: Headers,
        rest: bytes,
        before: Watched | None = None,
    ) -> None:
        """Take over the transport of an upgrade that `refusal` lets pass.

        A bad token is accepted and then closed with 4401: browsers show pages nothing
        of a refused handshake.

        Args:
            transport: the connection; its protocol is replaced.
            target: the request's target, path and query.
            headers: as parsed, names in lower case.
            rest: bytes that came behind the request.
            before: whose transport it was in the table; None when it is not there yet.
        """
        query = target.decode("ascii", "replace").partition("?")[2]
        named = dict(headers)
        switching = handshake.switching_protocols(named[b"sec-websocket-key"])
        user_agent = _shared_text(named.get(b"user-agent", b"")[:LONGEST_USER_AGENT])
        protocol = WebSocketProtocol(transport, self, switching, user_agent)
        self._count += 1
        if before is None:
            self.table.add(protocol, State.UPGRADE)
        else:
            self.table.replace(before, protocol)
        transport.set_protocol(protocol)
        self._attach(protocol, parse_qs(query))
        protocol.switch()
        if rest:
            protocol.data_received(rest)

    def reset(self, transport: asyncio.Transport) -> None:
        """End a connection, now or soon: when many end, the others do not wait."""
        if self._resets_left == RESETS_AT_ONCE:
            loop = asyncio.get_running_loop()
            loop.call_later(RESET_PAUSE_SECONDS, self._reset_more)
        if self._resets_left:
            self._resets_left -= 1
            sockets.reset(transport)
        else:
            self._ending.append(transport)

    def _reset_more(self) -> None:
        self._resets_left = RESETS_AT_ONCE
        ending = self._ending
        for _ in range(min(RESETS_AT_ONCE, len(ending))):
            self.reset(ending.popleft())

    def forget(self, protocol: WebSocketProtocol) -> None:
        """Count a connection no more: its transport is gone."""
        self.table.remove(protocol)
        self._count -= 1
        client_id = protocol.client_id
        if self._transports[client_id] > 1:
            self._transports[client_id] -= 1
        else:
            del self._transports[client_id]

    def _attach(
        self, protocol: WebSocketProtocol, query: Mapping[str, list[str]]
    ) -> None:
        try:
            token = query.get("token", [""])[0]
            claims = self.tokens.verify(token, self.clock.time())
            others = self._transports[claims.client_id]
            self._transports[claims.client_id] += 1
            protocol.client_id = claims.client_id
            protocol.nonce = claims.nonce
            protocol.expires_at = claims.expires_at
            after = parse_after(query.get("after", [None])[0])
            self.hub.check_room(self._count - 1, others)
            self.hub.attach(protocol, claims.number, after)
        except TokenError as error:
            protocol.close(error.close_code, error.description)
        except RemoteProtocolError as error:
            protocol.close(error.close_code, error.reason)
