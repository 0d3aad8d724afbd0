"""WebSockets of the tests' own, as patient as the machine is slow."""

from __future__ import annotations

import inspect
from typing import Any

from websockets.sync import client
from websockets.sync.client import ClientConnection

from tests.lanes import timeout_factor

OPEN_SECONDS = 10.0

_HAS_PINGS = "ping_interval" in inspect.signature(client.connect).parameters


def connect(url: str, **options: Any) -> ClientConnection:
    """Return an open line; see `websockets.sync.client.connect`.

    By itself it would ping, and end when 20 seconds bring no answer: a test that reads
    nothing for so long, or whose server stands still, is not what that is meant for.
    """
    options.setdefault("open_timeout", OPEN_SECONDS * timeout_factor())
    if _HAS_PINGS:
        options.setdefault("ping_interval", None)
    return client.connect(url, **options)
