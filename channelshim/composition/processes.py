"""Keeps the app processes of a front: starts, replaces and ends them.

The front is their parent. For each process one thread starts it, waits until it has
loaded the app, and then for its end; everything that is decided is decided on the loop,
in calls from these threads, so that nothing here needs a lock. Before the loop runs the
main thread takes those calls.

A process that ends is started again after a pause that doubles. When one ends five
times within ten seconds of its life, the whole server gives up, with a sentence: it
would only look alive.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from channelshim.composition.app_launch import AppProcess
from channelshim.composition.app_slot import (
    ENDS_SECONDS,
    MOST_ENDS,
    AppLoadError,
    Slot,
    how_it_ended,
)
from channelshim.composition.app_teams import Team, Teams
from channelshim.composition.loop_calls import LoopCalls
from channelshim.contracts.status import Status
from channelshim.kernel.threads import Threads
from channelshim.server.pipe_link import Link, LinkEvents
from channelshim.server.pipe_pool import CallSoon, Pool
from channelshim.server.pipe_services import FrontServices
from channelshim.transports.stop_signals import STOP_SECONDS

DRAIN_SECONDS: Final = STOP_SECONDS
"""How long a process that is replaced may take for what it has in hand."""

_LAST_SECONDS: Final = 1.0
"""Within which the kernel has ended what it was told to kill."""

_SHORT: Final = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Of a system that has no process, descriptor or memory to give for a while."""

_logger: Final = logging.getLogger("channelshim.processes")


class Processes:
    """The app processes of a front.

    Args:
        teams: at least one.
        services: what they have of the front.
        begin_generation: called when processes are to run what the files say now.
        threads: keeps the threads running.

    Attributes:
        pools: hand requests to the processes, one for each team.
    """

    def __init__(
        self,
        teams: Sequence[Team],
        services: FrontServices,
        begin_generation: Callable[[], None],
        *,
        threads: Threads,
    ) -> None:
        self._begin_generation = begin_generation
        self._threads = threads
        events = LinkEvents(self._lost, self._overdue, self._idle)
        self._teams = Teams(teams, services, events, threads)
        self.pools: tuple[Pool, ...] = self._teams.pools
        self._slots = self._teams.slots
        self._by_link: dict[Link, AppProcess] = {}
        self._living: set[AppProcess] = set()
        self._restarts = 0
        self._calls = LoopCalls()
        self._on_given_up: Callable[[str], None] = _nobody
        self._failure: AppLoadError | None = None
        self._to_roll: deque[Slot] = deque()
        self._rolling: Slot | None = None
        self._is_stopping = False
        self._have_ended = threading.Event()

    def report_to(self, status: Status) -> None:
        """Register how many processes are up, and what befalls them."""
        self._teams.report_to(status)
        status.counter("processes.restarts", lambda: self._restarts)

    def loaded_files(self) -> list[str]:
        """Return the files whose code any process has loaded. Any other thread."""
        return self._teams.loaded_files()

    # --- The start, in the main thread --------------------------------------------

    def load(self) -> None:
        """Start the processes, and wait until one of each team has loaded the app.

        Raises:
            AppLoadError: one cannot, or has ended; all are ended.
        """
        for slot in self._slots:
            self._launch(slot)
        try:
            while not self._teams.are_served():
                self._calls.run_next()
                if self._failure is not None:
                    raise self._failure
        except BaseException:
            self.kill()
            raise

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        call_soon: CallSoon,
        on_given_up: Callable[[str], None],
    ) -> None:
        """Go on on this loop, in its thread.

        Args:
            loop: the running one.
            call_soon: has a function called on it, from any thread.
            on_given_up: called once with the sentence that says why there is no use in
                going on.
        """
        self._on_given_up = on_given_up
        for pool in self.pools:
            pool.start(loop, call_soon)
        self._calls.start(loop, call_soon)

    # --- The end, in any thread but the loop's ------------------------------------

    def stop(self, seconds: float) -> None:
        """End all processes, orderly as long as there is time; while the loop runs."""
        bound = time.monotonic() + seconds
        self._calls.post(partial(self._begin_stop, seconds))
        self._have_ended.wait(seconds)
        self.kill()
        self._have_ended.wait(max(_LAST_SECONDS, bound - time.monotonic()))
        for pool in self.pools:
            self._calls.post(pool.close)

    def kill(self) -> None:
        """End all processes at once. Any thread, with or without a loop."""
        self._is_stopping = True
        for process in tuple(self._living):
            process.kill()

    def _begin_stop(self, seconds: float) -> None:
        self._is_stopping = True
        for process in tuple(self._living):
            if process in self._by_link.values():
                self._retire(process, seconds)
            else:
                # It loads the app yet.
                process.kill()
        if not self._living:
            self._have_ended.set()

    # --- Decisions: on the loop, or in the main thread before it runs -------------

    def _launch(self, slot: Slot) -> None:
        if self._is_stopping or slot.starting is not None:
            return
        pool = self._teams.pool_of(slot.number)
        launcher = self._teams.team_of(slot.number).launcher
        try:
            process = launcher.prepare(slot.number, pool.take, pool.lose)
        except OSError as error:
            self._note_unlaunched(slot, error)
            return
        slot.begin(process)
        self._living.add(process)
        live = partial(self._live, slot, process)
        try:
            self._threads.start(f"app-{slot.number}", live)
        except RuntimeError as error:
            slot.leave(process)
            self._living.discard(process)
            process.discard()
            self._note_unlaunched(slot, error)

    def _note_unlaunched(self, slot: Slot, error: Exception) -> None:
        """Have a process started later for which the system had no thread or socket."""
        how = AppLoadError(
            f"an app process cannot be started: {error}", is_passing=True
        )
        self._calls.post(partial(self._start_again, slot, 0.0, how, was_loading=True))

    def _fill(self, slot: Slot) -> None:
        """Start a process where none is that goes on."""
        if slot.current is None or slot.current.is_retired:
            self._launch(slot)

    def _live(self, slot: Slot, process: AppProcess) -> None:
        """Start a process and wait for its end: a thread's whole life."""
        failure: AppLoadError | None = None
        try:
            loaded = process.load()
            if loaded.is_ready:
                self._calls.post(partial(self._loaded, slot, process))
            elif loaded.sentence:
                failure = AppLoadError(
                    loaded.sentence,
                    loaded.report,
                    is_of_the_app=True,
                    is_passing=loaded.is_passing,
                )
        except OSError as error:
            failure = AppLoadError(
                f"an app process cannot be started: {error}",
                is_passing=error.errno in _SHORT,
            )
        code = process.wait()
        self._calls.post(partial(self._ended, slot, process, code, failure))

    def _loaded(self, slot: Slot, process: AppProcess) -> None:
        before = slot.settle()
        if self._is_stopping:
            process.kill()
            return
        self._by_link[process.link] = process
        pool = self._teams.pool_of(slot.number)
        pool.attach(process.link)
        for request in self._teams.team_of(slot.number).first:
            pool.tell(process.link, request)
        _logger.info("app process %d runs, with id %d", slot.number, process.id)
        if slot.is_outdated:
            # It serves until another one has loaded the files as they are now.
            self._launch(slot)
        if before is not None:
            self._retire(before, DRAIN_SECONDS)
        elif slot is self._rolling and slot.starting is None:
            self._roll_on()

    def _retire(self, process: AppProcess, seconds: float) -> None:
        """Give a process no further request, and end it when it has answered all."""
        if process.is_retired:
            return
        process.retire()
        number = process.link.number
        for request in self._teams.team_of(number).last:
            self._teams.pool_of(number).tell(process.link, request)
        if not process.link.in_hand:
            self._idle(process.link)
        self._calls.later(seconds, partial(self._end_late, process))

    def _end_late(self, process: AppProcess) -> None:
        if process in self._living:
            if process.link.in_hand and not self._is_stopping:
                _logger.warning(
                    "an app process is ended with %d requests in hand",
                    len(process.link.in_hand),
                )
            process.kill()

    def _idle(self, link: Link) -> None:
        process = self._by_link.get(link)
        if process is None:
            return
        if process.is_overdue:
            # A thread of it goes on for ever.
            process.kill()
        else:
            process.stop(DRAIN_SECONDS)

    def _overdue(self, link: Link) -> None:
        process = self._by_link.get(link)
        if process is None or process.is_overdue:
            return
        process.note_overdue()
        process.retire()
        slot = self._slots[link.number - 1]
        if slot.current is process:
            self._launch(slot)
        self._calls.later(DRAIN_SECONDS, partial(self._end_late, process))

    def _lost(self, link: Link) -> None:
        process = self._by_link.get(link)
        if process is not None and not process.is_retired:
            # It may have sent what cannot be read, and live on.
            process.kill()

    def _ended(
        self,
        slot: Slot,
        process: AppProcess,
        code: int,
        failure: AppLoadError | None,
    ) -> None:
        process.link.read_rest()
        self._by_link.pop(process.link, None)
        self._living.discard(process)
        was_loading = slot.leave(process)
        if self._is_stopping:
            if not self._living:
                self._have_ended.set()
        elif process.is_retired:
            is_done = slot.current is not None and slot.starting is None
            if slot is self._rolling and is_done:
                self._roll_on()
        else:
            how = failure or AppLoadError(how_it_ended(slot.number, code))
            lived = process.lived_seconds
            self._start_again(slot, lived, how, was_loading=was_loading)

    def _start_again(
        self, slot: Slot, lived: float, how: AppLoadError, *, was_loading: bool
    ) -> None:
        """Start another process after a pause.

        Args:
            slot: where one has ended.
            lived: for how many seconds it has had the app.
            how: why it has ended.
            was_loading: whether it had yet to load the app.
        """
        if not self._calls.is_on_loop and self._failure is None and was_loading:
            self._failure = how
            return
        _logger.error("%s%s", f"{how.report}\n" if how.report else "", how)
        before = slot.current
        if was_loading and slot.is_outdated:
            again = partial(self._launch, slot)
            self._calls.later(slot.pause_after(lived), again)
            return
        if was_loading and before is not None and not before.is_retired:
            # Of a reload: the one before goes on.
            self._give_up_rolling(slot)
            return
        # An app that cannot be loaded now may be mended, while other processes have it.
        is_counted = not how.is_of_the_app or not self._teams.is_served(slot.number)
        # Nor an outage: when it is over, so are the failures.
        is_counted = is_counted and not how.is_passing
        if is_counted and slot.note_end(lived):
            self._give_up(
                f"app process {slot.number} has ended {MOST_ENDS} times within "
                f"{ENDS_SECONDS:g} s of its life, so the server gives up; the last "
                f"time: {how}"
            )
            return
        self._restarts += 1
        self._calls.later(slot.pause_after(lived), partial(self._fill, slot))

    def _give_up(self, sentence: str) -> None:
        self._is_stopping = True
        if not self._calls.is_on_loop:
            # `load` waits for this.
            self._failure = self._failure or AppLoadError(sentence)
            return
        on_given_up, self._on_given_up = self._on_given_up, _nobody
        on_given_up(sentence)

    # --- The rolling reload -------------------------------------------------------

    def roll(self) -> None:
        """Replace the processes one by one: a new one runs, then the old one ends.

        Where a new one cannot load the app, those that run go on, and the log says why.
        Loop thread; any other one through the loop.
        """
        self._begin_generation()
        self._to_roll = deque(self._slots)
        if self._rolling is None:
            self._roll_on()

    def _roll_on(self) -> None:
        self._rolling = None
        if self._to_roll:
            slot = self._rolling = self._to_roll.popleft()
            slot.outdate()
            self._launch(slot)
        if self._rolling is None and not self._is_stopping:
            _logger.info("all app processes run the app as it is now")

    def _give_up_rolling(self, slot: Slot) -> None:
        if slot is self._rolling:
            self._to_roll.clear()
            self._rolling = None
            _logger.error("the app is not reloaded: it goes on as it was before")


def _nobody(_: str) -> None:
    """Stand in until the loop runs."""
