"""mutex: functions called one after another."""

from __future__ import annotations

from collections import deque
from typing import Any

__all__ = ["mutex"]


class mutex:
    """A lock with a queue of functions."""

    def __init__(self) -> None:
        self.locked: bool = False
        self.queue: deque[Any] = deque()

    def test(self) -> bool:
        """Tell whether it is locked."""
        return self.locked

    def testandset(self) -> bool:
        """Lock it, if it is not."""
        if self.locked:
            return False
        self.locked = True
        return True

    def lock(self, function: Any, argument: Any) -> None:
        """Call a function once the lock is there."""
        if self.testandset():
            function(argument)
        else:
            self.queue.append((function, argument))

    def unlock(self) -> None:
        """Call the next function, or unlock."""
        if self.queue:
            function, argument = self.queue.popleft()
            function(argument)
        else:
            self.locked = False
