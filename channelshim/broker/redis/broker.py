"""The broker of several processes: contracts.Broker over Redis.

Publishing is an append to a run of equal texts, as in the memory broker, and one
wake-up of the loop, which groups what has come and sends one batch to each shard. While
that is not acknowledged, what comes waits and becomes the next batch, so that batches
grow under load by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from channelshim.broker.kept import WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_TOTAL_BYTES
from channelshim.broker.redis import batches, clients, inbox
from channelshim.broker.redis.address import Address
from channelshim.broker.redis.direct import Direct
from channelshim.broker.redis.known import known_ids
from channelshim.broker.redis.packing import IdPacker
from channelshim.broker.redis.session import Session
from channelshim.broker.redis.shard import AWAY, Bounds, Shard
from channelshim.broker.runs import Run
from channelshim.contracts.broker import Attachment, Delivery, Replay, Subscriber
from channelshim.contracts.overview import KnownId
from channelshim.contracts.presence import Change, Tell
from channelshim.contracts.status import Status
from channelshim.errors import BrokerError
from channelshim.protocol.tokens import client_id_bytes

_logger: Final = logging.getLogger("channelshim.broker")

WAITING_BYTES: Final = 64 << 20
"""Messages that wait for a Redis that is away."""

SAFE_SECONDS: Final = 10.0
"""How long an answer waits until Redis has its messages."""

CLUSTER_SHARDS: Final = 16
"""Shards on a cluster. Fixed: with another number ids would be looked for elsewhere."""

_MESSAGE_BYTES: Final = 100
"""What a message that waits costs beside its text."""

_NO_TEXT: Any = object()
_NO_RUN: Final = Run(_NO_TEXT, [])

_Call = Callable[[], None]


class RedisBroker:
    """Implements contracts.Broker and KnownChannels over Redis.

    Args:
        address: of the Redis.
        application_id: its channels are apart from those of other applications.
        window_seconds: how long a message is kept, and an expected id known.
        window_messages: messages kept per client id.
        window_bytes: bytes of text kept per client id.
        window_total_bytes: bytes kept over all.
        waiting_bytes: of messages while Redis is away.
        safe_seconds: how long `when_safe` waits.
        shards: 0 for 1 alone and CLUSTER_SHARDS on a cluster.

    Raises:
        ConfigurationError: the driver is missing, or the Redis cannot be reached or is
            of the wrong kind.
    """

    def __init__(
        self,
        address: Address,
        application_id: str,
        *,
        window_seconds: float,
        window_messages: int = WINDOW_MESSAGES,
        window_bytes: int = WINDOW_BYTES,
        window_total_bytes: int = WINDOW_TOTAL_BYTES,
        waiting_bytes: int = WAITING_BYTES,
        safe_seconds: float = SAFE_SECONDS,
        shards: int = 0,
    ) -> None:
        self._address = address
        self._client = clients.reach(address)
        count = shards or (CLUSTER_SHARDS if address.kind == "cluster" else 1)
        tag = application_id.replace("{", "(").replace("}", ")")
        self._keys = [f"{{cs:{tag}/{number}}}:e" for number in range(count)]
        self._name = secrets.token_hex(8).encode("ascii")
        self._direct = Direct(self._client, self._name)
        self._bounds = Bounds(
            int(window_seconds * 1e6),
            window_messages,
            window_bytes,
            window_total_bytes // count,
        )
        topology = clients.Topology(address, self._client)
        self._shards = [
            Shard(
                self._bounds,
                self,
                partial(Session, key, self._name, address, topology),
            )
            for key in self._keys
        ]
        self._packer = IdPacker()
        self._waiting_bytes = waiting_bytes
        self._safe_seconds = safe_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = False
        # Published and not sent. Appending to runs does without the lock.
        self._lock = threading.Lock()
        self._direct_lock = threading.RLock()
        self._runs: deque[Run] = deque()
        self._run = _NO_RUN
        self._run_bytes = 0
        self._is_woken = False
        self._is_flushing = False
        self._is_away = True
        self._unsafe = 0
        self._safe: deque[_Waiter] = deque()
        self._is_deliver_woken = False
        self._deliver: _Call = _nobody
        self._tell: Tell = _tell_nobody
        self._adopt: Callable[[Sequence[str]], None] = _adopt_nothing
        self._lost: _Call = _nobody

    def report_to(self, status: Status) -> None:
        """Register whether Redis answers, and what waits for it."""
        status.check("broker", self._describe_trouble)
        status.counter("broker.waiting_bytes", self._count_waiting)
        status.counter(
            "broker.local_ids", lambda: sum(len(s.inbox.locals) for s in self._shards)
        )

    def _describe_trouble(self) -> str:
        if self._loop is None:
            return ""
        away = [s.session for s in self._shards if not s.session.is_ready]
        if not away:
            return ""
        return (
            f"the Redis at {self._address} does not answer ({away[0].trouble}): "
            "messages wait, and pages cannot connect"
        )

    def _count_waiting(self) -> int:
        return self._run_bytes + sum(shard.waiting_bytes for shard in self._shards)

    def start(
        self,
        deliver: Callable[[], None],
        tell: Tell,
        adopt: Callable[[Sequence[str]], None],
        lost: Callable[[], None],
    ) -> None:
        """See contracts.Broker."""
        self._deliver, self._tell = deliver, tell
        self._adopt, self._lost = adopt, lost
        loop = asyncio.get_running_loop()
        with self._direct_lock:
            self._loop = loop
            for shard in self._shards:
                shard.session.start(loop)
        self._flush()

    # --- Publishing: any thread -------------------------------------------------------

    def publish(self, client_id: str, text: str) -> None:
        """See contracts.Broker."""
        run = self._run
        if text is run.text:
            run.append(client_id)
            if run.taken is not None:
                self._bring_back(run)
        elif self._is_away:
            self._keep(client_id, text)
        else:
            self._begin(text, [client_id])

    def _begin(self, text: str, client_ids: list[str]) -> None:
        run = Run(text, client_ids)
        self._runs.append(run)
        # Where messages wait, each is counted.
        self._run = _NO_RUN if self._is_away else run
        self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._call_soon(self._flush)

    def _bring_back(self, run: Run) -> None:
        """Send once more what came too late for the flush that took its run."""
        with self._lock:
            late = run.take_late()
            if late:
                self._begin(run.text, late)

    def _keep(self, client_id: str, text: str) -> None:
        """Have a message wait for a Redis that is away, within the bound."""
        with self._lock:
            if self._count_waiting() > self._waiting_bytes:
                raise BrokerError(
                    "too many messages wait for Redis, which does not answer"
                )
            last = self._runs[-1] if self._runs else _NO_RUN
            if last.text is text:
                self._run_bytes += _MESSAGE_BYTES
                last.append(client_id)
            else:
                self._run_bytes += len(text) + 2 * _MESSAGE_BYTES
                self._runs.append(Run(text, [client_id]))
        self._wake()

    def _call_soon(self, call: Callable[[], object]) -> None:
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
            self._call_soon(partial(self._wait_safe, done))

    # --- Sending: loop thread ---------------------------------------------------------

    def _flush(self, *, is_asked: bool = False) -> None:
        """Send what was published, as batches.

        Theory of the three flags that `when_safe` reads: `_is_flushing` is set before
        `_is_woken` is cleared, and cleared after `_unsafe` is counted up, so that
        whoever reads them in this order finds a message of its own in one of them.

        Args:
            is_asked: whether a question comes next, which is about what was published.
        """
        if is_asked and not self._is_woken:
            return
        if not is_asked and any(
            shard.last_batch > shard.session.batch for shard in self._shards
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
        if len(self._shards) == 1:
            return [(self._shards[0], groups)]
        divided: dict[int, list[batches.Group]] = {}
        for texts, client_ids in groups:
            own: dict[int, list[str]] = {}
            for client_id in client_ids:
                own.setdefault(self._place_of(client_id), []).append(client_id)
            for place, ids in own.items():
                divided.setdefault(place, []).append((texts, ids))
        return [(self._shards[place], own) for place, own in divided.items()]

    def _place_of(self, client_id: str) -> int:
        return zlib.crc32(client_id_bytes(client_id)) % len(self._shards)

    def _shard_of(self, client_id: str) -> Shard:
        if len(self._shards) == 1:
            return self._shards[0]
        return self._shards[self._place_of(client_id)]

    def _count_unsafe(self) -> None:
        self._unsafe = sum(s.last_batch - s.session.batch for s in self._shards)

    def _wait_safe(self, done: _Call) -> None:
        self._flush(is_asked=True)
        targets = [(s, s.last_batch) for s in self._shards]
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
        """See shard.Owner."""
        self._count_unsafe()
        self._look_away()
        while self._safe and self._safe[0].is_safe():
            waiter = self._safe.popleft()
            if waiter.timer is not None:
                waiter.timer.cancel()
            waiter.done()
        if self._is_woken:
            self._flush()

    def _look_away(self) -> None:
        """Note whether messages wait, which bounds them."""
        is_away = any(not shard.session.is_ready for shard in self._shards)
        if is_away and not self._is_away:
            with self._lock:
                self._run = _NO_RUN
        self._is_away = is_away

    # --- Questions --------------------------------------------------------------------

    def expect(self, client_id: str) -> int:
        """See contracts.Broker."""
        if self._loop is None or self._is_stopped:
            return self._expect_directly(client_id)
        answer: list[int | BrokerError] = []
        answered = threading.Event()

        def take(found: int | BrokerError) -> None:
            answer.append(found)
            answered.set()

        def ask() -> None:
            self._flush(is_asked=True)
            shard = self._shard_of(client_id)
            if shard.session.is_fenced:
                take(BrokerError(AWAY))
            else:
                shard.expect(client_id, take, take)

        self._call_soon(ask)
        if not answered.wait(self._safe_seconds):
            raise BrokerError(AWAY)
        (found,) = answer
        if isinstance(found, BrokerError):
            raise found
        return found

    def _expect_directly(self, client_id: str) -> int:
        """Ask in this thread: no loop runs."""
        with self._direct_lock:
            self._send_directly()
        key = self._keys[self._place_of(client_id)]
        arguments = [b"%d" % self._bounds.window, client_id_bytes(client_id)]
        return int(self._direct.run(key, "expect", arguments))

    def _send_directly(self) -> None:
        """Send what waits in this thread: no loop runs.

        Raises:
            BrokerError: Redis does not take it.
        """
        self._flush(is_asked=True)
        for key, shard in zip(self._keys, self._shards, strict=True):
            session = shard.session
            calls = [*session.sent, *session.unsent]
            for call in calls:
                if call.script == "publish":
                    self._direct.run(key, "publish", call.arguments, session.batch)
                    call.answered(None)
            session.sent.clear()
            session.unsent.clear()

    def attach(
        self,
        client_id: str,
        subscriber: Subscriber,
        after: int | None,
        opened: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> Attachment:
        """See contracts.Broker."""
        shard = self._shard_of(client_id)
        if shard.session.is_fenced:
            failed(BrokerError(AWAY))
            return _FAILED
        self._flush(is_asked=True)
        return shard.attach(client_id, subscriber, after, opened, failed)

    def replay(
        self,
        client_id: str,
        after: int | None,
        done: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """See contracts.Broker."""
        shard = self._shard_of(client_id)
        if shard.session.is_fenced:
            failed(BrokerError(AWAY))
            return
        self._flush(is_asked=True)
        shard.replay(client_id, after, done, failed)

    def release(self, client_id: str) -> None:
        """See contracts.Broker."""
        self._flush(is_asked=True)
        self._shard_of(client_id).release(client_id)

    def told(self, client_id: str, what: Change) -> None:
        """See contracts.Broker."""
        self._call_soon(partial(self._told, client_id, what))

    def _told(self, client_id: str, what: Change) -> None:
        self._shard_of(client_id).told(client_id, what)

    # --- What the shards bring --------------------------------------------------------

    def collect(self) -> Sequence[Delivery]:
        """See contracts.Broker."""
        self._is_deliver_woken = False
        pieces = [piece for s in self._shards for piece in s.inbox.collect()]
        if len(self._shards) == 1:
            return [Delivery(texts, owed) for texts, owed in pieces]
        return inbox.merged(pieces)

    def settle(self) -> None:
        """See contracts.Broker; nothing was put off."""

    def woken(self) -> None:
        """See shard.Owner."""
        if not self._is_deliver_woken:
            self._is_deliver_woken = True
            self._deliver()

    def tell(self, client_id: str, what: Change) -> None:
        """See shard.Owner."""
        self._tell(client_id, what)

    def adopt(self, client_ids: Sequence[str]) -> None:
        """See shard.Owner."""
        self._adopt(client_ids)

    def away(self) -> None:
        """See shard.Owner."""
        self._look_away()

    def fence(self) -> None:
        """See shard.Owner."""
        self._lost()

    def stop(self) -> None:
        """See contracts.Broker."""
        if self._is_stopped:
            return
        self._is_stopped = True
        fronts = [(shard.session.epoch, shard.session.front) for shard in self._shards]
        is_away = self._loop is not None and self._is_away
        for shard in self._shards:
            shard.session.stop()
        try:
            if is_away:
                # It has had its seconds, and nobody should wait for a stop.
                raise BrokerError(AWAY)
            self._send_directly()
            for key, (epoch, front) in zip(self._keys, fronts, strict=True):
                if front != b"0":
                    self._direct.leave(key, epoch, front)
        except BrokerError as error:
            if self._runs or self._unsafe:
                _logger.error("messages that were not answered are lost: %s", error)
        finally:
            self._client.close()

    # --- For contracts.Overview -------------------------------------------------------

    @property
    def known_count(self) -> int:
        """Return how many client ids are known."""
        return sum(self._client.hlen(f"{key[:-2]}:i") for key in self._keys)

    @property
    def kept_bytes(self) -> int:
        """Return what all windows together cost."""
        kept = [self._client.get(f"{key[:-2]}:k") for key in self._keys]
        return sum(int(each or 0) for each in kept)

    def known_ids(self, after: str, limit: int) -> Sequence[KnownId]:
        """See contracts.Overview."""
        return known_ids(
            self._client, self._direct, self._keys, self._bounds, after, limit
        )


class _Waiter:
    """Waits until what was published before is acknowledged."""

    __slots__ = ("_targets", "done", "timer")

    def __init__(self, targets: list[tuple[Shard, int]], done: _Call) -> None:
        self._targets = targets
        self.done = done
        self.timer: asyncio.TimerHandle | None = None

    def is_safe(self) -> bool:
        return all(shard.session.batch >= number for shard, number in self._targets)


class _Failed:
    """Implements contracts.Attachment where there was no attach."""

    def cancel(self) -> None:
        """Do nothing."""


_FAILED: Final = _Failed()


def _nobody() -> None:
    """Stand in for the hub until it starts."""


def _tell_nobody(client_id: str, what: Change) -> None:
    """Stand in for the reports until the hub starts."""


def _adopt_nothing(client_ids: Sequence[str]) -> None:
    """Stand in for the hub until it starts."""
