"""Ports for programs that must be told one, or that come back to theirs."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

_LOWEST = 20_000

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

_TRIES = 1000

_in_use: set[int] = set()
"""What this process has returned; a program may not have bound it yet."""


def free_port() -> int:
    """Return a port that nobody listens on now; no process returns one twice.

    It is below those that the system gives to whoever asks for any, and to each
    connection: of these, one that is free now may be taken a moment later.

    Raises:
        RuntimeError: there is none.
    """
    highest = _lowest_of_the_system() - 1
    number, workers = _worker()
    # Not the module's own numbers, which Hypothesis makes the same in each process.
    chance = random.SystemRandom()
    for _ in range(_TRIES):
        port = 0
        if highest >= _LOWEST + 1000:
            port = chance.randrange(_LOWEST + number, highest + 1, workers)
        if port in _in_use:
            continue
        try:
            port = _bound(port)
        except OSError:
            continue
        if port not in _in_use and (port - _LOWEST) % workers == number:
            _in_use.add(port)
            return port
    raise RuntimeError(
        f"no free port in {_TRIES} tries: end what listens on ports from {_LOWEST} up"
    )


def _worker() -> tuple[int, int]:
    """Return which worker of a run this is, from 0, and of how many."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    # One that takes the place of a dead worker shares the ports of one that lives.
    return number % workers, workers


def _bound(port: int) -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        found: int = listener.getsockname()[1]
        return found


def _lowest_of_the_system() -> int:
    try:
        return int(_RANGE.read_text("ascii").split()[0])
    except OSError:
        return 0
