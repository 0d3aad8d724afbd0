"""The broker of one process, and the reference for every other one.

Publishing is an append to a run of equal texts and, when none is pending, one wake-up.
Numbering happens in `collect`, once for all that has come together since; keeping it
for those who come back happens after it was written, in `settle`. Between two writes
the kernel empties the processor's caches, so what counts is how few objects each
message touches.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from channelshim.broker import snapshot
from channelshim.broker.kept import (
    WINDOW_BYTES,
    WINDOW_MESSAGES,
    WINDOW_TOTAL_BYTES,
    Kept,
    Known,
)
from channelshim.broker.runs import Run
from channelshim.broker.waiting import Waiting
from channelshim.contracts.broker import (
    Delivery,
    MessageSender,
    Replay,
    Subscriber,
    Windows,
)
from channelshim.contracts.clock import Clock
from channelshim.contracts.overview import KnownId
from channelshim.contracts.presence import Change, Tell
from channelshim.contracts.status import Status
from channelshim.contracts.store import Journal
from channelshim.errors import BrokerError
from channelshim.protocol.window import first_number

_NO_TEXT: Any = object()
_NO_RUN: Final = Run(_NO_TEXT, [])
"""Where `publish` looks while there is no run to append to: no text is this one's."""


class _Answered:
    """Implements contracts.Attachment where the answer has been given."""

    def cancel(self) -> None:
        """Do nothing."""


_ANSWERED: Final = _Answered()


class MemoryBroker:
    """Implements contracts.Broker within one process.

    Every answer is given before the question returns.

    Args:
        clock: the time; Unix seconds start numbers, monotonic ones bound windows.
        windows: keeps the windows from `stop` to the next `start`; None forgets them.
        journal: knows who was connected when the last process ended; None for nobody.
        window_seconds: how long a message is kept, and an expected id known.
        window_messages: messages kept per client id.
        window_bytes: bytes of text kept per client id.
        window_total_bytes: bytes kept over all, objects around the texts included;
            texts that many ids were sent together count once.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        windows: Windows | None = None,
        journal: Journal | None = None,
        window_seconds: float,
        window_messages: int = WINDOW_MESSAGES,
        window_bytes: int = WINDOW_BYTES,
        window_total_bytes: int = WINDOW_TOTAL_BYTES,
    ) -> None:
        self._clock = clock
        self._windows = windows
        self._journal = journal
        self._window_seconds = window_seconds
        self._bounds = window_messages, window_bytes
        self._ids: dict[str, Known] = {}
        # Published and not collected: first what waits at channels, then the runs.
        self._waiting = Waiting(self._ids.get)
        self._runs: deque[Run] = deque()
        # The one that is appended to while the same text is sent.
        self._run = _NO_RUN
        self._is_woken = False
        self._wake: Callable[[], None] = _nobody
        self._tell: Tell = _tell_nobody
        self._adopt: Callable[[Sequence[str]], None] = _adopt_nothing
        # Guards everything below and what waits; appending to runs does without.
        self._lock = threading.Lock()
        # The run that is appended to is the last one: one thread at a time begins one.
        self._beginning = threading.Lock()
        self._unsettled: list[tuple[tuple[str, ...], list[Known]]] = []
        self._kept = Kept(window_seconds, window_messages, window_total_bytes)
        self._expected: deque[tuple[float, str]] = deque()

    def report_to(self, status: Status) -> None:
        """Register how much is known and kept."""
        status.counter("broker.client_ids", lambda: self.known_count)
        status.counter("broker.window_bytes", lambda: self.kept_bytes)

    def start(
        self,
        deliver: Callable[[], None],
        tell: Tell,
        adopt: Callable[[Sequence[str]], None],
        lost: Callable[[], None],
    ) -> None:
        """See contracts.Broker; `lost` is never called."""
        self._tell, self._adopt = tell, adopt
        was_connected = snapshot.connected_ids(self._journal)
        windows = snapshot.take_over(
            self._windows, self._clock.time(), self._window_seconds
        )
        with self._lock:
            now = self._clock.monotonic()
            for texts, ids in windows:
                self._restore(texts, ids, now)
            for client_id in was_connected:
                self._known(client_id).is_connected = True
        if was_connected:
            adopt(was_connected)
        self._wake = deliver
        if self._waiting.channels or self._runs:
            self._is_woken = True
            deliver()

    def take_over(self, client_ids: Sequence[str]) -> None:
        """Have ids that were connected to another process, which has died.

        Those that are connected here already stay as they are. Loop thread.
        """
        with self._lock:
            new = [each for each in client_ids if not self._is_connected(each)]
            for client_id in new:
                self._known(client_id).is_connected = True
        if new:
            self._adopt(new)

    def tell_again(self) -> None:
        """Tell the app of every id that is connected: it was told that they had gone.

        Loop thread.
        """
        with self._lock:
            connected = [each for each in self._ids if self._is_connected(each)]
        for client_id in connected:
            self._tell(client_id, Change.CONNECTED)

    def _is_connected(self, client_id: str) -> bool:
        known = self._ids.get(client_id)
        return known is not None and known.is_connected

    def publish(self, client_id: str, text: str) -> None:
        """See contracts.Broker."""
        run = self._run
        if text is run.text:
            run.append(client_id)
            if run.taken is not None:
                self._bring_back(run)
        elif client_id in self._ids:
            self._begin(text, [client_id])

    def _begin(self, text: str, client_ids: list[str]) -> None:
        run = Run(text, client_ids)
        with self._beginning:
            self._runs.append(run)
            self._run = run
        if not self._is_woken:
            self._is_woken = True
            self._wake()

    def _bring_back(self, run: Run) -> None:
        """Send once more what came too late for the collect that took its run."""
        with self._lock:
            late = run.take_late()
            if late:
                self._begin(run.text, late)

    def forwards(self, full: Callable[[bool], None]) -> MessageSender:
        """Return what takes other processes' messages: this, which has no bound."""
        return self

    def expect(self, client_id: str) -> int:
        """See contracts.Broker."""
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            self._spread()
            channel = self._known(client_id)
            channel.expected_until = now + self._window_seconds
            self._expected.append((channel.expected_until, client_id))
            return channel.number + len(channel.waiting)

    def attach(
        self,
        client_id: str,
        subscriber: Subscriber,
        after: int | None,
        opened: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> _Answered:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())
            self._spread()
            known = self._known(client_id)
            known.subscriber = subscriber
            is_new = not known.is_connected
            known.is_connected = True
            owed = known.replay(after, *self._bounds)
        if is_new:
            self._tell(client_id, Change.CONNECTED)
        opened(owed)
        return _ANSWERED

    def replay(
        self,
        client_id: str,
        after: int | None,
        done: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())
            self._spread()
            known = self._ids.get(client_id)
            if known is None:
                owed = Replay(first_number(self._clock.time()), ())
            else:
                owed = known.replay(after, *self._bounds)
        done(owed)

    def release(self, client_id: str) -> None:
        """See contracts.Broker."""
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            self._spread()
            known = self._ids.get(client_id)
            if known is None or not known.is_connected:
                return
            known.is_connected = False
            known.subscriber = ()
            if known.expected_until <= now:
                del self._ids[client_id]
        self._tell(client_id, Change.DISCONNECTED)

    def when_safe(self, done: Callable[[], None]) -> None:
        """See contracts.Broker."""
        done()

    def told(self, client_id: str, what: Change) -> None:
        """See contracts.Broker; the next change is told whether or not this one was."""

    def collect(self) -> Sequence[Delivery]:
        """See contracts.Broker."""
        # Cleared before anything is taken: what comes later wakes again.
        self._is_woken = False
        with self._lock:
            runs = self._take_runs()
            waiting = self._waiting
            owed = None if waiting.channels else waiting.compared(runs)
            if owed is None:
                waiting.spread(runs)
                owed = waiting.take()
            for texts, channels in owed.items():
                count = len(texts)
                for channel in channels:
                    channel.number += count
            self._unsettled += owed.items()
            return [Delivery(texts, channels) for texts, channels in owed.items()]

    def _take_runs(self) -> list[tuple[str, list[str]]]:
        self._run = _NO_RUN
        pop = self._runs.popleft
        runs = [pop() for _ in range(len(self._runs))]
        return [(run.text, run.take()) for run in runs]

    def _spread(self) -> None:
        """Let each id's messages wait at its channel, and drop those of unknown ids."""
        if self._runs:
            self._waiting.spread(self._take_runs())

    def settle(self) -> None:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())

    def stop(self) -> None:
        """See contracts.Broker."""
        if self._windows is None or self._wake is _nobody:
            # Not started: the last process's windows are still there.
            return
        with self._lock:
            self._settle(self._clock.monotonic())
            self._spread()
            owed = [
                (name, known.replay(0, *self._bounds))
                for name, known in self._ids.items()
            ]
        snapshot.hand_down(self._windows, self._clock.time(), owed)

    # --- For contracts.Overview -----------------------------------------------------

    @property
    def known_count(self) -> int:
        """Return how many client ids are known."""
        return len(self._ids)

    @property
    def kept_bytes(self) -> int:
        """Return what all windows together cost."""
        return self._kept.bytes

    def known_ids(self, after: str, limit: int) -> Sequence[KnownId]:
        """See contracts.Overview."""
        with self._lock:
            later = [name for name in self._ids if name > after]
        chosen = heapq.nsmallest(limit, later)
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            found = [self._ids[name] for name in chosen if name in self._ids]
            return [known.described(now) for known in found]

    def find(self, client_id: str) -> KnownId | None:
        """See contracts.Overview."""
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            known = self._ids.get(client_id)
            return None if known is None else known.described(now)

    def _restore(
        self, texts: tuple[str, ...], ids: list[tuple[str, int]], now: float
    ) -> None:
        channels = []
        for client_id, number in ids:
            if client_id not in self._ids:
                channel = Known(client_id, number + len(texts))
                channel.expected_until = now + self._window_seconds
                self._expected.append((channel.expected_until, client_id))
                self._ids[client_id] = channel
                channels.append(channel)
        if texts and channels:
            self._kept.keep(texts, channels, now)

    def _known(self, client_id: str) -> Known:
        channel = self._ids.get(client_id)
        if channel is None:
            number = first_number(self._clock.time())
            channel = self._ids[client_id] = Known(client_id, number)
        return channel

    def _settle(self, now: float) -> None:
        """Keep what was collected, and drop what is too old."""
        unsettled = self._unsettled
        if unsettled:
            self._unsettled = []
            for texts, channels in unsettled:
                self._kept.keep(texts, channels, now)
        self._kept.drop_old(now)
        while self._expected and self._expected[0][0] <= now:
            _, client_id = self._expected.popleft()
            channel = self._ids.get(client_id)
            if (
                channel is not None
                and not channel.is_connected
                and channel.expected_until <= now
            ):
                del self._ids[client_id]


def _nobody() -> None:
    """Stand in for the hub until it starts."""


def _tell_nobody(client_id: str, what: Change) -> None:
    """Stand in for the reports until the hub starts."""


def _adopt_nothing(client_ids: Sequence[str]) -> None:
    """Stand in for the hub until it starts."""
