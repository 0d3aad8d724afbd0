"""The service `system`: background threads."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from google.appengine.api import apiproxy_stub

from channelshim.services.stubs import EagerRPC

_logger: Final = logging.getLogger("channelshim.services")


class SystemService(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """The stub for the service `system`: background threads."""

    def __init__(self) -> None:
        super().__init__("system")
        self._numbers = itertools.count(1)

    def CreateRPC(self) -> EagerRPC:
        """Return a call that runs at once, in the caller's thread."""
        return EagerRPC(stub=self)

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
