"""The broker of several processes: contracts.Broker over Redis."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

from channelshim.broker.kept import WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_TOTAL_BYTES
from channelshim.broker.redis import clients, inbox
from channelshim.broker.redis.address import Address
from channelshim.broker.redis.direct import Direct, ProcessName
from channelshim.broker.redis.known import describe, kept_bytes, known_count, known_ids
from channelshim.broker.redis.outbox import Outbox
from channelshim.broker.redis.session import Session
from channelshim.broker.redis.shard import AWAY, Bounds, Shard
from channelshim.broker.redis.shards import Shards
from channelshim.contracts.broker import (
    Attachment,
    Delivery,
    MessageSender,
    Replay,
    Subscriber,
)
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
        executor: runs questions to Sentinels and clusters; None for the loop's own.

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
        executor: Executor | None = None,
    ) -> None:
        self._address = address
        self._client = clients.reach(address)
        count = shards or (CLUSTER_SHARDS if address.kind == "cluster" else 1)
        tag = application_id.replace("{", "(").replace("}", ")")
        self._keys = [f"{{cs:{tag}/{number}}}:e" for number in range(count)]
        self._name = ProcessName()
        self._direct = Direct(self._client, self._name.read)
        self._bounds = Bounds(
            int(window_seconds * 1e6),
            window_messages,
            window_bytes,
            window_total_bytes // count,
        )
        topology = clients.Topology(address, self._client)
        self._shards = Shards(
            [
                Shard(
                    self._bounds,
                    self,
                    partial(Session, key, self._name.read, address, topology, executor),
                )
                for key in self._keys
            ]
        )
        self._outbox = Outbox(
            self._shards, waiting_bytes=waiting_bytes, safe_seconds=safe_seconds
        )
        # An attribute, so that no call comes in between: see contracts.Broker.
        self.publish: Callable[[str, str], None] = self._outbox.publish
        self._safe_seconds = safe_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = False
        self._direct_lock = threading.RLock()
        self._is_deliver_woken = False
        # What the app has been told, until the loop or `stop` takes it on.
        self._heard: deque[tuple[str, Change]] = deque()
        self._deliver: _Call = _nobody
        self._tell: Tell = _tell_nobody
        self._adopt: Callable[[Sequence[str]], None] = _adopt_nothing
        self._lost: _Call = _nobody

    def report_to(self, status: Status) -> None:
        """Register whether Redis answers, and what waits for it."""
        status.check("broker", self._describe_trouble)
        status.counter("broker.waiting_bytes", lambda: self._outbox.waiting)
        status.counter("broker.local_ids", self._count_local)

    def forwards(self, full: Callable[[bool], None]) -> MessageSender:
        """See composition.brokers.InstanceBroker."""
        self._outbox.watch(full)
        return _Forwarded(self._outbox.accept, self.expect)

    def _count_local(self) -> int:
        return sum(len(shard.inbox.locals) for shard in self._shards.all)

    def _describe_trouble(self) -> str:
        if self._loop is None:
            return ""
        away = [s.session for s in self._shards.all if not s.session.is_ready]
        if not away:
            return ""
        return (
            f"the Redis at {self._address} does not answer ({away[0].trouble}): "
            "messages wait, and pages cannot connect"
        )

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
            for shard in self._shards.all:
                shard.session.start(loop)
        self._outbox.start(loop)

    def when_safe(self, done: Callable[[], None]) -> None:
        """See contracts.Broker."""
        self._outbox.when_safe(done)

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
            self._outbox.flush(is_asked=True)
            shard = self._shards.of(client_id)
            if shard.session.is_fenced:
                take(BrokerError(AWAY))
            else:
                shard.expect(client_id, take, take)

        self._outbox.call_soon(ask)
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
        key = self._keys[self._shards.place_of(client_id)]
        arguments = [b"%d" % self._bounds.window, client_id_bytes(client_id)]
        return int(self._direct.run(key, "expect", arguments))

    def _send_directly(self) -> None:
        """Send what waits in this thread: no loop runs.

        Raises:
            BrokerError: Redis does not take it.
        """
        self._outbox.flush(is_asked=True)
        for key, shard in zip(self._keys, self._shards.all, strict=True):
            session = shard.session
            calls = [*session.sent, *session.unsent]
            for call in calls:
                if call.script == "publish":
                    self._direct.run(key, "publish", call.arguments, session.batch)
                    call.answered(None)
                elif call.script == "told":
                    # What follows from it is for whoever takes the ids over.
                    self._direct.run_as(session, key, "told", call.arguments)
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
        shard = self._shards.of(client_id)
        if shard.session.is_fenced:
            failed(BrokerError(AWAY))
            return _FAILED
        self._outbox.flush(is_asked=True)
        return shard.attach(client_id, subscriber, after, opened, failed)

    def replay(
        self,
        client_id: str,
        after: int | None,
        done: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """See contracts.Broker."""
        shard = self._shards.of(client_id)
        if shard.session.is_fenced:
            failed(BrokerError(AWAY))
            return
        self._outbox.flush(is_asked=True)
        shard.replay(client_id, after, done, failed)

    def release(self, client_id: str) -> None:
        """See contracts.Broker."""
        self._outbox.flush(is_asked=True)
        self._shards.of(client_id).release(client_id)

    def told(self, client_id: str, what: Change) -> None:
        """See contracts.Broker."""
        self._heard.append((client_id, what))
        self._outbox.call_soon(self._take_heard)

    def _take_heard(self) -> None:
        while self._heard:
            client_id, what = self._heard.popleft()
            self._shards.of(client_id).told(client_id, what)

    # --- What the shards bring --------------------------------------------------------

    def collect(self) -> Sequence[Delivery]:
        """See contracts.Broker."""
        self._is_deliver_woken = False
        pieces = [piece for s in self._shards.all for piece in s.inbox.collect()]
        if len(self._shards.all) == 1:
            return [Delivery(texts, owed) for texts, owed in pieces]
        return inbox.merged(pieces)

    def settle(self) -> None:
        """See contracts.Broker; nothing was put off."""

    def acknowledged(self) -> None:
        """See shard.Owner."""
        self._outbox.acknowledged()

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
        self._outbox.look_away()

    def fence(self) -> None:
        """See shard.Owner."""
        self._lost()

    def stop(self) -> None:
        """See contracts.Broker."""
        if self._is_stopped:
            return
        self._is_stopped = True
        is_away = self._loop is not None and self._outbox.is_away
        for shard in self._shards.all:
            shard.session.stop()
        try:
            if is_away:
                # It has had its seconds, and nobody should wait for a stop.
                raise BrokerError(AWAY)
            # The loop has ended: else what the app was told now would be told again by
            # those who take the ids over.
            self._take_heard()
            self._send_directly()
            for key, shard in zip(self._keys, self._shards.all, strict=True):
                if shard.session.front != b"0":
                    self._direct.run_as(shard.session, key, "leave", ())
        except BrokerError as error:
            if not self._outbox.is_empty:
                _logger.error("messages that were not answered are lost: %s", error)
        finally:
            self._client.close()

    # --- For contracts.Overview -------------------------------------------------------

    @property
    def known_count(self) -> int:
        """Return how many client ids are known."""
        return known_count(self._client, self._keys)

    @property
    def kept_bytes(self) -> int:
        """Return what all windows together cost."""
        return kept_bytes(self._client, self._keys)

    def known_ids(self, after: str, limit: int) -> Sequence[KnownId]:
        """See contracts.Overview."""
        return known_ids(
            self._client, self._direct, self._keys, self._bounds, after, limit
        )

    def find(self, client_id: str) -> KnownId | None:
        """See contracts.Overview."""
        key = self._keys[self._shards.place_of(client_id)]
        return describe(self._direct, key, self._bounds, client_id)


class _Forwarded:
    """Implements contracts.MessageSender for what other processes have sent."""

    def __init__(
        self, accept: Callable[[str, str], None], expect: Callable[[str], int]
    ) -> None:
        self.publish = accept
        self.expect = expect


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
