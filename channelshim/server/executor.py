"""Who runs the app: threads of this process, or processes behind a pipe."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from channelshim.contracts.status import Status
from channelshim.hub.pacing import Pacing
from channelshim.kernel.deadlines import Deadlines
from channelshim.runtime.file_pieces import FilePieces
from channelshim.runtime.log_text import one_line
from channelshim.server.workers import Workers

if TYPE_CHECKING:
    # At run time an app process has a pipe in its place, and nothing of uvicorn.
    from channelshim.server.exchange import Exchange, Head

_logger: Final = logging.getLogger("channelshim.server")

RESPONSE_PIECES: Final = 8
"""Pieces of a streamed response that may wait for the reader."""

STUCK_SECONDS: Final = 10.0
"""Requests that wait while no thread takes one for so long are reported."""

WsgiApp = Callable[..., Iterable[bytes]]


class Answering(Protocol):
    """A request in hand and where its answer goes: an Exchange, or one over a pipe.

    Attributes:
        environ: the WSGI environment.
        call_soon: has one of the calls below made where they belong.
        begun: monotonic seconds at which its body was here.
        path: of its address.
    """

    environ: dict[str, Any]
    call_soon: Callable[[Callable[[], None]], object]

    @property
    def begun(self) -> float: ...

    @property
    def path(self) -> str: ...

    def take_whole(self, head: Head | None, body: bytes) -> None:
        """See Exchange."""

    def take_file(self, head: Head | None, file: FilePieces) -> None:
        """See Exchange."""

    def take_piece(self, head: Head | None, piece: bytes) -> None:
        """See Exchange."""

    def end_pieces(self, *, is_broken: bool = False) -> None:
        """See Exchange."""


class Executor(Protocol):
    """Has the app answer requests.

    What the app answers goes to the exchange, in calls on the loop: either `take_whole`
    alone, or `take_file` alone, or `take_piece` for each piece and `end_pieces`.
    """

    def submit(self, exchange: Exchange) -> bool:
        """Have the app answer; return False when too many requests wait already.

        Loop thread. `exchange.worker` is set before it returns.
        """

    def withdraw(self, exchange: Exchange) -> bool:
        """Take back a request that the app has not begun with.

        Loop thread.

        Returns:
            False when it has begun, or ended; else nothing answers the request.
        """

    def report_to(self, status: Status) -> None:
        """Register how many requests wait, and whether more are refused."""


class ThreadExecutor:
    """Implements Executor with threads of this process.

    Args:
        app: the WSGI application.
        workers: the threads.
        pacing: told which thread runs which request.
        deadlines: has the app's code hear of its deadline.
        deadline_seconds: after which a handler is told to end; 0 for never. When it
            goes on, the client has its 500 and another thread takes its place.
    """

    def __init__(
        self,
        app: WsgiApp,
        workers: Workers,
        pacing: Pacing | None = None,
        deadlines: Deadlines | None = None,
        deadline_seconds: float = 0.0,
    ) -> None:
        self._app = app
        self._workers = workers
        self._pacing = pacing or Pacing()
        self._deadlines = deadlines or Deadlines()
        self._deadline_seconds = deadline_seconds
        # Whether a look at what waits is due.
        self._is_watching = False
        # The last report of requests that no thread takes, and Workers.latest_start
        # then: it holds until another request is begun.
        self._stuck = ""
        self._stuck_since = -1.0

    def submit(self, exchange: Exchange) -> bool:
        """See Executor."""
        if self._deadline_seconds <= 0:
            run = Run(self._app, exchange, self._pacing)
        else:
            run = _TimedRun(
                self._app,
                exchange,
                self._pacing,
                self._workers,
                self._deadlines,
                self._deadline_seconds,
            )
        exchange.worker = run
        if not self._is_watching:
            self._watch()
        return self._workers.submit(run)

    def withdraw(self, exchange: Exchange) -> bool:
        """See Executor."""
        run = exchange.worker
        return isinstance(run, Run) and self._workers.withdraw(run)

    def report_to(self, status: Status) -> None:
        """See Executor."""
        status.counter("server.requests_waiting", lambda: self._workers.waiting)
        status.check("server.workers", self._describe_fault)
        status.check("server.late", self._describe_late, is_vital=False)

    def _describe_fault(self) -> str:
        waiting = self._workers.waiting
        if self._workers.is_full:
            return (
                f"{waiting} requests wait for a thread, and more are refused with 503"
            )
        if waiting and self._stuck_since == self._workers.latest_start:
            return self._stuck
        return ""

    def _describe_late(self) -> str:
        late = self._workers.given_up
        return f"requests that have not ended in time: {late}" if late else ""

    # --- Requests that no thread takes: loop thread ---------------------------------

    def _watch(self) -> None:
        self._is_watching = True
        asyncio.get_running_loop().call_later(STUCK_SECONDS, self._look)

    def _look(self) -> None:
        self._is_watching = False
        waiting = self._workers.waiting
        if not waiting:
            return
        self._watch()
        latest_start = self._workers.latest_start
        seconds = time.monotonic() - latest_start
        if seconds < STUCK_SECONDS or latest_start == self._stuck_since:
            return
        # Requests are begun in the order of their coming, so this one is not waiting.
        path = one_line(self._pacing.oldest_path())
        self._stuck_since = latest_start
        self._stuck = (
            f"no thread was free for {seconds:.0f} s and {waiting} requests wait: the "
            f"handler of {path} runs for the longest"
        )
        _logger.warning("%s", self._stuck)


class Run:
    """One request in a worker; see exchange.Worker.

    A whole answer, as almost all are, crosses to the loop in one call.

    Args:
        app: the WSGI application.
        exchange: the request, and where its answer goes.
        pacing: told which thread runs it.
    """

    __slots__ = (
        "_app",
        "_exchange",
        "_head",
        "_is_abandoned",
        "_is_streaming",
        "_pacing",
        "_room",
        "_written",
    )

    def __init__(self, app: WsgiApp, exchange: Answering, pacing: Pacing) -> None:
        self._app = app
        self._exchange = exchange
        self._pacing = pacing
        self._head: Head | None = None
        self._written: list[bytes] = []
        # Pieces that may wait; None until there is one.
        self._room: threading.Semaphore | None = None
        self._is_streaming = False
        self._is_abandoned = False

    def give_room(self) -> None:
        """See exchange.Worker."""
        if self._room is not None:
            self._room.release()

    def abandon(self) -> None:
        """See exchange.Worker."""
        self._is_abandoned = True
        self.give_room()

    # --- In the worker ------------------------------------------------------------

    def __call__(self) -> None:
        """Run the app and hand over what it answers."""
        exchange = self._exchange
        self._pacing.run(exchange)
        try:
            report = self._run()
        except BaseException:
            # The app server answers a failing handler itself: this is our bug, or
            # an answer that broke off.
            _logger.exception(
                "%s %s broke off", exchange.environ["REQUEST_METHOD"], exchange.path
            )
            if self._is_streaming:
                report = partial(exchange.end_pieces, is_broken=True)
            else:
                report = partial(exchange.take_whole, None, b"")
        finally:
            self._pacing.run(None)
        self._call(report)

    def _run(self) -> Callable[[], None]:
        """Run the app; return how to report the rest, or all, of its answer."""
        exchange = self._exchange
        iterable = self._app(exchange.environ, self._start_response)
        if isinstance(iterable, FilePieces):
            iterable.load()
            return partial(exchange.take_file, self._head, iterable)
        try:
            if isinstance(iterable, (list, tuple)):
                body = b"".join([*self._written, *iterable])
                return partial(exchange.take_whole, self._head, body)
            for piece in itertools.chain(self._written, iterable):
                if piece and not self._hand_over(piece):
                    break
        finally:
            close = getattr(iterable, "close", None)
            if close is not None:
                close()
        if self._is_streaming:
            return exchange.end_pieces
        # An iterable without a piece is a whole answer too, an empty one.
        return partial(exchange.take_whole, self._head, b"")

    def _hand_over(self, piece: bytes) -> bool:
        """Hand a piece over once there is room; return False when nobody wants it."""
        room = self._room
        if room is None:
            room = self._room = threading.Semaphore(RESPONSE_PIECES)
        room.acquire()
        if self._is_abandoned:
            return False
        self._is_streaming = True
        self._call(partial(self._exchange.take_piece, self._head, piece))
        return True

    def _start_response(
        self, status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        try:
            if exc_info and self._is_streaming:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None
        # A list as PEP 3333 has it; what else there is can be gone through once only.
        self._head = (status, list(headers))
        return self._written.append

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._exchange.call_soon(function)
        except RuntimeError:
            # The loop is closed: the server has stopped without this request.
            self._is_abandoned = True


class _TimedRun(Run):
    """One request whose handler has a deadline.

    What the handler reports once it is given up is dropped: the client has its answer.
    """

    __slots__ = (
        "_answered",
        "_deadline_seconds",
        "_deadlines",
        "_ending",
        "_is_given_up",
        "_is_over",
        "_thread",
        "_workers",
    )

    def __init__(
        self,
        app: WsgiApp,
        exchange: Exchange,
        pacing: Pacing,
        workers: Workers,
        deadlines: Deadlines,
        deadline_seconds: float,
    ) -> None:
        super().__init__(app, exchange, pacing)
        self._answered = exchange
        self._workers = workers
        self._deadlines = deadlines
        self._deadline_seconds = deadline_seconds
        self._thread = 0
        # Held while the thread leaves this request: it is not replaced then.
        self._ending = threading.Lock()
        self._is_over = False
        # Loop thread.
        self._is_given_up = False

    def __call__(self) -> None:
        """Run the app and hand over what it answers, in time or not at all."""
        self._thread = threading.get_ident()
        try:
            with self._deadlines.limit(self._deadline_seconds, self._note_overdue):
                super().__call__()
        finally:
            with self._ending:
                self._is_over = True

    def _call(self, function: Callable[[], None]) -> None:
        super()._call(partial(self._report, function))

    def _report(self, function: Callable[[], None]) -> None:
        if not self._is_given_up:
            function()

    def _note_overdue(self) -> None:
        super()._call(self._give_up)

    def _give_up(self) -> None:
        with self._ending:
            if self._is_over or self._answered.worker is not self:
                return
            self._is_given_up = True
            what = "its thread is replaced"
            if not self._workers.replace(self._thread):
                what = "as many as there are workers have not, so it holds one up"
        exchange = self._answered
        _logger.error(
            "%s %s has not ended for %g s: %s",
            exchange.environ["REQUEST_METHOD"],
            exchange.path,
            self._deadline_seconds,
            what,
        )
        if exchange.is_streamed:
            exchange.end_pieces(is_broken=True)
        else:
            exchange.take_whole(None, b"")
        self.abandon()
