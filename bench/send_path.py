"""What each step of the send path costs, without sockets: a table per step.

Runs inside the Python that serves (bench/.cache/venv), on the server's core. The
smallest of many repeats: what the step costs when nothing disturbs it.

usage: python -m bench.send_path
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.places import BENCH, PYTHON, ROOT, on_server_core

PAGES = 1000
JOINED = 16
REPEATS = 60
TEXT = "~" + "x" * 63


class _NoTransport:
    """Takes bytes and forgets them: a write without the kernel."""

    def write(self, data: bytes) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> None:
        return None

    def set_protocol(self, protocol: object) -> None:
        return None

    def set_write_buffer_limits(self, high: int) -> None:
        return None

    def abort(self) -> None:
        return None

    close = abort


def _best(prepare: Callable[[], None], step: Callable[[], None], per: int) -> float:
    """Return the least microseconds of step over `per`, prepare left out."""
    best = float("inf")
    for _ in range(REPEATS):
        prepare()
        begun = time.thread_time_ns()
        step()
        best = min(best, time.thread_time_ns() - begun)
    return best / 1000 / per


def _nowhere(function: object) -> None:
    """Take what should be called on the loop: the passes here are called for."""


def measure() -> dict[str, float]:
    """Return microseconds per message of each step, 1,000 ids, in this process."""
    import asyncio

    from channelshim.composition import doors
    from channelshim.composition.front import Front
    from channelshim.transports.acceptor import Acceptor
    from channelshim.transports.connection_table import ConnectionTable
    from channelshim.transports.websocket import WebSocketProtocol

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        app = BENCH / "apps" / "fanout"
        installation = doors.install(app, {"storage_path": folder})
        instance = installation.open()
        front = Front(instance)
        from google.appengine.api import channel

        loop = asyncio.new_event_loop()
        front.hub.start(loop, _nowhere)
        acceptor = Acceptor(
            front.hub,
            instance.tokens,
            instance.clock,
            lambda origin, host: True,
            table=ConnectionTable(),
            send_buffer_bytes=instance.plan.settings.send_buffer_bytes,
        )
        ids = [f"page-{number}" for number in range(PAGES)]

        async def attach() -> None:
            for client_id in ids:
                claims = instance.tokens.verify(
                    channel.create_channel(client_id), instance.clock.time()
                )
                transport: Any = _NoTransport()
                protocol = WebSocketProtocol(transport, acceptor, b"")
                protocol.client_id, protocol.nonce = client_id, claims.nonce
                protocol.expires_at = claims.expires_at
                front.hub.attach(protocol, claims.number, None)

        loop.run_until_complete(attach())
        found = _steps(instance.broker, front.hub, channel.send_message, ids)
        # No orderly stop: nothing here outlives the folder.
        instance.store.close()
    return found


def _steps(
    broker: Any, hub: Any, send_message: Any, ids: list[str]
) -> dict[str, float]:
    number = 0

    def text() -> str:
        nonlocal number
        number += 1
        return TEXT[:40] + f"{number:024d}"

    def append(count: int) -> None:
        for _ in range(count):
            published = text()
            for client_id in ids:
                broker.publish(client_id, published)

    def send() -> None:
        sent = text()
        for client_id in ids:
            send_message(client_id, sent)

    found = {
        "send_message, in the handler": _best(hub.deliver, send, PAGES),
        "of which the bare append": _best(hub.deliver, lambda: append(1), PAGES),
    }
    counts = {1: "one text", JOINED: f"{JOINED} texts joined"}

    def filled(count: int) -> Callable[[], None]:
        def fill() -> None:
            hub.deliver()
            append(count)

        return fill

    passes = {n: _best(filled(n), hub.deliver, PAGES * n) for n in counts}
    # From here on the hub misses messages: it is not asked again.
    hub.deliver = broker.collect
    for count, what in counts.items():
        numbered = _best(filled(count), broker.collect, PAGES * count)
        found[f"numbers and windows, {what}"] = numbered
        found[f"the hub's pass but for the write, {what}"] = passes[count] - numbered
    return found


def run() -> dict[str, float]:
    """Measure in a process of its own, as the server's Python."""
    done = subprocess.run(
        on_server_core(PYTHON, "-m", "bench.send_path"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    steps: dict[str, float] = json.loads(done.stdout)
    return steps


if __name__ == "__main__":
    assert Path(sys.prefix) == PYTHON.parent.parent
    print(json.dumps(measure(), indent=1))
