"""ndb's per-thread state: flushed and reset when a piece of a request ends.

ndb recognises a new request by its context key being absent from os.environ; it keeps
the context itself, and its cache, in a threading.local that outlives the request.

Source: google/appengine/ext/ndb/tasklets.py, _State and get_context.
"""

from __future__ import annotations

import sys
from typing import Any, Final

ENVIRONMENT_KEYS: Final = frozenset({"__CONTEXT__", "__EVENT_LOOP__", "__CALLBACK__"})
"""Marks that ndb leaves in os.environ; a new request must start without them."""


def finish() -> None:
    """Write what is not yet written and drop this thread's ndb context.

    Does nothing when ndb is not loaded or this thread has not used it. Raises what the
    datastore raises for a write that nobody waited for.
    """
    tasklets: Any = sys.modules.get("google.appengine.ext.ndb.tasklets")
    if tasklets is None or not hasattr(tasklets, "_state"):
        return
    context = tasklets._state.current_context
    if context is None:
        return
    eventloop: Any = sys.modules["google.appengine.ext.ndb.eventloop"]
    try:
        context.flush().check_success()
        eventloop.run()
    finally:
        # None resets the thread's context, generators and frames alike.
        tasklets._state.reset(None)
        tasklets._state.current_context = None
