"""The poll fallback and the old wire: requests that are answered on the loop.

Used by our own server directly and, through a loop in a thread, under any WSGI server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from channelshim import limits
from channelshim.contracts.broker import Replay
from channelshim.contracts.clock import Clock
from channelshim.contracts.status import Status
from channelshim.errors import BrokerError, RemoteProtocolError, TokenError
from channelshim.hub.connections import Connection
from channelshim.hub.hub import Hub
from channelshim.protocol import frames
from channelshim.protocol.tokens import TokenClaims, TokenSigner
from channelshim.protocol.window import parse_after

_logger: Final = logging.getLogger("channelshim.transports")

PATH_POLL: Final = "/_ah/channel/poll"

POLL_MAXIMUM_WAIT_SECONDS: Final = 25.0
"""Below the 30 s after which the strictest common proxies cut."""

POLL_RETRY_MILLISECONDS: Final = 0
"""Pause before the next poll after a held one."""

POLL_BUSY_RETRY_MILLISECONDS: Final = 1000
"""Pause when the server answered at once because no thread may be spent."""

POLL_PRESENCE_MARGIN_SECONDS: Final = 10.0
"""A poller counts as connected for max(grace, retry + this) after its last poll."""

POLL_HIDDEN_SECONDS: Final = 75.0
"""The same for a page that says it is hidden: browsers wake such timers once a
minute."""

_NO_CACHE = ("Cache-Control", "no-cache")

_ANSWER_SECONDS: Final = 10.0
"""Longest wait for the broker's answer, which fails by itself well before."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer.

    Attributes:
        status: the code.
        headers: (name, value) pairs, without Content-Length.
        body: the bytes.
        reason: the reason phrase where the server can carry one.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: str = ""


def method_not_allowed() -> Reply:
    """Return the answer to anything but GET."""
    headers = (("Allow", "GET"), ("Content-Type", "text/plain; charset=utf-8"))
    return Reply(HTTPStatus.METHOD_NOT_ALLOWED, headers, b"Only GET is answered here.")


class Poller:
    """Answers polls. Loop thread only.

    Args:
        hub: where waiting polls attach.
        tokens: verifies tokens.
        clock: the time.
        grace_seconds: how long a client of the old wire counts after its last poll.
    """

    def __init__(
        self,
        hub: Hub,
        tokens: TokenSigner,
        clock: Clock,
        *,
        grace_seconds: float = limits.GRACE_SECONDS,
    ) -> None:
        self._hub = hub
        self._tokens = tokens
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._waiting: dict[bytes, set[_Waiter]] = {}

    def goes_on(self, token: str) -> bool | None:
        """Return whether a page of a token has polled in this process. Any thread.

        Returns:
            None for what is no token, or is one no more.
        """
        try:
            claims = self._tokens.verify(token, self._clock.time())
        except TokenError:
            return None
        return claims.nonce in self._waiting or self._hub.has_position(
            claims.client_id, claims.nonce
        )

    # --- The fallback -------------------------------------------------------------

    async def poll(
        self,
        query: Mapping[str, str],
        *,
        may_hold: bool,
        gone: asyncio.Future[Any] | None = None,
    ) -> Reply:
        """Answer a poll, held until something comes where it may be.

        Args:
            query: token, and if given after, wait (seconds), hidden and leave.
            may_hold: False answers at once, and asks for a pause.
            gone: done when the peer has hung up.
        """
        try:
            claims = self._tokens.verify(query.get("token", ""), self._clock.time())
        except TokenError as error:
            return _error(error.http_status, error.description)
        if query.get("leave") == "1":
            self._leave(claims)
            return _answer(parse_after(query.get("after")) or 0, (), 0)
        wait = _seconds(query.get("wait")) if may_hold else 0.0
        return await self._wait(claims, query, wait, gone, may_hold=may_hold)

    async def _wait(
        self,
        claims: TokenClaims,
        query: Mapping[str, str],
        wait: float,
        gone: asyncio.Future[Any] | None,
        *,
        may_hold: bool,
    ) -> Reply:
        waiter = _Waiter(claims)
        try:
            self._hub.attach(waiter, claims.number, parse_after(query.get("after")))
        except RemoteProtocolError as error:
            return _error(error.http_status, error.reason)
        self._waiting.setdefault(claims.nonce, set()).add(waiter)
        replay = None
        try:
            replay = await self._hold(waiter, wait, gone)
        except asyncio.CancelledError:
            waiter.has_left = True
            raise
        finally:
            self._forget(waiter)
            if waiter.has_left:
                self._hub.release(claims.client_id, claims.nonce)
            elif waiter.is_open and waiter.error is None:
                self._lease(claims, query, 0 if may_hold else _BUSY)
            self._hub.detach(waiter)
        if waiter.error is not None:
            return _error(HTTPStatus.UNAUTHORIZED, waiter.error)
        if replay is None:
            return _unavailable()
        self._hub.note_position(claims.client_id, claims.nonce, replay.last_number)
        is_busy = not may_hold and not replay.texts
        retry = _BUSY if is_busy or waiter.must_come_back else _NOW
        return _answer(replay.last_number, replay.texts, retry)

    async def _hold(
        self, waiter: _Waiter, wait: float, gone: asyncio.Future[Any] | None
    ) -> Replay | None:
        """Wait until the page is owed something; return that, None without a broker.

        Args:
            waiter: attached, or arriving.
            wait: seconds from when it is attached.
            gone: done when the peer has hung up.
        """
        if not waiter.begun.is_set() and await _first(
            waiter.begun.wait(), gone, _ANSWER_SECONDS
        ):
            waiter.has_left = True
        if not waiter.is_open:
            return None
        if (
            wait > 0
            and not waiter.ended.is_set()
            and await _first(waiter.ended.wait(), gone, wait)
        ):
            waiter.has_left = True
        return await self._replay(waiter.client_id, waiter.begins_at)

    async def _replay(self, client_id: str, after: int) -> Replay | None:
        """Return what comes after that number; None when the broker cannot say."""
        answer: asyncio.Future[Replay | None]
        answer = asyncio.get_running_loop().create_future()

        def done(replay: Replay | None) -> None:
            if not answer.done():
                answer.set_result(replay)

        def failed(error: BrokerError) -> None:
            _logger.debug("a poll is told to come back: %s", error)
            done(None)

        self._hub.replay(client_id, after, done, failed)
        if answer.done():
            return answer.result()
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(answer, _ANSWER_SECONDS)
        return None

    def _leave(self, claims: TokenClaims) -> None:
        self._hub.release(claims.client_id, claims.nonce)
        # Under a WSGI server nothing else ends the poll that the page has dropped.
        for waiter in self._waiting.get(claims.nonce, ()):
            waiter.leave()

    def report_to(self, status: Status) -> None:
        """Register how many polls are in hand."""
        status.counter("transports.held_polls", lambda: self.count)

    def end_held(self) -> None:
        """Answer every poll that is held: the page should come back a little later."""
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.come_back()

    @property
    def count(self) -> int:
        """Return how many polls are in hand. Any thread."""
        return sum(map(len, list(self._waiting.values())))

    def _forget(self, waiter: _Waiter) -> None:
        waiting = self._waiting[waiter.nonce]
        waiting.discard(waiter)
        if not waiting:
            del self._waiting[waiter.nonce]

    def _lease(self, claims: TokenClaims, query: Mapping[str, str], retry: int) -> None:
        seconds = retry / 1000 + POLL_PRESENCE_MARGIN_SECONDS
        if query.get("hidden") == "1":
            seconds = max(seconds, POLL_HIDDEN_SECONDS)
        seconds = max(seconds, self._grace_seconds)
        self._hub.lease(claims.client_id, claims.nonce, seconds)

    # --- The old wire: part E of docs/reference/contract.md -----------------------

    async def old_wire(self, query: Mapping[str, str]) -> Reply:
        """Answer /_ah/channel/dev: without holding, one message at most."""
        command, token = query.get("command"), query.get("channel")
        if token is None or command not in ("connect", "poll"):
            return Reply(HTTPStatus.BAD_REQUEST, (_NO_CACHE,), b"")
        try:
            claims = self._tokens.verify(token, self._clock.time())
        except TokenError as error:
            text = error.description
            headers = (_NO_CACHE, ("Content-Type", "text/plain"))
            return Reply(error.http_status, headers, text.encode("ascii"), reason=text)
        client_id, nonce = claims.client_id, claims.nonce
        self._hub.lease(client_id, nonce, self._grace_seconds, "dev")
        if command == "connect":
            position = self._hub.position(client_id, nonce, claims.number)
            self._hub.note_position(client_id, nonce, position)
            return Reply(200, (_NO_CACHE, ("Content-Type", "text/plain")), b"1")
        replay = await self._next(claims)
        if replay is None:
            return _unavailable()
        if not replay.texts:
            self._hub.note_position(client_id, nonce, replay.number)
            return Reply(200, (_NO_CACHE,), b"")
        self._hub.note_position(client_id, nonce, replay.number + 1)
        headers = (_NO_CACHE, ("Content-Type", "application/json"))
        return Reply(200, headers, replay.texts[0].encode("utf-8"))

    async def _next(self, claims: TokenClaims) -> Replay | None:
        """Return what the page of a token is owed; None when the broker cannot say."""
        while True:
            client_id, nonce = claims.client_id, claims.nonce
            position = self._hub.position(client_id, nonce, claims.number)
            replay = await self._replay(client_id, position)
            # Unless another poll of the page has taken it meanwhile.
            if self._hub.position(client_id, nonce, claims.number) == position:
                return replay


_NOW = POLL_RETRY_MILLISECONDS
_BUSY = POLL_BUSY_RETRY_MILLISECONDS


class _Waiter(Connection):
    """A poll that waits until its page is owed something; the window says what."""

    transport_name = ""

    __slots__ = (
        "begins_at",
        "begun",
        "ended",
        "error",
        "has_left",
        "is_open",
        "must_come_back",
    )

    def __init__(self, claims: TokenClaims) -> None:
        super().__init__(
            claims.client_id, claims.nonce, claims.expires_at, self._is_owed
        )
        # Attached, refused, or left before either.
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.is_open = False
        self.begins_at = 0
        self.error: str | None = None
        self.must_come_back = False
        self.has_left = False

    def open(self, number: int, owed: bytes) -> None:
        self.begins_at = number
        self.is_open = True
        self.begun.set()
        if owed:
            self.ended.set()

    def _is_owed(self, frames: bytes) -> None:
        self.ended.set()

    def expire(self) -> None:
        self.error = limits.DESCRIPTION_TOKEN_EXPIRED
        self._end()

    def come_back(self) -> None:
        self.must_come_back = True
        self._end()

    def leave(self) -> None:
        """End a poll whose page has said that it goes."""
        self.has_left = True
        self._end()

    def _end(self) -> None:
        self.begun.set()
        self.ended.set()


async def _first(
    ended: Coroutine[Any, Any, object],
    gone: asyncio.Future[Any] | None,
    seconds: float,
) -> bool:
    """Wait for either, at most seconds; return whether the peer has gone."""
    own = asyncio.ensure_future(ended)
    waits = [own] if gone is None else [own, gone]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return gone is not None and gone.done() and not own.done()
    finally:
        # The peer is watched further.
        own.cancel()


def _seconds(text: str | None) -> float:
    """Return a hostile `wait` as seconds within bounds."""
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    # NaN compares false with everything.
    if not 0.0 <= seconds:
        return 0.0
    return min(seconds, POLL_MAXIMUM_WAIT_SECONDS)


def _answer(number: int, texts: tuple[str, ...], retry: int) -> Reply:
    body = frames.poll_answer(number, texts, retry)
    return Reply(200, (_NO_CACHE, ("Content-Type", "application/json")), body)


def _unavailable() -> Reply:
    """Answer while the broker cannot: the page should try again."""
    reply = _error(HTTPStatus.SERVICE_UNAVAILABLE, "try again")
    return replace(reply, headers=(*reply.headers, ("Retry-After", "1")))


def _error(status: int, description: str) -> Reply:
    body = frames.poll_error(int(status), description)
    return Reply(int(status), (_NO_CACHE, ("Content-Type", "application/json")), body)
