"""An executor for what a loop must not wait for, in threads that are kept running.

asyncio's own executor would do the same in threads that nobody watches, and that the
interpreter waits for at its end, however long a disk takes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from channelshim.kernel.threads import Threads

POOL_THREADS: Final = 32
"""They wait for disks or name servers; as many as asyncio's executor has at most."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadPool(Executor):
    """Runs calls in threads, which are started when they are needed. Any thread.

    Args:
        threads: keeps them running.
        name: of each.
        most: how many.
    """

    def __init__(self, threads: Threads, name: str, most: int = POOL_THREADS) -> None:
        self._threads = threads
        self._name = name
        self._most = most
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = (
            queue.SimpleQueue()
        )
        # Guards both below.
        self._lock = threading.Lock()
        # The threads that wait, less the calls that wait for one.
        self._idle = 0
        self._started = 0

    def submit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        """See concurrent.futures.Executor.

        Raises:
            RuntimeError: the system has no thread to give, and there is none yet.
        """
        future: Future[_T] = Future()
        with self._lock:
            if self._idle <= 0:
                self._start()
            self._idle -= 1
        self._calls.put((future, partial(fn, *args, **kwargs)))
        return future

    def _start(self) -> None:
        """Start another thread, if there may be one. Under the lock."""
        if self._started >= self._most:
            return
        try:
            self._threads.start(self._name, self._run_all)
        except RuntimeError:
            if not self._started:
                raise
            return
        self._started += 1
        self._idle += 1

    def _run_all(self) -> None:
        while True:
            future, call = self._calls.get()
            try:
                _run(future, call)
            finally:
                # Neither kept while the thread waits.
                del future, call
                with self._lock:
                    self._idle += 1


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
