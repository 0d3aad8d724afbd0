"""background_thread.BackgroundThread as a thread like any other.

Google's class reaches into threading.Thread, which Python 3.13 has changed below it: it
can no longer be joined.
"""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

from channelshim.compat.import_hooks import after_import

_PACKAGE = "google.appengine.api.background_thread"


def install() -> None:
    """Mend Google's module now or when it is imported."""
    # The package has names of its own for what the module defines.
    after_import(f"{_PACKAGE}.background_thread", _use_ours)
    after_import(_PACKAGE, _use_ours)


class BackgroundThread(threading.Thread):
    """A thread with the environment of the request that starts it.

    It ends with the process, whenever that stops.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.daemon = True


def _use_ours(module: ModuleType) -> None:
    module.BackgroundThread = BackgroundThread  # type: ignore[attr-defined]
