"""What an app asked to be called at its instance's end: runtime.set_shutdown_hook."""

from __future__ import annotations

import sys

_MODULE = "google.appengine.api.runtime.runtime"


def begin_shutdown() -> None:
    """Have is_shutting_down say so, and call the app's hook.

    Raises what the hook raises.
    """
    # Nobody has set a hook where nobody has imported the module.
    module = sys.modules.get(_MODULE)
    if module is not None:
        vars(module)["__BeginShutdown"]()
