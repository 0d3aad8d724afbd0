"""Our own addresses below /_ah/: one table for every server that has them.

=============  ====================================================
PATH_JSAPI     the script; at once
PATH_SOCKET    WebSockets; an ordinary request is told what to do
PATH_POLL      the fallback; on the hub's loop, held where it may be
PATH_DEV       the old wire; on the hub's loop
PATH_HEALTH    whether this server should get requests, where it is asked for
=============  ====================================================
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from channelshim import limits
from channelshim.appserver.client_limits import ClientLimit
from channelshim.appserver.response_rules import NO_SNIFFING
from channelshim.contracts.status import PATH_HEALTH
from channelshim.protocol.window import parse_after
from channelshim.transports import handshake
from channelshim.transports.health import Health
from channelshim.transports.origins import Origins
from channelshim.transports.polling import PATH_POLL, Poller, Reply, method_not_allowed
from channelshim.transports.script import jsapi

PATHS: Final = frozenset(
    {limits.PATH_JSAPI, handshake.PATH_SOCKET, PATH_POLL, limits.PATH_DEV}
)
"""What is always answered here."""

MAXIMUM_COUNTED: Final = 1 << 14
"""Pages that are remembered as counted: 2 MB. One that is forgotten counts again."""

_PLAIN_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Request:
    """What an answer depends on.

    Attributes:
        path: one of PATHS.
        method: upper case.
        host: the Host header; "" when there is none.
        origin: the Origin header, or None.
        query: as it came, percent-encoded, without its "?".
        peer: address of who has connected, a proxy included.
        forwarded: the X-Forwarded-For header; "" for none.
    """

    path: str
    method: str
    host: str
    origin: str | None
    query: str
    peer: str
    forwarded: str = ""

    @property
    def is_poll(self) -> bool:
        """Return whether the answer may be held."""
        return self.path == PATH_POLL


class Routes:
    """Answers the requests for PATHS.

    Args:
        poller: answers polls and the old wire.
        host_refusal: takes the Host header and the peer's address, and returns why it
            is not served here, or "".
        origins: whose pages may read the answers.
        has_sockets: whether this server takes WebSockets.
        health: answers PATH_HEALTH; None where that is the app's.
        limit: how many channels one client address may open; None for any number.
        goes_on: whether a page of this token is connected to this process, or has been
            a moment ago; it returns None for what is no token. None for never.

    Attributes:
        paths: what is answered here; every other path is the app's.
    """

    def __init__(
        self,
        poller: Poller,
        host_refusal: Callable[[str, str], str],
        origins: Origins,
        *,
        has_sockets: bool,
        health: Health | None = None,
        limit: ClientLimit | None = None,
        goes_on: Callable[[str], bool | None] | None = None,
    ) -> None:
        self._poller = poller
        self._goes_on = goes_on or _never
        # By their tokens, what was counted, oldest first. Another process may have a
        # page meanwhile, and what a poll says of itself is not believed.
        self._counted: OrderedDict[bytes, None] = OrderedDict()
        self._counted_lock = threading.Lock()
        self._health = health
        self._limit = limit
        self.paths: frozenset[str] = PATHS if health is None else PATHS | {PATH_HEALTH}
        self._host_refusal = host_refusal
        self._origins = origins
        self._has_sockets = has_sockets

    def reply_at_once(self, request: Request) -> Reply | None:
        """Return the answer that needs no hub, or None: then `reply` has it.

        Any thread.
        """
        reply = self._without_hub(request)
        return None if reply is None else self._readable(request, reply)

    async def reply(
        self,
        request: Request,
        *,
        may_hold: bool,
        gone: asyncio.Future[Any] | None = None,
    ) -> Reply:
        """Answer a poll, a request of the old wire or a probe. On the hub's loop.

        Args:
            request: one for which `reply_at_once` has no answer.
            may_hold: whether a poll may wait; see Poller.poll.
            gone: done when the peer has hung up.
        """
        if request.path == PATH_HEALTH:
            assert self._health is not None
            return self._readable(request, await self._health.reply())
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if request.path == limits.PATH_DEV:
            reply = await self._poller.old_wire(query)
        else:
            reply = await self._poller.poll(query, may_hold=may_hold, gone=gone)
        return self._readable(request, reply)

    @property
    def polls_in_hand(self) -> int:
        """Return how many polls have not been answered. On the hub's loop."""
        return self._poller.count

    def end_held(self) -> None:
        """Answer every poll that is held, now. On the hub's loop."""
        self._poller.end_held()

    def _without_hub(self, request: Request) -> Reply | None:
        if request.path == PATH_HEALTH and request.method in ("GET", "HEAD"):
            # By any name: probes ask by address, and hear nothing of use to others.
            return None
        refusal = self._host_refusal(request.host, request.peer)
        if refusal:
            return _text(HTTPStatus.BAD_REQUEST, refusal)
        if request.method != "GET":
            return method_not_allowed()
        if request.path == limits.PATH_JSAPI:
            return jsapi(has_sockets=self._has_sockets)
        if len(request.query) > handshake.MAXIMUM_QUERY_CHARACTERS:
            return _text(HTTPStatus.REQUEST_URI_TOO_LONG, handshake.QUERY_TOO_LONG)
        if request.path != handshake.PATH_SOCKET:
            return self._too_many(request)
        if not self._has_sockets:
            sentence = "No WebSockets under this server: poll instead."
            return _text(HTTPStatus.NOT_IMPLEMENTED, sentence)
        upgrade = (("Upgrade", "websocket"), ("Connection", "Upgrade"))
        sentence = "This address answers WebSockets only."
        return _text(HTTPStatus.UPGRADE_REQUIRED, sentence, upgrade)

    def _too_many(self, request: Request) -> Reply | None:
        """Refuse what opens a channel too soon after others.

        A page's further polls say how far it got, and are not counted.
        """
        if self._limit is None:
            return None
        is_first, token = _asked(request)
        key = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        # None for what is no token: it counts each time, and is not remembered.
        is_here = self._goes_on(token)
        is_counted = is_here or (is_here is not None and key in self._counted)
        if is_first or not is_counted:
            seconds = self._limit.wait(request.peer, request.forwarded)
        else:
            seconds = 0
        if not seconds:
            if is_here is not None:
                self._note_counted(key)
            return None
        sentence = f"{handshake.TOO_MANY_CONNECTS}: try again in {seconds} s."
        headers = (("Retry-After", str(seconds)),)
        return _text(HTTPStatus.TOO_MANY_REQUESTS, sentence, headers)

    def _note_counted(self, key: bytes) -> None:
        with self._counted_lock:
            self._counted[key] = None
            self._counted.move_to_end(key)
            if len(self._counted) > MAXIMUM_COUNTED:
                self._counted.popitem(last=False)

    def _readable(self, request: Request, reply: Reply) -> Reply:
        """Add what lets a page of another origin read the answer."""
        more = self._origins.headers(request.origin)
        return replace(reply, headers=(*reply.headers, NO_SNIFFING, *more))


def _asked(request: Request) -> tuple[bool, str]:
    """Return whether a request of a page says that it is its first, and its token.

    Asked of the query as it is answered, so that no spelling of it passes.
    """
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    if request.path == limits.PATH_DEV:
        return query.get("command") == "connect", query.get("channel", "")
    return parse_after(query.get("after")) is None, query.get("token", "")


def _never(token: str) -> bool:
    return False


def _text(
    status: HTTPStatus, sentence: str, headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    return Reply(status, (*headers, _PLAIN_TEXT), f"{sentence}\n".encode())
