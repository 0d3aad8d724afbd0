"""The real clock."""

from __future__ import annotations

import time
from collections.abc import Callable


class SystemClock:
    """The real clock; see contracts.clock.Clock."""

    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    time: Callable[[], float] = staticmethod(time.time)
