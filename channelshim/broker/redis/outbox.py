"""What was published and is not safe yet: runs, batches, and who waits for them.

Publishing is an append to a run of equal texts, as in the memory broker, and one
wake-up of the loop, which groups what has come and sends one batch to each shard. While
that is not acknowledged, what comes waits and becomes the next batch, so that batches
grow under load by themselves.

Theory of the three flags that `when_safe` reads without a lock: `_is_flushing` is set
before `_is_woken` is cleared, and cleared after `_unsafe` is counted up, so that
whoever reads them in this order finds a message of its own in one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from channelshim.broker.redis import batches
from channelshim.broker.redis.packing import IdPacker
from channelshim.broker.redis.shard import Shard
from channelshim.broker.redis.shards import Shards
from channelshim.broker.runs import TOO_MANY, Run
from channelshim.errors import BrokerError

_logger: Final = logging.getLogger("channelshim.broker")

_MESSAGE_BYTES: Final = 100
"""What a message that waits costs beside its text."""

_NO_TEXT: Any = object()
_NO_RUN: Final = Run(_NO_TEXT, [])

_Call = Callable[[], None]


class Outbox:
    """Sends what was published.

    Args:
        shards: all.
        waiting_bytes: of messages while Redis is away.
        safe_seconds: how long `when_safe` waits.

    Attributes:
        is_away: whether a shard does not answer: then each message is counted.
    """

    def __init__(
        self, shards: Shards, *, waiting_bytes: int, safe_seconds: float
    ) -> None:
        self.is_away: bool = True
        self._shards = shards
        self._waiting_bytes = waiting_bytes
        self._safe_seconds = safe_seconds
        self._packer = IdPacker()
        self._loop: asyncio.AbstractEventLoop | None = None
        # Published and not sent. Appending to runs does without the lock.
        self._lock = threading.Lock()
        # The run that is appended to is the last one: one thread at a time begins one.
        self._beginning = threading.Lock()
        self._full: Callable[[bool], None] = _nobody
        self._is_full = False
        self._runs: deque[Run] = deque()
        self._run = _NO_RUN
        self._run_bytes = 0
        self._is_woken = False
        self._is_flushing = False
        self._unsafe = 0
        self._safe: deque[_Waiter] = deque()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send on this loop from now on; its thread."""
        self._loop = loop
        self.flush()

    @property
    def waiting(self) -> int:
        """Return the bytes of what waits. Any thread."""
        return self._run_bytes + sum(shard.waiting_bytes for shard in self._shards.all)

    @property
    def is_empty(self) -> bool:
        """Return whether all that was published is safe. Any thread."""
        # In this order; see above.
        return not self._is_woken and not self._is_flushing and not self._unsafe

    # --- Any thread -------------------------------------------------------------------

    def publish(self, client_id: str, text: str) -> None:
        """See contracts.Broker."""
        run = self._run
        if text is run.text:
            run.append(client_id)
            if run.taken is not None:
                self._bring_back(run)
        elif self.is_away:
            self._keep(client_id, text)
        else:
            self._begin(text, [client_id])

    def accept(self, client_id: str, text: str) -> None:
        """Take a message that another process has sent, however much waits.

        Its handler has gone on meanwhile, so nobody would hear of a refusal; `watch`
        says when that process is to refuse messages itself.
        """
        if self.is_away:
            self._keep(client_id, text, is_bounded=False)
        else:
            self.publish(client_id, text)

    def watch(self, full: Callable[[bool], None]) -> None:
        """Have full called when messages are refused, and when they are not any more.

        From any thread; it must not come back here.
        """
        self._full = full

    def _note_full(self, is_full: bool) -> None:
        if is_full is not self._is_full:
            self._is_full = is_full
            self._full(is_full)

    def _begin(self, text: str, client_ids: list[str]) -> None:
        run = Run(text, client_ids)
        with self._beginning:
            self._runs.append(run)
            # Where messages wait, each is counted.
            self._run = _NO_RUN if self.is_away else run
        self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self.call_soon(self.flush)

    def _bring_back(self, run: Run) -> None:
        """Send once more what came too late for the flush that took its run."""
        with self._lock:
            late = run.take_late()
            if late:
                self._begin(run.text, late)

    def _keep(self, client_id: str, text: str, *, is_bounded: bool = True) -> None:
        """Have a message wait for a Redis that is away, within the bound."""
        with self._lock, self._beginning:
            if self.waiting > self._waiting_bytes:
                self._note_full(True)
                if is_bounded:
                    raise BrokerError(TOO_MANY)
            last = self._runs[-1] if self._runs else _NO_RUN
            if last.text is text:
                self._run_bytes += _MESSAGE_BYTES
                last.append(client_id)
            else:
                self._run_bytes += len(text) + 2 * _MESSAGE_BYTES
                self._runs.append(Run(text, [client_id]))
        self._wake()

    def call_soon(self, call: Callable[[], object]) -> None:
        """Have something called on the loop, if it runs."""
        loop = self._loop
        if loop is not None:
            # A loop that has ended sends nothing any more; `stop` does.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(call)

    def when_safe(self, done: Callable[[], None]) -> None:
        """See contracts.Broker."""
        # In the order in which a flush changes them; see there.
        if (
            not self._is_woken and not self._is_flushing and not self._unsafe
        ) or self._loop is None:
            done()
        else:
            self.call_soon(partial(self._wait_safe, done))

    # --- Loop thread ------------------------------------------------------------------

    def flush(self, *, is_asked: bool = False) -> None:
        """Send what was published, as batches. Loop thread, or none while it waits.

        Args:
            is_asked: whether a question comes next, which is about what was published.
        """
        if is_asked and not self._is_woken:
            return
        if not is_asked and any(
            shard.last_batch > shard.session.batch for shard in self._shards.all
        ):
            # What comes meanwhile goes with the next one.
            return
        self._is_flushing = True
        self._is_woken = False
        with self._lock:
            self._run = _NO_RUN
            pop = self._runs.popleft
            runs = [pop() for _ in range(len(self._runs))]
            taken = [(run.text, run.take()) for run in runs]
            self._run_bytes = 0
        if taken:
            for shard, groups in self._divided(batches.groups_of(taken)):
                for batch in batches.batches_of(groups):
                    shard.publish(batches.arguments_of(batch, self._packer))
            self._count_unsafe()
        self._is_flushing = False

    def _divided(
        self, groups: list[batches.Group]
    ) -> list[tuple[Shard, list[batches.Group]]]:
        """Return the groups of each shard."""
        shards = self._shards
        if len(shards.all) == 1:
            return [(shards.all[0], groups)]
        divided: dict[int, list[batches.Group]] = {}
        for texts, client_ids in groups:
            own: dict[int, list[str]] = {}
            for client_id in client_ids:
                own.setdefault(shards.place_of(client_id), []).append(client_id)
            for place, ids in own.items():
                divided.setdefault(place, []).append((texts, ids))
        return [(shards.all[place], own) for place, own in divided.items()]

    def _count_unsafe(self) -> None:
        self._unsafe = sum(s.last_batch - s.session.batch for s in self._shards.all)

    def _wait_safe(self, done: _Call) -> None:
        self.flush(is_asked=True)
        targets = [(s, s.last_batch) for s in self._shards.all]
        waiter = _Waiter(targets, done)
        if waiter.is_safe():
            done()
            return
        assert self._loop is not None
        self._safe.append(waiter)
        waiter.timer = self._loop.call_later(self._safe_seconds, self._give_up, waiter)

    def _give_up(self, waiter: _Waiter) -> None:
        _logger.error("an answer goes out before Redis has its messages")
        self._safe.remove(waiter)
        waiter.done()

    def acknowledged(self) -> None:
        """Note that a batch is safe, or that a shard is back. Loop thread."""
        self._count_unsafe()
        self.look_away()
        while self._safe and self._safe[0].is_safe():
            waiter = self._safe.popleft()
            if waiter.timer is not None:
                waiter.timer.cancel()
            waiter.done()
        if self._is_woken:
            self.flush()

    def look_away(self) -> None:
        """Note whether messages wait, which bounds them."""
        is_away = any(not shard.session.is_ready for shard in self._shards.all)
        if is_away and not self.is_away:
            with self._lock:
                self._run = _NO_RUN
        self.is_away = is_away
        if self._is_full and (not is_away or self.waiting <= self._waiting_bytes):
            with self._lock:
                self._note_full(False)


def _nobody(is_full: bool) -> None:
    """Stand in until somebody watches."""


class _Waiter:
    """Waits until what was published before is acknowledged."""

    __slots__ = ("_targets", "done", "timer")

    def __init__(self, targets: list[tuple[Shard, int]], done: _Call) -> None:
        self._targets = targets
        self.done = done
        self.timer: asyncio.TimerHandle | None = None

    def is_safe(self) -> bool:
        return all(shard.session.batch >= number for shard, number in self._targets)
