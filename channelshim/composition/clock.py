"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    """The real clock; see contracts.clock.Clock."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
