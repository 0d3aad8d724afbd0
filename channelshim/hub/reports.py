"""Presence reports: the journal first, then POSTs, in order for each client id.

The loop only appends. One thread gathers changes for a moment, has the journal written
in one commit where there is one, and hands the ids on; runners make the POSTs. One
runner does while handlers are quick, since threads that compute only get in each
other's way; another is woken when ids wait, so that a slow handler holds up its own
runner alone. One that does not return is given up after a while: another runner takes
its place, but for its own id.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from channelshim import limits
from channelshim.contracts.dispatcher import Dispatcher, InternalRequest
from channelshim.contracts.presence import Change, Tell
from channelshim.contracts.status import Status
from channelshim.hub.journal import PresenceJournal, Step
from channelshim.kernel.deadlines import OVERDUE_SECONDS, Deadlines
from channelshim.kernel.threads import THREAD_RETRY_SECONDS, Kept, Threads
from channelshim.protocol.tokens import client_id_bytes

_logger: Final = logging.getLogger("channelshim.hub")

PRESENCE_RUNNERS: Final = 4
"""Threads that make presence POSTs; one id's POSTs never overlap."""

PRESENCE_GATHER_SECONDS: Final = 0.005
"""After so long without another change of presence, those before go on together."""

PRESENCE_BURST_SECONDS: Final = 0.25
"""How long changes are gathered at most while more and more come."""

PRESENCE_PATIENCE_SECONDS: Final = 0.01
"""How long an id waits for a runner before another one is woken."""

_STEP_OF: Final = {Change.CONNECTED: Step.CONNECTED, Change.DISCONNECTED: Step.GONE}


def presence_request(client_id: str, *, is_connected: bool) -> InternalRequest:
    """Return the POST that tells the app.

    Differs: D5 of docs/explanation/differences.md: `from` is percent-encoded.
    """
    return InternalRequest(
        method="POST",
        path=limits.PATH_CONNECTED if is_connected else limits.PATH_DISCONNECTED,
        body=urlencode({"from": client_id_bytes(client_id)}).encode("ascii"),
        content_type="application/x-www-form-urlencoded",
        remote_address=limits.PRESENCE_REMOTE_ADDRESS,
    )


class PresenceReports:
    """Tells the app who is connected.

    Args:
        dispatcher: makes the POSTs.
        journal: keeps who is connected; None where the broker does.
        told: called, from any thread, when the app has been told of a change.
        runners: threads that make POSTs.
        is_posting: False for the production rule without inbound_services: the
            journal only.
        threads: keeps the threads running; None for one of its own.
        deadlines: has the app's code hear of its deadline; None for one of its own.
        deadline_seconds: after which a handler is told to end; when it goes on, its
            runner is given up.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        journal: PresenceJournal | None,
        told: Tell,
        *,
        runners: int = PRESENCE_RUNNERS,
        is_posting: bool = True,
        threads: Threads | None = None,
        deadlines: Deadlines | None = None,
        deadline_seconds: float = limits.PRESENCE_DEADLINE_SECONDS,
    ) -> None:
        self._dispatcher = dispatcher
        self._journal = journal
        self._told = told
        self._runners = runners
        self._is_posting = is_posting
        self._deadline_seconds = deadline_seconds
        self._threads = threads or Threads()
        self._deadlines = deadlines or Deadlines()
        self._changes: deque[tuple[str, Step]] = deque()
        self._has_changes = threading.Event()
        # What the journal's thread has taken: it goes on there after a failure.
        self._taken: deque[tuple[str, Step]] = deque()
        self._is_journalled = False
        # Guards what follows: the journal thread, the runners and the loop share it.
        self._lock = threading.Lock()
        self._pending: dict[str, deque[bool]] = {}
        # By client id: what a POST that goes on tells, and False still when it is over,
        # until the next one begins or the id is done with.
        self._in_hand: dict[str, bool] = {}
        self._ready: deque[str] = deque()
        self._alarm = threading.Semaphore(0)
        self._idle = 0
        # Runners with a POST in hand, by thread, and since when: monotonic seconds.
        self._posting: dict[int, float] = {}
        self._given_up: set[int] = set()
        self._journal_thread: Kept | None = None
        self._posting_threads: list[Kept] = []
        self._is_stopping = False

    def report_to(self, status: Status) -> None:
        """Register how many reports wait, and handlers that do not return."""
        status.counter("presence.waiting", self._count_waiting)
        status.check("presence.handlers", self._describe_late, is_vital=False)

    def _count_waiting(self) -> int:
        with self._lock:
            posts = sum(map(len, self._pending.values()))
        return len(self._changes) + len(self._taken) + posts

    def _describe_late(self) -> str:
        late = len(self._given_up)
        seconds = self._deadline_seconds
        sentence = f"handlers that have not returned for {seconds:g} s: {late}"
        return sentence if late else ""

    def tell(self, client_id: str, what: Change) -> None:
        """Tell the app of a change, soon. Any thread, never blocks."""
        self._changed(client_id, _STEP_OF[what])

    def stop(self, seconds: float) -> None:
        """Write the journal and let POSTs in hand finish, for at most that long."""
        self._is_stopping = True
        self._has_changes.set()
        deadline = time.monotonic() + seconds
        if self._journal_thread is not None:
            self._join(self._journal_thread, deadline)
        # The journal's thread starts the runners: none comes any more.
        for thread in self._posting_threads:
            self._join(thread, deadline)

    def _join(self, thread: Kept, deadline: float) -> None:
        thread.hurry()
        thread.join(max(0.0, deadline - time.monotonic()))

    def _changed(self, client_id: str, step: Step) -> None:
        self._changes.append((client_id, step))
        if not self._has_changes.is_set():
            self._has_changes.set()
        if self._journal_thread is None:
            self._journal_thread = self._start("presence-journal", self._keep_journal)

    def _start(self, name: str, loop: Callable[[], None]) -> Kept | None:
        try:
            return self._threads.start(name, loop)
        except RuntimeError as error:
            # The next change tries again.
            _logger.error("presence waits: %s", error)
            return None

    # --- The journal's thread -----------------------------------------------------

    def _keep_journal(self) -> None:
        while not self._is_stopping or self._changes or self._taken:
            # Changes are left here after a failure, when the event is cleared already.
            is_left = self._ready or self._taken or self._changes
            waiting = PRESENCE_PATIENCE_SECONDS if is_left else None
            if self._has_changes.wait(waiting):
                self._gather()
            # Cleared before the changes are taken: one that comes later sets it again.
            self._has_changes.clear()
            self._take()
            if self._ready:
                self._wake_runner()
        for _ in range(self._runners + len(self._given_up)):
            self._alarm.release()

    def _take(self) -> None:
        """Journal what has come and queue it; after a failure, what is left of it."""
        if not self._taken:
            self._is_journalled = False
            self._taken.extend(
                self._changes.popleft() for _ in range(len(self._changes))
            )
        if self._taken and not self._is_journalled:
            if self._journal is not None:
                self._journal.write(self._taken)
            self._is_journalled = True
        while self._taken:
            self._queue(*self._taken[0])
            self._taken.popleft()

    def _gather(self) -> None:
        """Wait until no more changes come, within a bound.

        While many pages connect at once, each is let in before the app is told of any:
        the POSTs cost as much as the connections do.
        """
        deadline = time.monotonic() + PRESENCE_BURST_SECONDS
        gathered = 0
        while len(self._changes) > gathered and time.monotonic() < deadline:
            if self._is_stopping:
                return
            gathered = len(self._changes)
            time.sleep(PRESENCE_GATHER_SECONDS)

    def _wake_runner(self) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._alarm.release()
                return
            self._give_up_late()
            given_up = len(self._given_up)
        running = [runner for runner in self._posting_threads if runner.is_alive()]
        if len(running) - given_up < self._runners:
            runner = self._start(f"presence-{len(running) + 1}", self._post_all)
            if runner is not None:
                running.append(runner)
            elif not self._is_stopping:
                time.sleep(THREAD_RETRY_SECONDS)
        self._posting_threads = running

    def _give_up_late(self) -> None:
        """Count out the runners whose handler has not returned for too long."""
        latest = time.monotonic() - self._deadline_seconds - OVERDUE_SECONDS
        for runner, begun in self._posting.items():
            if begun > latest or runner in self._given_up:
                continue
            if len(self._given_up) >= self._runners:
                return
            self._given_up.add(runner)
            _logger.error(
                "a presence handler has not returned for %d s: others go on without it",
                self._deadline_seconds,
            )

    def _queue(self, client_id: str, step: Step) -> None:
        if step is Step.TOLD:
            return
        is_connected = step is Step.CONNECTED
        with self._lock:
            pending = self._pending.get(client_id)
            if pending is None:
                self._pending[client_id] = deque([is_connected])
                self._ready.append(client_id)
                return
            if not is_connected or not pending or pending[-1]:
                pending.append(is_connected)
                return
            # It came back before anybody was told that it had gone.
            pending.pop()
            before = pending[-1] if pending else self._in_hand.get(client_id)
            if before is False:
                # The app is told once more that it has gone.
                pending.append(True)
        if before is None:
            # The app knows already; a broker that keeps presence waits to hear so. What
            # waits or is in hand says it afterwards.
            self._told(client_id, Change.CONNECTED)

    # --- The runners --------------------------------------------------------------

    def _post_all(self) -> None:
        while True:
            try:
                client_id = self._ready.popleft()
            except IndexError:
                with self._lock:
                    if self._ready:
                        continue
                    if self._is_stopping:
                        return
                    self._idle += 1
                self._alarm.acquire()
                continue
            try:
                while (is_connected := self._next(client_id)) is not None:
                    self._post(client_id, is_connected=is_connected)
            except BaseException:
                with self._lock:
                    self._in_hand.pop(client_id, None)
                    # What is left of the id is for whoever comes next.
                    self._ready.append(client_id)
                raise
            finally:
                is_given_up = self._put_down()
            if is_given_up:
                # Another runner has taken this one's place.
                return

    def _next(self, client_id: str) -> bool | None:
        with self._lock:
            pending = self._pending.get(client_id)
            if pending:
                self._posting[threading.get_ident()] = time.monotonic()
                self._in_hand[client_id] = is_connected = pending.popleft()
                return is_connected
            self._pending.pop(client_id, None)
            self._in_hand.pop(client_id, None)
            return None

    def _put_down(self) -> bool:
        """Note that this runner has nothing in hand; return whether it is given up."""
        with self._lock:
            runner = threading.get_ident()
            self._posting.pop(runner, None)
            is_given_up = runner in self._given_up
            self._given_up.discard(runner)
            return is_given_up

    def _post(self, client_id: str, *, is_connected: bool) -> None:
        if self._is_posting:
            request = presence_request(client_id, is_connected=is_connected)
            try:
                with self._deadlines.limit(self._deadline_seconds):
                    answer = self._dispatcher.dispatch(request)
            except BaseException:
                _logger.exception("presence POST %s failed", request.path)
            else:
                # The app's answer makes no difference: many have no such handler.
                _logger.debug(
                    "presence POST %s answered %d", request.path, answer.status
                )
        if is_connected:
            with self._lock:
                self._in_hand.pop(client_id, None)
            self._told(client_id, Change.CONNECTED)
        else:
            self._told(client_id, Change.DISCONNECTED)
            self._changed(client_id, Step.TOLD)
