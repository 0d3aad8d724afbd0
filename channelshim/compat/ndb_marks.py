"""ndb's marks in os.environ, looked up where they are.

ndb and the SDK's datastore keep a context, a connection and an event loop for each
thread, and know by marks in os.environ whether these are of this request: they ask
nearly a hundred times for one put. Each time os.getenv asks the mapping that stands in
for os.environ, which asks for the request's own dictionary: three calls where one is
enough. Nothing is remembered here, so nothing can be stale: a mark that an app or a
test takes away is missed at once. Outside of requests, and whenever a mark or the state
is missing, the SDK's own function decides.

Explored by tests/compat/test_ndb_marks.py, against the SDK's own way. Each function
takes the freshly imported module.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from channelshim.runtime.environment import current_variables


def find_connection(datastore: ModuleType) -> None:
    """Have the thread's connection found by one look."""
    module: Any = datastore
    mark, plain = module._ENV_KEY, module._GetConnection
    thread_local = module._thread_local

    @functools.wraps(plain)
    def get_connection() -> Any:
        variables = current_variables()
        if variables is not None and variables.get(mark):
            stack = getattr(thread_local, "connection_stack", None)
            if stack is not None:
                return stack[-1]
        return plain()

    module._GetConnection = get_connection


def find_context(tasklets: ModuleType) -> None:
    """Have the thread's context found, and set, by one look."""
    module: Any = tasklets
    mark, plain, plain_set = module._CONTEXT_KEY, module.get_context, module.set_context
    state = module._state

    @functools.wraps(plain)
    def get_context() -> Any:
        variables = current_variables()
        if variables is not None and variables.get(mark):
            context = state.current_context
            if context is not None:
                return context
        return plain()

    @functools.wraps(plain_set)
    def set_context(new_context: Any) -> None:
        variables = current_variables()
        if variables is None:
            plain_set(new_context)
            return
        variables[mark] = "1"
        state.set_context(new_context)

    module.get_context = get_context
    module.set_context = set_context


def find_event_loop(eventloop: ModuleType) -> None:
    """Have the thread's event loop found by one look."""
    module: Any = eventloop
    mark, plain = module._EVENT_LOOP_KEY, module.get_event_loop
    state = module._state

    @functools.wraps(plain)
    def get_event_loop() -> Any:
        variables = current_variables()
        if variables is not None and variables.get(mark):
            loop = state.event_loop
            if loop is not None:
                return loop
        return plain()

    module.get_event_loop = get_event_loop


def find_application_id(full_app_id: ModuleType) -> None:
    """Have the application's id found by one look, not by two."""
    module: Any = full_app_id
    plain = module.get

    @functools.wraps(plain)
    def get(environ: Any = None) -> Any:
        if environ is None:
            variables = current_variables()
            if variables is not None:
                found = variables.get("APPLICATION_ID")
                if found is not None:
                    return found
        return plain(environ)

    module.get = get
