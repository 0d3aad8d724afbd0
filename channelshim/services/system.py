"""The service `system`: background threads, and the instance's figures."""

from __future__ import annotations

import itertools
import logging
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from google.appengine.api import apiproxy_stub

from channelshim.services.stubs import EagerRPC

_logger: Final = logging.getLogger("channelshim.services")

_MEGACYCLES_PER_SECOND: Final = 1200.0
"""Of the processor that App Engine counted in."""
_MEGABYTE: Final = 2**20


class SystemService(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """The stub for the service `system`."""

    def __init__(self) -> None:
        super().__init__("system")
        self._numbers = itertools.count(1)

    def CreateRPC(self) -> EagerRPC:
        """Return a call that runs at once, in the caller's thread."""
        return EagerRPC(stub=self)

    def _Dynamic_GetSystemStats(self, _request: Any, response: Any) -> None:
        """Say what the process uses: megacycles, and MB."""
        response.cpu.total = time.process_time() * _MEGACYCLES_PER_SECOND
        current = _resident_bytes() / _MEGABYTE
        response.memory.current = current
        response.memory.average1m = current
        response.memory.average10m = current

    def _Dynamic_StartBackgroundRequest(self, _request: Any, response: Any) -> None:
        """Start the thread in which the SDK will run what the app asked for.

        Google made a request to /_ah/background for it; here it is a thread that has
        the environment of the request which starts it.
        """
        from google.appengine.runtime import background

        request_id = f"background-{next(self._numbers)}"
        response.request_id = request_id
        # It waits there for the function, which the SDK enqueues when we return.
        run = background._pending_background_threads.RunBackgroundThread
        threading.Thread(target=_run, args=(run, request_id), daemon=True).start()


def _run(run_background: Callable[[str], None], request_id: str) -> None:
    """Run an app's background thread; whatever it raises is its end alone."""
    try:
        run_background(request_id)
    except BaseException:
        # threading would be silent about SystemExit.
        _logger.exception("the app's %s failed", request_id)


def _resident_bytes() -> float:
    """Return how much memory the process has now; at most so far, off Linux."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Kilobytes, but for bytes on macOS.
        return float(peak if sys.platform == "darwin" else peak * 1024)
