"""ndb's state, found by one look: always what the SDK itself would find."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from google.appengine.api import datastore, full_app_id
from google.appengine.ext.ndb import context as ndb_context
from google.appengine.ext.ndb import eventloop, tasklets
from hypothesis import strategies as st

from channelshim import appengine
from channelshim.runtime.environment import RequestScope
from tests.exploring import Cases, explored

appengine.install()

FOUND: list[Callable[[], Any]] = [
    datastore._GetConnection,
    tasklets.get_context,
    eventloop.get_event_loop,
    full_app_id.get,
]

VARIABLES = [
    datastore._ENV_KEY,
    tasklets._CONTEXT_KEY,
    eventloop._EVENT_LOOP_KEY,
    "APPLICATION_ID",
    "GAE_APPLICATION",
]


def check_all() -> None:
    """Ask ours first: the SDK's own function would mend what ours had missed."""
    for ours in FOUND:
        plain: Any = ours.__wrapped__  # type: ignore[attr-defined]
        found = ours()
        assert found is plain() or found == plain()
        assert ours() is found or ours() == found


def act(action: str, number: int) -> None:
    key = VARIABLES[number % len(VARIABLES)]
    if action == "take away":
        os.environ.pop(key, None)
    elif action == "empty":
        os.environ[key] = ""
    elif action == "set":
        os.environ[key] = f"value {number}"
    elif action == "forget":
        tasklets._state.current_context = None
    elif action == "no context":
        tasklets.set_context(None)
    elif action == "other context":
        tasklets.set_context(tasklets.make_default_context())
    elif action == "push":
        datastore._PushConnection(tasklets.make_default_context()._conn)
    elif action == "clear":
        os.environ.clear()
    check_all()


ACTIONS = ["take away", "empty", "set", "forget", "no context", "other context"]
ACTIONS += ["push", "clear", "ask", "another thread", "another request", "outside"]

STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 9)), max_size=15)


def new_scope() -> RequestScope:
    return RequestScope({"APPLICATION_ID": "dev~app"})


@explored(150, 10_000)
def test_state_is_what_the_sdk_would_find(cases: Cases) -> None:
    def claim(steps: list[tuple[str, int]]) -> None:
        scope = new_scope()
        failures: list[BaseException] = []

        def in_thread() -> None:
            try:
                check_all()
            except BaseException as error:
                failures.append(error)

        for action, number in steps:
            if action == "another thread":
                thread = threading.Thread(target=in_thread)
                scope.run(thread.start)
                thread.join()
            elif action == "another request":
                scope = new_scope()
                scope.run(check_all)
            elif action == "outside":
                # Where no request runs os.environ is the process's own.
                tasklets.get_context()
            else:
                scope.run(act, action, number)
            assert not failures

    cases.check(claim, STEPS)


def test_context_that_is_set_is_this_requests() -> None:
    first, second = new_scope(), new_scope()
    made: ndb_context.Context = first.run(tasklets.make_default_context)
    first.run(tasklets.set_context, made)
    assert first.run(tasklets.get_context) is made
    assert second.run(tasklets.get_context) is not made
