"""threading: the names with capitals."""

from __future__ import annotations

import sys
import threading
from threading import active_count as activeCount
from threading import current_thread as currentThread
from typing import Any

from channelshim.python27.strings import to_text

__all__ = ["Thread", "currentThread", "activeCount", "_Event", "_RLock", "_Timer"]

_Event = threading.Event
_RLock = threading.RLock
_Timer = threading.Timer


class _Apart:
    """An attribute that Python 3's Thread keeps for itself, and an app has as well."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _key(self) -> str:
        caller = sys._getframe(2).f_globals.get("__name__")
        return f"_real{self._name}" if caller == "threading" else self._name

    def __get__(self, owner: Any, kind: Any) -> Any:
        if owner is None:
            return getattr(threading.Thread, self._name)
        key = self._key()
        if key in owner.__dict__:
            return owner.__dict__[key]
        if f"_real{self._name}" in owner.__dict__:
            return owner.__dict__[f"_real{self._name}"]
        return getattr(super(Thread, owner), self._name)

    def __set__(self, owner: Any, value: Any) -> None:
        owner.__dict__[self._key()] = value

    def __delete__(self, owner: Any) -> None:
        owner.__dict__.pop(self._key(), None)


class Thread(threading.Thread):
    """A thread."""

    # In 2.7 these had names that no subclass happened to use: `self._stop = Event()`.
    _stop: Any = _Apart("_stop")
    _target: Any = _Apart("_target")
    _args: Any = _Apart("_args")
    _kwargs: Any = _Apart("_kwargs")
    _started: Any = _Apart("_started")
    _handle: Any = _Apart("_handle")
    _name: Any = _Apart("_name")

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

    def isAlive(self) -> bool:
        """Tell whether it runs."""
        return self.is_alive()

    def setDaemon(self, daemonic: bool) -> None:
        """Say whether the program may end before it."""
        self.daemon = daemonic

    def isDaemon(self) -> bool:
        """Tell whether the program may end before it."""
        return self.daemon

    def getName(self) -> str:
        """Return its name."""
        return self.name

    def setName(self, name: Any) -> None:
        """Name it."""
        self.name = to_text(name)
