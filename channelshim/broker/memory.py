"""The broker of one process, and the reference for every other one.

Publishing is an append to a run of equal texts and, when none is pending, one wake-up.
Numbering happens in `collect`, once for all that has come together since; keeping it
for those who come back happens after it was written, in `settle`. Between two writes
the kernel empties the processor's caches, so what counts is how few objects each
message touches.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from channelshim import limits
from channelshim.broker.runs import Run, parts_of
from channelshim.contracts.broker import Channel, Delivery, Replay
from channelshim.contracts.clock import Clock
from channelshim.contracts.status import Status
from channelshim.errors import BrokerError
from channelshim.protocol.window import Chunk, first_number, replay

_logger: Final = logging.getLogger("channelshim.broker")

_NO_TEXT: Any = object()
_NO_RUN: Final = Run(_NO_TEXT, [])
"""Where `publish` looks while there is no run to append to: no text is this one's."""

_TEXT_BYTES = 320
"""What a kept text costs beside its own bytes: its object, its chunk, its tuples."""

_REFERENCE_BYTES = 16
"""What one more window that shares a chunk costs."""


class _Known(Channel):
    """A known client id.

    Attributes:
        waiting: what was published since the last collect, as far as it had to be
            looked at by itself.
        chunks: the replay window; None while it is empty.
    """

    __slots__ = ("chunks", "expected_until", "is_connected", "waiting")

    def __init__(self, client_id: str, number: int) -> None:
        super().__init__(client_id, number)
        self.waiting: list[str] = []
        self.chunks: deque[Chunk] | None = None
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
        self._channels: dict[str, _Known] = {}
        # Published and not collected: first what waits in `_touched`, then the runs.
        self._touched: list[_Known] = []
        self._runs: deque[Run] = deque()
        # The one that is appended to while the same text is sent.
        self._run = _NO_RUN
        self._is_woken = False
        self._wake: Callable[[], None] = _nobody
        # Guards everything below and what waits; appending to runs does without.
        self._lock = threading.Lock()
        self._unsettled: list[tuple[tuple[str, ...], list[_Known]]] = []
        self._kept: deque[tuple[Chunk, int, list[_Known]]] = deque()
        self._kept_bytes = 0
        self._expected: deque[tuple[float, str]] = deque()

    def report_to(self, status: Status) -> None:
        """Register how much is known and kept."""
        status.counter("broker.client_ids", lambda: len(self._channels))
        status.counter("broker.window_bytes", lambda: self._kept_bytes)

    def publish(self, client_id: str, text: str) -> None:
        """See contracts.Broker."""
        run = self._run
        if text is run.text:
            run.append(client_id)
            if run.taken is not None:
                self._bring_back(run)
        elif client_id in self._channels:
            self._begin(text, [client_id])

    def _begin(self, text: str, client_ids: list[str]) -> None:
        run = Run(text, client_ids)
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

    def subscribe(self, wake: Callable[[], None]) -> None:
        """See contracts.Broker."""
        self._wake = wake
        if self._touched or self._runs:
            self._is_woken = True
            wake()

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

    def connect(self, client_id: str) -> Channel:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())
            self._spread()
            channel = self._known(client_id)
            channel.is_connected = True
            return channel

    def disconnect(self, client_id: str) -> None:
        """See contracts.Broker."""
        with self._lock:
            now = self._clock.monotonic()
            self._settle(now)
            self._spread()
            channel = self._channels.get(client_id)
            if channel is not None:
                channel.is_connected = False
                if channel.expected_until <= now:
                    del self._channels[client_id]

    def replay(self, client_id: str, after: int | None) -> Replay:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())
            self._spread()
            return self._replay(self._known(client_id), after)

    def collect(self) -> Sequence[Delivery]:
        """See contracts.Broker."""
        # Cleared before anything is taken: what comes later wakes again.
        self._is_woken = False
        with self._lock:
            runs = self._take_runs()
            owed = None if self._touched else self._compared(runs)
            if owed is None:
                self._spread_runs(runs)
                owed = self._waiting()
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
            self._spread_runs(self._take_runs())

    def _spread_runs(self, runs: list[tuple[str, list[str]]]) -> None:
        find = self._channels.get
        for text, client_ids in runs:
            for client_id in client_ids:
                channel = find(client_id)
                if channel is not None:
                    if not channel.waiting:
                        self._touched.append(channel)
                    channel.waiting.append(text)

    def _waiting(self) -> dict[tuple[str, ...], list[_Known]]:
        """Return what waits at the channels; it waits no more."""
        groups: dict[tuple[str, ...], list[_Known]] = {}
        group: list[_Known] = []
        last: tuple[str, ...] = ()
        for channel in self._touched:
            texts = tuple(channel.waiting)
            channel.waiting.clear()
            # One after the other, most are owed the same.
            if texts != last:
                last = texts
                group = groups.setdefault(texts, [])
            group.append(channel)
        self._touched.clear()
        return groups

    def _compared(
        self, runs: list[tuple[str, list[str]]]
    ) -> dict[tuple[str, ...], list[_Known]] | None:
        """Return what is owed, by comparing whole runs; None when that does not do.

        Changes nothing, so that each message can still be looked at by itself.
        """
        groups: dict[tuple[str, ...], list[_Known]] = {}
        find = self._channels.get
        try:
            parts = parts_of(runs)
            if parts is None:
                return None
            for client_ids, texts in parts:
                known = [channel for channel in map(find, client_ids) if channel]
                if known:
                    groups.setdefault(tuple(texts), []).extend(known)
        except Exception:
            _logger.exception(
                "a fault of channelshim, please report it: runs could not be compared; "
                "each message of this pass is delivered by itself"
            )
            return None
        return groups

    def settle(self) -> None:
        """See contracts.Broker."""
        with self._lock:
            self._settle(self._clock.monotonic())

    def save(self) -> bytes:
        """See contracts.Broker.

        Each text is saved once, as it is kept once, however many ids are owed it.
        """
        texts: dict[str, int] = {}
        windows: dict[tuple[str, ...], list[tuple[str, int]]] = {}
        with self._lock:
            self._settle(self._clock.monotonic())
            self._spread()
            for client_id, channel in self._channels.items():
                owed = self._replay(channel, 0)
                windows.setdefault(owed.texts, []).append((client_id, owed.number))
        saved = {
            "at": self._clock.time(),
            "windows": [
                [[texts.setdefault(text, len(texts)) for text in window], ids]
                for window, ids in windows.items()
            ],
        }
        saved["texts"] = list(texts)
        return json.dumps(saved).encode("ascii")

    def load(self, saved: bytes) -> None:
        """See contracts.Broker."""
        try:
            snapshot = json.loads(saved)
            age = max(0.0, self._clock.time() - snapshot["at"])
            texts = [str(text) for text in snapshot["texts"]]
            windows = [
                (
                    tuple(texts[index] for index in window),
                    [(str(client_id), _number(number)) for client_id, number in ids],
                )
                for window, ids in snapshot["windows"]
            ]
        except Exception as error:
            # Whatever a damaged file holds: infinite numbers, or nested too deep.
            raise BrokerError(f"the saved windows cannot be read: {error}") from error
        if age > self._window_seconds:
            return
        with self._lock:
            now = self._clock.monotonic()
            for window, ids in windows:
                self._restore(window, ids, now)

    def _restore(
        self, texts: tuple[str, ...], ids: list[tuple[str, int]], now: float
    ) -> None:
        channels = []
        for client_id, number in ids:
            if client_id not in self._channels:
                channel = _Known(client_id, number + len(texts))
                channel.expected_until = now + self._window_seconds
                self._expected.append((channel.expected_until, client_id))
                self._channels[client_id] = channel
                channels.append(channel)
        if texts and channels:
            self._keep(texts, channels, now)

    def _known(self, client_id: str) -> _Known:
        channel = self._channels.get(client_id)
        if channel is None:
            number = first_number(self._clock.time())
            channel = self._channels[client_id] = _Known(client_id, number)
        return channel

    def _replay(self, channel: _Known, after: int | None) -> Replay:
        waiting = tuple(channel.waiting)
        kept = reversed(channel.chunks or ())
        return replay(
            itertools.chain([Chunk(waiting, 0.0)], kept),
            channel.number + len(waiting),
            after,
            self._window_messages,
            self._window_bytes,
        )

    def _settle(self, now: float) -> None:
        """Keep what was collected, and drop what is too old."""
        unsettled = self._unsettled
        if unsettled:
            self._unsettled = []
            for texts, channels in unsettled:
                self._keep(texts, channels, now)
        self._drop_old(now)

    def _keep(self, texts: tuple[str, ...], channels: list[_Known], now: float) -> None:
        chunk = Chunk(texts, now)
        most = self._window_messages
        for channel in channels:
            chunks = channel.chunks
            if chunks is None:
                channel.chunks = deque((chunk,))
            else:
                chunks.append(chunk)
                if len(chunks) > most:
                    chunks.popleft()
        cost = (
            sum(chunk.sizes)
            + len(texts) * _TEXT_BYTES
            + len(channels) * _REFERENCE_BYTES
        )
        self._kept.append((chunk, cost, channels))
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
        chunk, cost, channels = self._kept.popleft()
        self._kept_bytes -= cost
        for channel in channels:
            chunks = channel.chunks
            if chunks and chunks[0] is chunk:
                chunks.popleft()
                if not chunks:
                    channel.chunks = None


def _number(saved: object) -> int:
    if not isinstance(saved, int) or not 0 <= saved < 1 << 62:
        raise ValueError(f"{saved!r} is no number of a message")
    return saved


def _nobody() -> None:
    """Stand in for the hub until it subscribes."""
