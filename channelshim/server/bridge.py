"""From uvicorn's events to whoever runs the WSGI app, and back."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from channelshim import limits
from channelshim.contracts.status import Status
from channelshim.errors import RemoteProtocolError
from channelshim.hub.pacing import Pacing
from channelshim.server.environ import environ_of
from channelshim.server.exchange import CallSoon, Exchange, WhenSafe
from channelshim.server.executor import Executor
from channelshim.server.request_body import Receive, Scope, read_body
from channelshim.server.response_bytes import answer_bytes
from channelshim.server.response_events import (
    TEXT_HEADERS,
    Headers,
    Send,
    send_whole,
    whole_events,
)

if TYPE_CHECKING:
    from channelshim.server.uvicorn_names import RequestResponseCycle

AsgiApp = Callable[[Scope, Receive, Send], Any]


class WsgiBridge:
    """An ASGI application that runs a WSGI one.

    Args:
        executor: has the app answer.
        pacing: told of each request in hand; None where nobody asks.
        when_safe: see contracts.Broker; None where no message need be waited for.
        maximum_body_bytes: a longer body is refused with 413.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        pacing: Pacing | None = None,
        when_safe: WhenSafe | None = None,
        maximum_body_bytes: int = limits.MAXIMUM_BODY_BYTES,
    ) -> None:
        self._executor = executor
        self._maximum_body_bytes = maximum_body_bytes
        self._pacing = pacing or Pacing()
        self._hold = self._pacing.hold
        self._when_safe = when_safe or _at_once
        self._call_soon: CallSoon | None = None

    @property
    def requests_in_hand(self) -> int:
        """Return how many requests the app has not finished."""
        return self._pacing.count

    def report_to(self, status: Status) -> None:
        """Register the requests in hand, those that wait, and whether it is full."""
        status.counter("server.requests_in_hand", lambda: self._pacing.count)
        self._executor.report_to(status)

    def start(self, call_soon: CallSoon) -> None:
        """Take the server's way to the loop.

        Args:
            call_soon: has a function called on the loop, from any thread; raises
                RuntimeError when the loop is closed.
        """
        self._call_soon = call_soon

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            body, length = await read_body(
                scope, receive, maximum_bytes=self._maximum_body_bytes
            )
        except RemoteProtocolError as error:
            text = error.reason.encode("ascii")
            await send_whole(send, error.http_status, TEXT_HEADERS, text)
            return
        with body:
            exchange = self._exchange(environ_of(scope, body, length))
            if not self._submit(exchange):
                status = HTTPStatus.SERVICE_UNAVAILABLE
                retry = (*TEXT_HEADERS, ("Retry-After", "1"))
                text = b"Too many requests are waiting; try again in a second."
                await send_whole(send, status, retry, text)
                return
            await self._follow(exchange, scope, receive, send)

    def begin(
        self, cycle: RequestResponseCycle, start: Callable[[AsgiApp], None]
    ) -> bool:
        """Answer a request whose whole body is here, without a task of its own.

        Almost all are so, and a task with its futures costs as much as the parsing.

        Args:
            cycle: the request, and where its answer goes.
            start: begins a task for the answer, when one is needed after all.

        Returns:
            False when nothing was begun: the request must be refused by `__call__`.
        """
        length = len(cycle.body)
        if length > self._maximum_body_bytes:
            return False
        environ = environ_of(cast("Scope", cycle.scope), io.BytesIO(cycle.body), length)
        exchange = self._exchange(environ)
        exchange.on_first = partial(self._answer, exchange, cycle, start)
        return self._submit(exchange)

    def _exchange(self, environ: dict[str, Any]) -> Exchange:
        return Exchange(environ, self._call_soon, self._when_safe, self._hold)

    def _submit(self, exchange: Exchange) -> bool:
        if not self._executor.submit(exchange):
            return False
        self._pacing.begin(exchange)
        return True

    def _answer(
        self,
        exchange: Exchange,
        cycle: RequestResponseCycle,
        start: Callable[[AsgiApp], None],
    ) -> None:
        """Send a whole answer; leave any other one to a task."""
        if exchange.is_streamed or cycle.flow.write_paused:
            start(partial(self._follow, exchange))
            return
        try:
            _send_whole_at_once(cycle, *exchange.whole_answer())
        except Exception as error:
            # uvicorn logs what an app raises, and ends the answer in the proper way.
            start(_raiser(error))
        finally:
            self._pacing.finish(exchange)

    async def _follow(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        is_stopping = False
        try:
            await exchange.answer(receive, send)
        except asyncio.CancelledError:
            # The stop's bound is over: the worker goes on alone.
            is_stopping = True
            raise
        finally:
            self._pacing.finish(exchange)
            if not is_stopping:
                # The body's file lives until the app is done with it.
                await exchange.wait_for_worker()


def _send_whole_at_once(
    cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes
) -> None:
    """Send a whole answer to a reader that is not behind."""
    answer = None
    if cycle.scope["method"] != "HEAD":
        keeps_alive = cycle.keep_alive
        answer = answer_bytes(
            status, headers, cycle.default_headers, body, keeps_alive=keeps_alive
        )
    if answer is None:
        method = cycle.scope["method"]
        for event in whole_events(status, headers, body, method):
            sending: Any = cycle.send(cast("Any", event))
            _finish_at_once(sending)
    elif not cycle.disconnected:
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(answer)
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
    # It refers to the connection, which refers to the cycle.
    cycle.on_response = _nobody


def _finish_at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("a send has waited")


def _raiser(error: Exception) -> AsgiApp:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return fail


def _nobody() -> None:
    """No-op, for when nobody wants to know that a request has been answered."""


def _at_once(done: Callable[[], None]) -> None:
    """Stand in for a broker that has nothing to wait for."""
    done()
