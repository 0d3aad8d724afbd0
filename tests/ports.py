"""Ports for programs that must be told one, or that come back to theirs."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_LOWEST = 20_000

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

_given: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on now, and that is given away once.

    It is below those that the system gives to whoever asks for any, and to each
    connection: of these, one that is free now may be taken a moment later.
    """
    highest = _lowest_of_the_system() - 1
    if highest < _LOWEST + 1000:
        return _bound(0)
    # Not the module's own numbers, which Hypothesis makes the same in each process.
    chance = random.SystemRandom()
    while True:
        port = chance.randint(_LOWEST, highest)
        try:
            if port not in _given:
                _given.add(port)
                return _bound(port)
        except OSError:
            continue


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
