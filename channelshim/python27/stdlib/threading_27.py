"""threading: the names with capitals."""

from __future__ import annotations

import threading
from typing import Any

from channelshim.python27.strings import to_text

__all__ = ["Thread", "currentThread", "activeCount", "_Event", "_RLock", "_Timer"]

currentThread = threading.current_thread
activeCount = threading.active_count
_Event = threading.Event
_RLock = threading.RLock
_Timer = threading.Timer


class Thread(threading.Thread):
    """A thread."""

    def __init__(
        self,
        group: Any = None,
        target: Any = None,
        name: Any = None,
        args: Any = (),
        kwargs: Any = None,
        verbose: Any = None,
    ) -> None:
        name = None if name is None else to_text(name)
        super().__init__(group, target, name, args, kwargs)

    def isAlive(self) -> bool:  # noqa: N802 -- Python 2.7's name
        """Tell whether it runs."""
        return self.is_alive()

    def setDaemon(self, daemonic: bool) -> None:  # noqa: N802 -- Python 2.7's name
        """Say whether the program may end before it."""
        self.daemon = daemonic

    def isDaemon(self) -> bool:  # noqa: N802 -- Python 2.7's name
        """Tell whether the program may end before it."""
        return self.daemon

    def getName(self) -> str:  # noqa: N802 -- Python 2.7's name
        """Return its name."""
        return self.name

    def setName(self, name: Any) -> None:  # noqa: N802 -- Python 2.7's name
        """Name it."""
        self.name = to_text(name)
