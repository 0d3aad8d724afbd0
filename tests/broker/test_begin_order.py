"""What one thread sends keeps its order while another thread begins a run.

In each broker the run that is appended to must be the last one: a thread that appends
to an earlier one would have its text come before what it has sent already.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from channelshim.broker.memory import MemoryBroker
from channelshim.broker.pipe import PipeSender
from channelshim.broker.redis.outbox import Outbox
from channelshim.broker.redis.shards import Shards
from tests.stepped_clock import SteppedClock

SWITCH_SECONDS = 0.3
"""How long the first thread stands still; what may not happen meanwhile has time."""


def memory() -> MemoryBroker:
    broker = MemoryBroker(SteppedClock(), window_seconds=60.0)
    broker.expect("a")
    return broker


def pipe() -> PipeSender:
    return PipeSender(lambda *_: "1", lambda: None)


def outbox() -> Outbox:
    made = Outbox(Shards([]), waiting_bytes=1 << 20, safe_seconds=1.0)
    made.is_away = False
    return made


class Slow(deque[Any]):
    """Runs to which the first thread appends slowly."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._meanwhile: Callable[[], None] | None = meanwhile

    def append(self, run: Any) -> None:
        super().append(run)
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()


@pytest.mark.parametrize("make", [memory, pipe, outbox])
def test_order_of_a_thread_while_another_begins(make: Callable[[], Any]) -> None:
    broker = make()
    common, own = "common", "own"
    has_sent, may_go_on = threading.Event(), threading.Event()

    def send_two() -> None:
        broker.publish("a", own)
        has_sent.set()
        may_go_on.wait()
        broker.publish("a", common)

    second = threading.Thread(target=send_two)

    def switch() -> None:
        second.start()
        has_sent.wait(SWITCH_SECONDS)

    broker._runs = Slow(switch)
    broker.publish("a", common)
    assert has_sent.wait()
    may_go_on.set()
    second.join()
    texts = [run.text for run in broker._runs for _ in run.client_ids]
    # The first thread's, and those of the second one in their order.
    assert texts in ([common, own, common], [own, common, common])
