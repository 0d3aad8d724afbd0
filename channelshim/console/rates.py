"""Messages per second, from two looks at a number that counts them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

MOST_SAMPLES: Final = 4096
"""Client ids whose last look is remembered; the oldest gives way."""

LEAST_SECONDS: Final = 1.0
"""Between two looks that make a rate: less says little."""


class Rates:
    """The rate of each of many numbers. Any thread.

    Nothing counts for it: a look at a page takes a sample, and the next look makes the
    rate.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Name to the number, when it was seen, and the rate until then.
        self._samples: OrderedDict[str, tuple[int, float, float | None]] = OrderedDict()

    def sample(self, name: str, number: int, now: float) -> float | None:
        """Note a number, and return its rate since the last look; None for the first.

        Args:
            name: of the number.
            number: never goes back, but for one that begins anew.
            now: monotonic seconds.
        """
        with self._lock:
            known = self._samples.get(name)
            rate = None
            if known is not None:
                before, seen_at, rate = known
                if now - seen_at < LEAST_SECONDS:
                    return rate
                rate = max(0, number - before) / (now - seen_at)
            self._samples[name] = (number, now, rate)
            self._samples.move_to_end(name)
            if len(self._samples) > MOST_SAMPLES:
                self._samples.popitem(last=False)
            return rate
