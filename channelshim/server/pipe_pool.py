"""The app processes of a front, as an Executor and as a Dispatcher.

A request goes to the process that has the least in hand, and waits here while all have
as many as they have threads: one that dies takes none with it but those it has begun.

What a process sends is taken in its order: its messages come before the answer of the
request that sent them. Whatever else it sends, it can end nothing but itself: a frame
that cannot be read, or that answers nothing it was asked, closes its link.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.status import Status
from channelshim.errors import BrokenFrame
from channelshim.kernel.deadlines import OVERDUE_SECONDS, seconds_left
from channelshim.kernel.threads import Threads
from channelshim.protocol.pipe_frames import Frame, Kind, opened
from channelshim.server.pipe_link import Link, LinkEvents
from channelshim.server.pipe_services import FrontServices, PipeServices
from channelshim.server.pipe_work import Call, Forwarded, Question, Work
from channelshim.server.workers import MAXIMUM_WAITING_REQUESTS

if TYPE_CHECKING:
    from channelshim.server.exchange import Exchange

LATE_SECONDS: Final = OVERDUE_SECONDS + 1.0
"""After its deadline a handler is told; after so long its process is ended."""

_FILES_SECONDS: Final = 2.0

_logger: Final = logging.getLogger("channelshim.server")

CallSoon = Callable[[Callable[[], None]], object]


class Pool:
    """Implements Executor with app processes.

    Args:
        services: for the processes.
        events: told of what happens to the links.
        room: requests from outside that a process gets at once.
        is_serial: whether it gets one at a time, the platform's own included.
        deadline_seconds: of a request from outside; 0 for none.
        threads: keeps the thread running that answers questions.
    """

    def __init__(
        self,
        services: FrontServices,
        events: LinkEvents,
        *,
        room: int,
        is_serial: bool = False,
        deadline_seconds: float = 0.0,
        threads: Threads | None = None,
    ) -> None:
        self._services = PipeServices(services, self._call, threads or Threads())
        self._events = events
        self._room = room
        self._is_serial = is_serial
        self._deadline_seconds = deadline_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._call_soon: CallSoon = _not_started
        self._links: list[Link] = []
        # Of each link, the requests from outside.
        self._requests: Counter[Link] = Counter()
        self._waiting: deque[Work] = deque()
        self._numbers = itertools.count(1)
        self._is_closed = False
        # Whether handlers are to be told that no more messages are taken.
        self._is_full = False
        # When to look whether it is late, by number.
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._handlers: dict[int, Callable[[Link, Frame, int | None], None]] = {
            Kind.PUBLISH: self._take_messages,
            Kind.NOTE: self._take_note,
            Kind.ASK: self._take_question,
            Kind.PART: self._take_part,
            Kind.PIECE: self._take_piece,
            Kind.WHOLE: self._take_answer,
            Kind.END: self._take_answer,
            Kind.FILE: self._take_answer,
            Kind.RESPONSE: self._take_answer,
            Kind.ANSWER: self._take_answer,
        }

    def report_to(self, status: Status) -> None:
        """See Executor."""
        report_pools(status, [self])

    @property
    def waiting(self) -> int:
        """Return how many requests wait for a process."""
        return len(self._waiting)

    def describe_fault(self) -> str:
        """Return why requests are not answered soon; "" where they are."""
        if not self._links:
            return "no process of the app runs"
        count = len(self._waiting)
        if count < MAXIMUM_WAITING_REQUESTS:
            return ""
        return f"{count} requests wait for a process, and more are refused with 503"

    # --- Links ----------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop, call_soon: CallSoon) -> None:
        """Begin on this loop.

        Args:
            loop: the running one.
            call_soon: has a function called on it, from any thread; raises
                RuntimeError when it is closed.
        """
        self._loop = loop
        self._call_soon = call_soon
        for link in self._links:
            link.start(loop)
            if self._is_full:
                link.send(Kind.FULL, 1)

    def attach(self, link: Link) -> None:
        """Have a process get requests from now on."""
        self._links.append(link)
        if self._is_full:
            link.send(Kind.FULL, 1)
        if self._loop is not None:
            link.start(self._loop)
            self._hand_out()

    def refuse_messages(self, is_full: bool) -> None:
        """Have handlers hear that no more messages are taken, or again. Any thread."""
        # First: before the start nothing can be called, and the start looks at it.
        self._is_full = is_full
        self._call(partial(self._tell_full, is_full))

    def _tell_full(self, is_full: bool) -> None:
        self._is_full = is_full
        for link in self._links:
            link.send(Kind.FULL, int(is_full))

    def close(self) -> None:
        """Take nothing more, and end what waits."""
        self._is_closed = True
        for link in tuple(self._links):
            link.close()
        while self._waiting:
            self._waiting.popleft().give_up(HTTPStatus.SERVICE_UNAVAILABLE)

    def lose(self, link: Link) -> None:
        """Answer for a process that has ended; see Link."""
        with contextlib.suppress(ValueError):
            self._links.remove(link)
        lost = [self._forget(link, number) for number in tuple(link.in_hand)]
        again = [work for work in lost if work is not None and work.take_loss()]
        self._requests.pop(link, None)
        for work in reversed(again):
            self._put(work, is_first=True)
        self._events.lost(link)
        self._hand_out()

    # --- Work -----------------------------------------------------------------------

    def submit(self, exchange: Exchange) -> bool:
        """See Executor."""
        if self._is_closed or len(self._waiting) >= MAXIMUM_WAITING_REQUESTS:
            return False
        work = Forwarded(exchange)
        exchange.worker = work
        self._put(work)
        return True

    def withdraw(self, exchange: Exchange) -> bool:
        """See Executor."""
        work = exchange.worker
        if not isinstance(work, Forwarded):
            return False
        try:
            self._waiting.remove(work)
        except ValueError:
            return False
        return True

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """See contracts.dispatcher.Dispatcher."""
        call = Call(request, seconds_left())
        if not self._call(partial(self._put, call)):
            return InternalResponse(HTTPStatus.SERVICE_UNAVAILABLE, (), b"")
        return call.wait()

    def tell(self, link: Link, request: InternalRequest) -> None:
        """Make a request of the platform's own to one process, whatever it answers."""
        self._begin(Call(request, None, tries=1), link)

    def loaded_files(self) -> Sequence[str]:
        """Return the files whose code the processes have loaded. Any other thread."""
        question = Question("files")
        if not self._call(partial(self._put, question)):
            return ()
        return question.wait(_FILES_SECONDS)

    def _call(self, function: Callable[[], None]) -> bool:
        try:
            self._call_soon(function)
        except RuntimeError:
            return False
        return True

    def _put(self, work: Work, *, is_first: bool = False) -> None:
        """Hand work to a process, or have it wait for one."""
        if self._is_closed:
            work.give_up(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        may_pass = work.is_internal and not self._is_serial
        link = self._least_loaded(work)
        if link is not None and (may_pass or is_first or not self._waiting):
            self._begin(work, link)
        elif is_first:
            self._waiting.appendleft(work)
        else:
            self._waiting.append(work)

    def _hand_out(self) -> None:
        while self._waiting:
            link = self._least_loaded(self._waiting[0])
            if link is None:
                return
            self._begin(self._waiting.popleft(), link)

    def _least_loaded(self, work: Work) -> Link | None:
        best, least = None, 0
        for link in self._links:
            load = len(link.in_hand)
            if link.is_leaving or (best is not None and load >= least):
                continue
            if self._is_serial:
                has_room = load == 0
            else:
                has_room = work.is_internal or self._requests[link] < self._room
            if has_room:
                best, least = link, load
        return best

    def _begin(self, work: Work, link: Link) -> None:
        number = next(self._numbers)
        link.in_hand[number] = work
        seconds: float | None = None
        if isinstance(work, Forwarded):
            self._requests[link] += 1
            seconds = self._deadline_seconds or None
        elif isinstance(work, Call):
            seconds = work.seconds
        try:
            work.begin(link, number)
        except BrokenFrame as error:
            _logger.error("%s", error)
            self._forget(link, number)
            # Later: whoever submits it has yet to note that it is in hand.
            refuse = partial(work.give_up, HTTPStatus.INTERNAL_SERVER_ERROR)
            self._call(refuse)
            return
        if seconds is not None and self._loop is not None:
            self._timers[number] = self._loop.call_later(
                seconds + LATE_SECONDS, self._look_whether_late, link, number, seconds
            )

    def _look_whether_late(self, link: Link, number: int, seconds: float) -> None:
        work = link.in_hand.get(number)
        if not isinstance(work, (Forwarded, Call)):
            return
        _logger.error(
            "%s has not ended for %g s: app process %d is replaced",
            work.title,
            seconds,
            link.number,
        )
        self._forget(link, number)
        work.give_up(HTTPStatus.INTERNAL_SERVER_ERROR)
        link.leave()
        self._events.overdue(link)
        self._look_whether_idle(link)

    def _forget(self, link: Link, number: int) -> Work | None:
        work = link.in_hand.pop(number, None)
        if work is not None and not work.is_internal:
            self._requests[link] -= 1
        timer = self._timers.pop(number, None) if self._timers else None
        if timer is not None:
            timer.cancel()
        return work

    def _look_whether_idle(self, link: Link) -> None:
        if link.is_leaving and not link.in_hand and link.is_open:
            self._events.idle(link)

    # --- What the processes send ------------------------------------------------------

    def take(self, link: Link, frame: Frame, descriptor: int | None) -> None:
        """Take a frame; see Link. In its thread, until the link is attached."""
        try:
            handle = self._handlers.get(frame.kind)
            if handle is None:
                raise BrokenFrame(f"a frame of kind {frame.kind} where none belongs")
            if descriptor is not None and frame.kind != Kind.FILE:
                raise BrokenFrame("a file with what has none")
            handle(link, frame, descriptor)
        except Exception as error:
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            self._refuse(link, error)

    def _refuse(self, link: Link, error: Exception) -> None:
        """End a process after what it has sent: the rest cannot be believed."""
        if link not in self._links:
            # Whoever waits until it has loaded the app ends it.
            raise BrokenFrame(str(error)) from error
        is_ours = not isinstance(error, BrokenFrame)
        _logger.error(
            "app process %d has sent what cannot be taken, and is ended: %s",
            link.number,
            error,
            exc_info=error if is_ours else None,
        )
        link.close()

    def _take_messages(self, link: Link, frame: Frame, _: int | None) -> None:
        self._services.take_messages(frame)

    def _take_note(self, link: Link, frame: Frame, _: int | None) -> None:
        self._services.take_note(frame)

    def _take_question(self, link: Link, frame: Frame, _: int | None) -> None:
        # While it loads its app, this is the thread that waits for it.
        is_waiting = self._loop is None or link not in self._links
        self._services.take_question(link, frame, is_waiting=is_waiting)

    def _take_part(self, link: Link, frame: Frame, _: int | None) -> None:
        work = link.in_hand.get(frame.number)
        if work is not None:
            work.take_part(opened(frame)[1])

    def _take_piece(self, link: Link, frame: Frame, _: int | None) -> None:
        work = link.in_hand.get(frame.number)
        if isinstance(work, Forwarded):
            work.take_piece(frame)
        elif work is not None:
            raise BrokenFrame("a piece of what comes in no pieces")

    def _take_answer(self, link: Link, frame: Frame, descriptor: int | None) -> None:
        work = link.in_hand.get(frame.number)
        if work is None:
            # It comes too late.
            if descriptor is not None:
                os.close(descriptor)
            return
        work.take(frame, descriptor)
        self._forget(link, frame.number)
        if self._waiting:
            self._hand_out()
        if link.is_leaving:
            self._look_whether_idle(link)


def report_pools(status: Status, pools: Sequence[Pool]) -> None:
    """Register how many requests wait for processes, and which pools have none."""
    status.counter(
        "server.requests_waiting", lambda: sum(pool.waiting for pool in pools)
    )
    status.check(
        "server.workers",
        lambda: "; ".join(filter(None, (pool.describe_fault() for pool in pools))),
    )


def _not_started(function: Callable[[], None]) -> object:
    raise RuntimeError("the pool has not been started")
