"""A broker whose answers come later: what every broker over a network is like.

It stands on a MemoryBroker that it asks through a queue, as over a wire: each request
takes a turn of the loop, and so does each answer. In between, messages come and pages
leave. The hub, the transports and the server are tested on it beside the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from channelshim.broker.memory import MemoryBroker
from channelshim.contracts.broker import Delivery, Receiver, Replay, Subscriber
from channelshim.contracts.presence import Change, Tell
from channelshim.errors import BrokerError

Call = Callable[[], None]
Later = Callable[[Call], object]


class Unanswered:
    """Implements contracts.Attachment."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        """See contracts.Attachment."""
        self.is_cancelled = True


class Held:
    """Messages of an id that waits for the answer to an attach; a Receiver as well."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.number = 0
        self.subscriber: Subscriber = ()
        self.texts: list[str] = []


class DelayedBroker:
    """Implements contracts.Broker.

    Args:
        inner: answers, when a request has reached it.
        later: calls a function on the loop, some turns later, from any thread; None
            takes the loop that runs at `start`.
        chance: lets answers take a different number of turns.
    """

    def __init__(
        self,
        inner: MemoryBroker,
        later: Later | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.inner = inner
        self.is_lost = False
        self._later = later
        self._chance = chance
        self._lock = threading.RLock()
        self._requests: deque[Call] = deque()
        self._answers: deque[Call] = deque()
        self._is_armed = False
        self._is_started = False
        self._is_stopped = False
        self._unanswered: Counter[str] = Counter()
        self._held: dict[str, Held] = {}

    def __getattr__(self, name: str) -> Any:
        """Return what the inner one shows to contracts.Overview."""
        return getattr(self.inner, name)

    # --- The wire -----------------------------------------------------------------

    def _ask(self, request: Call) -> None:
        with self._lock:
            self._requests.append(request)
            self._arm()

    def _answer(self, answer: Call) -> None:
        with self._lock:
            self._answers.append(answer)
            self._arm()

    def _arm(self) -> None:
        if self._is_started and not self._is_armed and not self._is_stopped:
            assert self._later is not None
            self._is_armed = True
            # A loop that has ended carries nothing any more.
            with contextlib.suppress(RuntimeError):
                self._later(self._carry)

    def _carry(self) -> None:
        """Hand over what has arrived at either end."""
        with self._lock:
            self._is_armed = False
            if self._is_stopped:
                return
            count = len(self._answers)
            if self._chance is not None:
                count = self._chance.randint(0, count)
            arrived = [self._answers.popleft() for _ in range(count)]
            self._carry_requests()
            if self._answers:
                self._arm()
        for answer in arrived:
            answer()

    def _carry_requests(self) -> None:
        while self._requests:
            self._requests.popleft()()

    # --- Broker -------------------------------------------------------------------

    def start(
        self,
        deliver: Callable[[], None],
        tell: Tell,
        adopt: Callable[[Sequence[str]], None],
        lost: Callable[[], None],
    ) -> None:
        """See contracts.Broker."""
        if self._later is None:
            loop = asyncio.get_running_loop()
            self._later = lambda call: loop.call_soon_threadsafe(
                loop.call_later, 0.002, call
            )
        self._deliver = deliver
        self._lost = lost

        def tell_later(client_id: str, what: Change) -> None:
            self._answer(partial(tell, client_id, what))

        with self._lock:
            self._is_started = True
            self._carry_requests()
        self.inner.start(deliver, tell_later, adopt, lost)

    def lose(self) -> None:
        """Be cut off from now on."""
        self.is_lost = True
        self._lost()

    def publish(self, client_id: str, text: str) -> None:
        """See contracts.Broker."""
        self._ask(partial(self.inner.publish, client_id, text))

    def expect(self, client_id: str) -> int:
        """See contracts.Broker."""
        with self._lock:
            self._carry_requests()
            return self.inner.expect(client_id)

    def attach(
        self,
        client_id: str,
        subscriber: Subscriber,
        after: int | None,
        opened: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> Unanswered:
        """See contracts.Broker."""
        attachment = Unanswered()

        def fail() -> None:
            if not attachment.is_cancelled:
                failed(BrokerError("the broker is away"))

        def answer(replay: Replay) -> None:
            with self._lock:
                self._unanswered[client_id] -= 1
                has_held = not self._unanswered[client_id] and client_id in self._held
            if not attachment.is_cancelled:
                opened(replay)
            if has_held:
                self._deliver()

        def ask() -> None:
            if self.is_lost:
                self._answer(fail)
                return
            self._unanswered[client_id] += 1
            self.inner.attach(
                client_id,
                subscriber,
                after,
                lambda replay: self._answer(partial(answer, replay)),
                failed,
            )

        self._ask(ask)
        return attachment

    def replay(
        self,
        client_id: str,
        after: int | None,
        done: Callable[[Replay], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        """See contracts.Broker."""

        def ask() -> None:
            if self.is_lost:
                self._answer(partial(failed, BrokerError("the broker is away")))
                return
            self.inner.replay(
                client_id,
                after,
                lambda replay: self._answer(partial(done, replay)),
                failed,
            )

        self._ask(ask)

    def release(self, client_id: str) -> None:
        """See contracts.Broker."""
        if not self.is_lost:
            self._ask(partial(self.inner.release, client_id))

    def when_safe(self, done: Callable[[], None]) -> None:
        """See contracts.Broker."""
        self._ask(partial(self._answer, done))

    def told(self, client_id: str, what: Change) -> None:
        """See contracts.Broker."""
        self._ask(partial(self.inner.told, client_id, what))

    def collect(self) -> Sequence[Delivery]:
        """See contracts.Broker."""
        with self._lock:
            deliveries: list[Delivery] = []
            for texts, receivers in self.inner.collect():
                free: list[Receiver] = []
                for receiver in receivers:
                    name = receiver.client_id
                    if self._unanswered[name] or name in self._held:
                        held = self._held.setdefault(name, Held(name))
                        held.texts += texts
                        held.number = receiver.number
                        held.subscriber = receiver.subscriber
                    else:
                        free.append(receiver)
                if free:
                    deliveries.append(Delivery(texts, free))
            for name in [n for n in self._held if not self._unanswered[n]]:
                held = self._held.pop(name)
                deliveries.append(Delivery(tuple(held.texts), [held]))
            return deliveries

    def settle(self) -> None:
        """See contracts.Broker."""
        self.inner.settle()

    def stop(self) -> None:
        """See contracts.Broker."""
        with self._lock:
            self._carry_requests()
            self._is_stopped = True
        self.inner.stop()


def install() -> None:
    """Have every instance of this process stand on a delayed broker.

    Before channelshim.composition is imported.
    """
    from channelshim.broker import memory

    real = memory.MemoryBroker

    def delayed(*args: Any, **kwargs: Any) -> DelayedBroker:
        return DelayedBroker(real(*args, **kwargs))

    memory.MemoryBroker = delayed  # type: ignore[assignment,misc]
