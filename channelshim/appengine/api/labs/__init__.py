"""google.appengine.api.labs: where taskqueue stood before it was finished."""

from __future__ import annotations

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    # `from google.appengine.api.labs import taskqueue` looks here, and then for a
    # module below this one's own name, where there is none.
    if name == "taskqueue":
        return importlib.import_module("google.appengine.api.taskqueue")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
