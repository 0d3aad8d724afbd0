"""ndb's per-thread state: flushed and reset when a piece of a request ends.

ndb recognises a new request by its context key being absent from os.environ; it keeps
the context itself, and its cache, in a threading.local that outlives the request.

Source: google/appengine/ext/ndb/tasklets.py, _State and get_context.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

_CONTEXT_KEY: Final = "__CONTEXT__"

_ENDED_BATCH: Final = "_finished_callback"

ENVIRONMENT_KEYS: Final = frozenset({_CONTEXT_KEY, "__EVENT_LOOP__", "__CALLBACK__"})
"""Marks that ndb leaves in os.environ; a new request must start without them."""


def _is_waiting(context: Any, loop: Any) -> bool:
    """Return whether ndb has something to write, or a failure to tell.

    ndb flushes each of its seven batchers in a tasklet of its own, which takes as long
    as a small handler. Nothing is left to flush when no batcher has a queue, every
    batch has ended well, and the event loop has nothing to run but those batches' own
    callbacks, which take them off a list: so nothing can add to a queue any more.
    Explored by tests/runtime/test_ndb_state.py, against a flush of all.

    Args:
        context: of this thread.
        loop: of this thread; None for none.
    """
    try:
        if loop is not None and (
            loop.queue
            or loop.idlers
            or loop.rpcs
            or any(call[0].__name__ != _ENDED_BATCH for call in loop.current)
        ):
            return True
        return any(
            batcher._queues
            or any(not batch.done() or batch._exception for batch in batcher._running)
            for batcher in context._batchers
        )
    except AttributeError:
        # Of another make than is known.
        return True


def finish() -> None:
    """Write what is not yet written and drop this thread's ndb context.

    Does nothing when ndb is not loaded or was not used since os.environ was made anew:
    a context from before a request is not the request's to flush, and its event loop is
    another one, in which its writes would never end. Raises what the datastore raises
    for a write that nobody waited for.
    """
    tasklets: Any = sys.modules.get("google.appengine.ext.ndb.tasklets")
    if tasklets is None or not hasattr(tasklets, "_state"):
        return
    context = tasklets._state.current_context
    if context is None or not os.environ.get(_CONTEXT_KEY):
        return
    eventloop: Any = sys.modules["google.appengine.ext.ndb.eventloop"]
    try:
        if _is_waiting(context, eventloop._state.event_loop):
            context.flush().check_success()
        eventloop.run()
    finally:
        # None resets the thread's context, generators and frames alike.
        tasklets._state.reset(None)
        tasklets._state.current_context = None
