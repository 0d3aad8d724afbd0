"""A request's turn at the app: the app's lock and the request's scope, as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from channelshim.kernel.app_lock import AppLock
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.log_text import one_line


class Turn:
    """What a request holds while the app works for it, given back exactly once.

    A `with` block ends the turn when anything in it raises. When nothing does, the
    turn goes on: the answer's body may still need the app, and ends it.

    Args:
        lock: the app's, which lets in one request at a time; waited for here. None
            for an app that is thread-safe.
        environ: the request's, for the log's name of it.

    Attributes:
        run: calls its first argument with the others inside the request's scope, in
            this thread; from `enter` on.
    """

    __slots__ = ("_is_over", "_lock", "_scope", "run")

    def __init__(
        self, lock: AppLock | None = None, environ: Mapping[str, Any] | None = None
    ) -> None:
        self._lock = lock
        self._scope: RequestScope | None = None
        self.run: Callable[..., Any] = _outside
        self._is_over = False
        if lock is not None:
            lock.acquire(_name_of(environ or {}))

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._give_back()

    def enter(self, scope: RequestScope) -> None:
        """Have `run` call inside this scope from now on."""
        self._scope = scope
        # Not a method of this class: a call is as much as a small app.
        self.run = scope.run

    def end(self) -> None:
        """Write what ndb still has to write, and give everything back. Idempotent.

        Raises what the datastore raises for a write that nobody waited for.
        """
        if self._is_over:
            return
        try:
            if self._scope is not None:
                self._scope.close()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        if not self._is_over:
            self._is_over = True
            if self._lock is not None:
                self._lock.release()


def _name_of(environ: Mapping[str, Any]) -> str:
    method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
    return one_line(f"{method} {path}")


def _outside(*_: Any) -> Any:
    raise AssertionError("the request has no scope yet")
