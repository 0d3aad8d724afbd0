"""The broker of one process, and the reference for every other one.

Publishing is an append and, when none is pending, one wake-up. Numbering happens in
`collect`, once for all that has come together since; keeping it for those who come
back happens after it was written, in `settle`.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence

from channelshim import limits
from channelshim.errors import BrokerError
from channelshim.protocol.contracts import Clock, Delivery, Replay
from channelshim.protocol.window import Chunk, ReplayWindow, first_number

_TEXT_BYTES = 320
"""What a kept text costs beside its own bytes: its object, its chunk, its tuples."""

_REFERENCE_BYTES = 16
"""What one more window that shares a chunk costs."""


class _Channel:
    """A known client id."""

    __slots__ = ("expected_until", "is_connected", "window")

    def __init__(self, number: int) -> None:
        self.window = ReplayWindow(number)
        self.expected_until = 0.0
        self.is_connected = False


class MemoryBroker:
    """Implements contracts.Broker within one process.

    Args:
        clock: the time; Unix seconds start numbers, monotonic ones bound windows.
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
        window_seconds: float,
        window_messages: int = limits.WINDOW_MESSAGES,
        window_bytes: int = limits.WINDOW_BYTES,
        window_total_bytes: int = limits.WINDOW_TOTAL_BYTES,
    ) -> None:
        self._clock = clock
        self._window_seconds = window_seconds
        self._window_messages = window_messages
        self._window_bytes = window_bytes
        self._window_total_bytes = window_total_bytes
        self._channels: dict[str, _Channel] = {}
        self._inbox: deque[tuple[str, str]] = deque()
        self._is_woken = False
        self._wake: Callable[[], None] = _nobody
        # Guards everything below: create_channel numbers too, in the app's threads.
        self._lock = threading.Lock()
        self._uncollected: dict[str, tuple[ReplayWindow, tuple[str, ...]]] = {}
        self._unsettled: list[tuple[ReplayWindow, tuple[str, ...]]] = []
        self._kept: deque[tuple[Chunk, int, list[ReplayWindow]]] = deque()
        self._kept_bytes = 0
        self._expected: deque[tuple[float, str]] = deque()

    def publish(self, client_id: str, text: str) -> None:
        """See contracts.Broker."""
        self._inbox.append((client_id, text))
        if not self._is_woken:
            self._is_woken = True
            self._wake()

    def subscribe(self, wake: Callable[[], None]) -> None:
        """See contracts.Broker."""
        self._wake = wake
        if self._inbox:
            self._is_woken = True
            wake()

    def expect(self, client_id: str) -> int:
        """See contracts.Broker."""
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            channel = self._known(client_id)
            channel.expected_until = now + self._window_seconds
            self._expected.append((channel.expected_until, client_id))
            return channel.window.number

    def connect(self, client_id: str) -> None:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())
            self._known(client_id).is_connected = True

    def disconnect(self, client_id: str) -> None:
        """See contracts.Broker."""
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            channel = self._channels.get(client_id)
            if channel is not None:
                channel.is_connected = False
                if channel.expected_until <= now:
                    del self._channels[client_id]

    def replay(self, client_id: str, after: int | None) -> Replay:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())
            return self._known(client_id).window.replay(after)

    def collect(self) -> Sequence[Delivery]:
        """See contracts.Broker."""
        # Cleared before the inbox is emptied: what comes later wakes again.
        self._is_woken = False
        with self._lock:
            self._number()
            uncollected = self._uncollected
            if not uncollected:
                return ()
            self._uncollected = {}
            return [
                Delivery(client_id, window.number, texts)
                for client_id, (window, texts) in uncollected.items()
            ]

    def settle(self) -> None:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())

    def save(self) -> bytes:
        """See contracts.Broker."""
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            channels = []
            for client_id, channel in self._channels.items():
                replay = channel.window.replay(0)
                channels.append([client_id, replay.number, list(replay.texts)])
            saved = {"at": self._clock.time(), "channels": channels}
            return json.dumps(saved).encode("ascii")

    def load(self, saved: bytes) -> None:
        """See contracts.Broker."""
        try:
            snapshot = json.loads(saved)
            age = max(0.0, self._clock.time() - snapshot["at"])
            channels = [(str(c), int(n), list(t)) for c, n, t in snapshot["channels"]]
        except (ValueError, KeyError, TypeError) as error:
            raise BrokerError(f"the saved windows cannot be read: {error}") from error
        if age > self._window_seconds:
            return
        with self._lock:
            now = self._clock.monotonic()
            for client_id, number, texts in channels:
                self._restore(client_id, number, texts, now)

    def _restore(
        self, client_id: str, number: int, texts: list[str], now: float
    ) -> None:
        if client_id in self._channels:
            return
        channel = self._channels[client_id] = _Channel(number)
        channel.expected_until = now + self._window_seconds
        self._expected.append((channel.expected_until, client_id))
        if texts:
            channel.window.number += len(texts)
            self._keep(tuple(texts), [channel.window], now)

    def _known(self, client_id: str) -> _Channel:
        channel = self._channels.get(client_id)
        if channel is None:
            number = first_number(self._clock.time())
            channel = self._channels[client_id] = _Channel(number)
        return channel

    def _number(self) -> None:
        """Number what was published; keeping it is put off until `_settle`."""
        inbox = self._inbox
        if not inbox:
            return
        owed: dict[str, list[str]] = {}
        pop = inbox.popleft
        for _ in range(len(inbox)):
            client_id, text = pop()
            texts = owed.get(client_id)
            if texts is None:
                owed[client_id] = [text]
            else:
                texts.append(text)
        uncollected = self._uncollected
        # One tuple for equal lists: the hub and the windows share it.
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        for client_id, texts in owed.items():
            channel = self._channels.get(client_id)
            if channel is None:
                continue
            key = tuple(texts)
            key = shared.setdefault(key, key)
            window = channel.window
            window.number += len(key)
            self._unsettled.append((window, key))
            waiting = uncollected.get(client_id)
            if waiting is not None:
                key = waiting[1] + key
            uncollected[client_id] = (window, key)

    def _settle(self, now: float) -> None:
        """Keep what was numbered, and drop what is too old."""
        self._number()
        unsettled = self._unsettled
        if unsettled:
            self._unsettled = []
            groups: dict[tuple[str, ...], list[ReplayWindow]] = {}
            for window, texts in unsettled:
                windows = groups.get(texts)
                if windows is None:
                    groups[texts] = [window]
                else:
                    windows.append(window)
            for texts, windows in groups.items():
                self._keep(texts, windows, now)
        self._drop_old(now)

    def _keep(
        self, texts: tuple[str, ...], windows: list[ReplayWindow], now: float
    ) -> None:
        sizes = tuple([len(text.encode("utf-8")) for text in texts])
        size = sum(sizes)
        chunk = Chunk(texts, sizes, now)
        for window in windows:
            window.keep(chunk, size, self._window_messages, self._window_bytes)
        cost = size + len(texts) * _TEXT_BYTES + len(windows) * _REFERENCE_BYTES
        self._kept.append((chunk, cost, windows))
        self._kept_bytes += cost
        while self._kept_bytes > self._window_total_bytes and self._kept:
            self._drop_oldest_chunk()

    def _drop_old(self, now: float) -> None:
        kept = self._kept
        oldest = now - self._window_seconds
        while kept and kept[0][0].at < oldest:
            self._drop_oldest_chunk()
        while self._expected and self._expected[0][0] <= now:
            _, client_id = self._expected.popleft()
            channel = self._channels.get(client_id)
            if (
                channel is not None
                and not channel.is_connected
                and channel.expected_until <= now
            ):
                del self._channels[client_id]

    def _drop_oldest_chunk(self) -> None:
        chunk, cost, windows = self._kept.popleft()
        self._kept_bytes -= cost
        for window in windows:
            window.drop(chunk)


def _nobody() -> None:
    """Stand in for the hub until it subscribes."""
