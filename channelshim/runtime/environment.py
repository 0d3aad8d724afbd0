"""os.environ as App Engine had it: fresh for each request, shared by its threads.

Google's SDK and legacy apps read the user, the application id and more from
os.environ. One mapping replaces os.environ for good: inside a request it is that
request's private dict, carried by a ContextVar into threads and pools that the request
starts; outside it is the real environment. The SDK's wrap_wsgi_app() reloads the
module threading and hangs at exit on Python 3.13, so it is never used (see "Decisions"
in docs/explanation/design.md).
"""

from __future__ import annotations

import contextvars
import functools
import os
import threading
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from channelshim.runtime import ndb_state

P = ParamSpec("P")
T = TypeVar("T")

_variables: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar(
    "channelshim_request_variables", default=None
)


current_variables: Callable[[], dict[str, str] | None] = _variables.get
"""Returns what os.environ holds in the request that this thread runs, or None outside
of requests; for what asks so often that os.environ itself costs too much."""


class RequestEnviron(MutableMapping[str, str]):
    """The mapping that stands in for os.environ.

    Args:
        outside: the real os.environ.
    """

    def __init__(self, outside: MutableMapping[str, str]) -> None:
        self.outside = outside
        self._snapshot: dict[str, str] | None = None

    def __getitem__(self, key: str) -> str:
        variables = _variables.get()
        return (self.outside if variables is None else variables)[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return the variable, or default; the SDK's hottest call."""
        variables = _variables.get()
        return (self.outside if variables is None else variables).get(key, default)

    def __setitem__(self, key: str, value: str) -> None:
        variables = _variables.get()
        if variables is None:
            self._snapshot = None
            self.outside[key] = value
        elif isinstance(key, str) and isinstance(value, str):
            variables[key] = value
        else:
            raise TypeError(f"str expected, not {type(value).__name__}")

    def __delitem__(self, key: str) -> None:
        variables = _variables.get()
        if variables is None:
            self._snapshot = None
            del self.outside[key]
        else:
            del variables[key]

    def __iter__(self) -> Iterator[str]:
        variables = _variables.get()
        return iter(list(self.outside if variables is None else variables))

    def __len__(self) -> int:
        variables = _variables.get()
        return len(self.outside if variables is None else variables)

    def __contains__(self, key: object) -> bool:
        variables = _variables.get()
        return key in (self.outside if variables is None else variables)

    def __repr__(self) -> str:
        return f"environ({dict(self)!r})"

    def copy(self) -> dict[str, str]:
        """Return a plain dict, as os.environ.copy() does."""
        return dict(self)

    def __or__(self, other: Any) -> dict[str, str]:
        return dict(self) | dict(other)

    def __ror__(self, other: Any) -> dict[str, str]:
        return dict(other) | dict(self)

    def __ior__(self, other: Any) -> RequestEnviron:
        self.update(other)
        return self

    def base(self) -> dict[str, str]:
        """Return a fresh copy of the real environment, for a request to start with."""
        if self._snapshot is None:
            self._snapshot = {
                key: value
                for key, value in self.outside.items()
                if key not in ndb_state.ENVIRONMENT_KEYS
            }
        return self._snapshot.copy()


def install() -> RequestEnviron:
    """Replace os.environ once and carry requests into threads and pools.

    Returns:
        the mapping; the same one at each call.
    """
    current: Any = os.environ
    if isinstance(current, RequestEnviron):
        return current
    environ = RequestEnviron(os.environ)
    os.environ = environ  # type: ignore[assignment]  # noqa: B003 -- on purpose
    _carry_into_threads()
    return environ


def is_in_request() -> bool:
    """Return whether the caller runs on behalf of a request."""
    return _variables.get() is not None


class RequestScope:
    """One request: its variables, and ndb's state flushed and reset at its end.

    All of a request's code, the reading of its response included, runs through `run`.
    One thread at a time.

    Args:
        variables: what os.environ holds on top of the real environment.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        environment = install().base()
        environment.update(variables)
        self._context = contextvars.copy_context()
        self._context.run(_variables.set, environment)

    def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `call` inside the request, in this thread."""
        return self._context.run(call, *args, **kwargs)

    def close(self) -> None:
        """Flush what ndb still has to write, and forget its cache.

        Raises what the datastore raises for an un-waited write.
        """
        self._context.run(ndb_state.finish)


def _run_and_finish(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a request's piece in another thread and leave no ndb state in it.

    A pool thread serves many requests: its thread-local ndb cache would be stale.
    """
    try:
        return call(*args, **kwargs)
    finally:
        ndb_state.finish()


def _carry_into_threads() -> None:
    thread_start = threading.Thread.start
    pool_submit: Any = ThreadPoolExecutor.submit

    @functools.wraps(thread_start)
    def start(self: threading.Thread) -> None:
        if is_in_request():
            context = contextvars.copy_context()
            run = self.run
            self.run = lambda: context.run(_run_and_finish, run)  # type: ignore[method-assign]
        thread_start(self)

    @functools.wraps(pool_submit)
    def submit(
        self: ThreadPoolExecutor, call: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> Any:
        if not is_in_request():
            return pool_submit(self, call, *args, **kwargs)
        context = contextvars.copy_context()
        return pool_submit(self, context.run, _run_and_finish, call, *args, **kwargs)

    threading.Thread.start = start  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submit  # type: ignore[method-assign,assignment]
