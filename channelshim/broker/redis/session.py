"""This process's connection to one shard: made, joined, watched, and made again.

All calls go through one link, in order, so that a question is answered after what was
published before it. A call stays in the queue until it is answered. When the link is
lost, another is made, this process joins again, and what is unanswered is sent once
more, in order: each function does nothing twice, a batch because of its number, the
others because they state what is to be so. What an answer that was lost had handed to
this process is asked for after each joining (`Owner.rejoin`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, Final, Protocol

from channelshim.broker.redis import link as links
from channelshim.broker.redis.address import Address
from channelshim.broker.redis.calls import Call, is_fault_of_ours
from channelshim.broker.redis.clients import Place, Topology
from channelshim.broker.redis.inbox import Entry
from channelshim.broker.redis.link import Link
from channelshim.broker.redis.mailbox import Mailbox
from channelshim.broker.redis.scripts import load
from channelshim.errors import BrokerError

_logger: Final = logging.getLogger("channelshim.broker")

LEASE_SECONDS: Final = 5.0
"""After so long without a renewal a front counts as dead."""

RENEW_SECONDS: Final = 1.0

SILENT_SECONDS: Final = 3.0
"""A call without an answer for so long: another connection is tried."""

FENCE_SECONDS: Final = 6.0
"""Longer than a lease: by then the others have this process's ids."""

SETTLE_SECONDS: Final = 1.0
"""How long a new epoch waits for every front to bring its numbers."""

TICK_SECONDS: Final = 0.25

_REDIAL_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.7)
"""Between attempts to connect; the last stands for all further ones."""

_LATE_SECONDS: Final = 1.0
"""A tick that is so late: this process was stopped, not Redis."""

Ask = Callable[..., Awaitable[Any]]
"""Calls a function by its name while joining, and waits for the reply."""


class Owner(Protocol):
    """Who has the session. Loop thread."""

    def put(self, entry: Entry) -> None:
        """Take an entry of the mailbox."""

    def woken(self) -> None:
        """Note that entries were put."""

    async def rejoin(self, ask: Ask, *, is_kept: bool, is_new_epoch: bool) -> None:
        """Bring this process's ids back, unless all is kept, and take what is new."""

    def ready(self) -> None:
        """Note that calls are answered again."""

    def away(self) -> None:
        """Note that calls wait."""

    def renew_arguments(self) -> list[bytes]:
        """Return what renew.lua is called with."""

    def renewed(self, reply: Any) -> None:
        """Take the answer of renew.lua."""

    def fence(self) -> None:
        """Note that others have this process's ids now."""


class Session:
    """The connection to one shard. Loop thread.

    Args:
        key: of its epoch; all its keys have the same tag.
        name: returns that of this process, unlike any other.
        address: how to get in.
        topology: says where.
        executor: runs what waits for the topology; None for the loop's own.
        owner: who has it.

    Attributes:
        epoch: as text; "0" before the first joining.
        front: this process's number there, as text.
        batch: the last acknowledged one.
        is_ready: whether calls are sent.
        is_fenced: whether others have this process's ids.
        trouble: why it is not ready.
    """

    def __init__(
        self,
        key: str,
        name: Callable[[], bytes],
        address: Address,
        topology: Topology,
        executor: Executor | None,
        owner: Owner,
    ) -> None:
        self.epoch: bytes = b"0"
        self.front: bytes = b"0"
        self.batch: int = 0
        self.is_ready: bool = False
        self.is_fenced: bool = False
        self.trouble: str = "it has not been reached yet"
        self.unsent: deque[Call] = deque()
        self.sent: deque[Call] = deque()
        self._key = key
        self._name = name
        self._address = address
        self._topology = topology
        self._executor = executor
        self._owner = owner
        self._scripts = load()
        self._link: Link | None = None
        self._reader: Link | None = None
        self._mailbox: Mailbox | None = None
        self._joining: asyncio.Task[None] | None = None
        # Counts the attempts: what an earlier one's connections say is of no interest.
        self._generation = 0
        self._redial: asyncio.TimerHandle | None = None
        # Whether all ids of this process are in Redis as they are here.
        self._is_whole = False
        self._is_pumping = False
        self._is_stopped = False
        self._failures = 0
        self._heard_at = 0.0
        self._ticked_at = 0.0
        self._renewed_at = 0.0
        self._loop: Any = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect, and stay connected."""
        self._loop = loop
        self._heard_at = self._ticked_at = loop.time()
        self._dial()
        self._tick()

    def stop(self) -> None:
        """End; nothing is called any more. The calls are still there. Any thread."""
        self._is_stopped = True
        self.is_ready = False
        for each in (self._link, self._reader):
            if each is not None:
                # The loop may have ended.
                with contextlib.suppress(RuntimeError):
                    each.close()
        self._link = self._reader = self._mailbox = None

    def ask(self, call: Call) -> None:
        """Have a function called after all before it."""
        self.unsent.append(call)
        if self.is_ready and not self._is_pumping:
            # Once for all that this turn of the loop asks.
            self._is_pumping = True
            self._loop.call_soon(self._pump)

    def head(self) -> list[bytes]:
        """Return the first arguments of every function."""
        return [self.epoch, self.front, self._name()]

    # --- Calls ------------------------------------------------------------------------

    def _pump(self) -> None:
        self._is_pumping = False
        link = self._link
        if not self.is_ready or link is None or not self.unsent:
            return
        key, head = self._key.encode("utf-8"), self.head()
        written = []
        for call in self.unsent:
            digest = self._scripts[call.script].digest
            written.append(links.evaluation(digest, key, [*head, *call.arguments]))
        self.sent.extend(self.unsent)
        self.unsent.clear()
        link.call(b"".join(written), *[self._answered] * len(written))

    def _answered(self, reply: Any) -> None:
        call = self.sent[0]
        if not isinstance(reply, Exception):
            self.sent.popleft()
            call.answered(reply)
        elif is_fault_of_ours(reply):
            self.sent.popleft()
            _logger.error("a fault of channelshim, please report it: %s", reply)
            if call.failed is not None:
                call.failed(BrokerError(f"the broker failed: {reply}"))
            else:
                call.answered(None)
        else:
            self._gone(reply)

    # --- Connecting -------------------------------------------------------------------

    def _dial(self) -> None:
        if self._joining is None and not self._is_stopped:
            self._generation += 1
            self._joining = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        """Make one attempt to connect and to join."""
        try:
            left = await self._join()
        except asyncio.CancelledError:
            return
        except Exception as error:
            if not isinstance(error, (OSError, EOFError)):
                _logger.exception("a fault of channelshim, please report it")
            self._joining = None
            self._gone(error)
            return
        self._joining = None
        self._loop.call_later(left, self._ready, self._link)

    async def _join(self) -> float:
        """Return after how many seconds calls may be sent."""
        place = await self._place()
        tls = self._topology.tls()
        # Behind a dead one Redis may only just notice; it is none of ours any more.
        lost = partial(self._lost, self._generation)
        link = self._link = await links.dial(place, tls, self._address, lost)
        self._reader = await links.dial(place, tls, self._address, lost)
        run_id = await _run_id(link)
        for script in self._scripts.values():
            await links.ask(link, b"SCRIPT", b"LOAD", script.source)
        epoch, left, front, is_kept = await self._ask(
            "join",
            run_id,
            b"%d" % self.batch,
            b"%d" % (LEASE_SECONDS * 1e6),
            b"%d" % (SETTLE_SECONDS * 1e6),
            b"%d" % self._is_whole,
        )
        if self._link is not link or self._reader is None:
            # Lost in the same turn: before 3.12, wait_for() swallows the cancel.
            raise OSError("the connection was lost")
        self._heard_at = self._loop.time()
        self.is_fenced = False
        is_new_epoch = epoch != self.epoch
        self._is_whole = is_kept == b"1"
        position = self._mailbox.position if self._mailbox and self._is_whole else 0
        self.epoch, self.front = epoch, front
        self._mailbox = Mailbox(
            self._reader,
            f"{self._key[:-2]}:box:{int(front)}",
            position,
            self._owner.put,
            self._owner.woken,
            partial(self._broken, self._generation),
        )
        await self._owner.rejoin(
            self._ask, is_kept=self._is_whole, is_new_epoch=is_new_epoch
        )
        self._is_whole = True
        return int(left) / 1e6

    async def _place(self) -> Place:
        if not self._topology.is_remote:
            return self._topology.place_of(self._key)
        place: Place = await self._loop.run_in_executor(
            self._executor, self._topology.place_of, self._key
        )
        return place

    async def _ask(self, script: str, *arguments: bytes) -> Any:
        """Call a function while nothing else is sent."""
        if self._link is None:
            raise OSError("the connection was lost")
        return await links.ask(
            self._link,
            b"EVALSHA",
            self._scripts[script].digest,
            b"1",
            self._key.encode("utf-8"),
            *self.head(),
            *arguments,
        )

    def _ready(self, link: Link | None) -> None:
        if link is None or link is not self._link or self._is_stopped:
            return
        if self.trouble and self._failures:
            _logger.warning("the Redis at %s is back", self._address)
        self.is_ready = True
        self.trouble, self._failures = "", 0
        self._heard_at = self._renewed_at = self._loop.time()
        self._pump()
        self._owner.ready()

    def _broken(self, generation: int, error: Exception, is_missing: bool) -> None:
        if generation == self._generation and is_missing:
            self._is_whole = False
        self._lost(generation, error)

    def _lost(self, generation: int, error: Exception) -> None:
        """Note that a connection has ended, if it is one of those in use."""
        if generation == self._generation:
            self._gone(error)

    def _gone(self, error: Exception, since: float | None = None) -> None:
        """Give the connection up, and try another one soon.

        Args:
            error: why.
            since: when Redis was last heard, in the loop's time; None for now.
        """
        if self._is_stopped:
            return
        for each in (self._link, self._reader):
            if each is not None:
                each.close()
        self._link = self._reader = None
        if self._joining is not None:
            self._joining.cancel()
            self._joining = None
        self.unsent.extendleft(reversed(self.sent))
        self.sent.clear()
        if self.is_ready:
            self._heard_at = self._loop.time() if since is None else since
        self.is_ready = False
        self.trouble = str(error) or type(error).__name__
        if self._failures == 0:
            _logger.warning("the Redis at %s is away: %s", self._address, self.trouble)
        self._topology.note_failure()
        pause = _REDIAL_SECONDS[min(self._failures, len(_REDIAL_SECONDS) - 1)]
        self._failures += 1
        if self._redial is not None:
            self._redial.cancel()
        self._redial = self._loop.call_later(pause, self._dial)
        self._owner.away()

    # --- Watching ---------------------------------------------------------------------

    def _tick(self) -> None:
        if self._is_stopped:
            return
        now = self._loop.time()
        if now - self._ticked_at > TICK_SECONDS + _LATE_SECONDS:
            # Nobody has looked: what came meanwhile has not been read yet.
            self._heard_at = now
            for each in (self._link, self._reader):
                if each is not None:
                    each.unanswered_since = now
        self._ticked_at = now
        self._loop.call_later(TICK_SECONDS, self._tick)
        for each in (self._link, self._reader):
            if each is not None and each.silent_seconds(now) > SILENT_SECONDS:
                error = OSError(f"no answer for {SILENT_SECONDS:g} s")
                self._gone(error, each.unanswered_since)
                return
        if not self.is_ready:
            if now - self._heard_at > FENCE_SECONDS and not self.is_fenced:
                self.is_fenced, self._is_whole = True, False
                self._owner.fence()
        elif now - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = now
            self.ask(Call("renew", self._owner.renew_arguments(), self._owner.renewed))


async def _run_id(link: Link) -> bytes:
    facts = await links.ask(link, b"INFO", b"server")
    for line in facts.splitlines():
        name, _, value = line.partition(b":")
        if name == b"run_id":
            return bytes(value)
    return b"unknown"
