"""background_thread.BackgroundThread as a thread like any other.

Google's class reaches into threading.Thread, which Python 3.13 has changed below it: it
can no longer be joined.
"""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

_PACKAGE = "google.appengine.api.background_thread"


class BackgroundThread(threading.Thread):
    """A thread with the environment of the request that starts it.

    It ends with the process, whenever that stops.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.daemon = True


def use_ours(module: ModuleType) -> None:
    """Put our thread in the place of Google's."""
    module.BackgroundThread = BackgroundThread  # type: ignore[attr-defined]
