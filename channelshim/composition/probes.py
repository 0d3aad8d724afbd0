"""What answers at the console's port: the console, and the probes beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from channelshim.composition.console_door import hosts_of
from channelshim.composition.policy import is_on_loopback
from channelshim.contracts.status import PATH_HEALTH, PATH_METRICS

if TYPE_CHECKING:
    import socket

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from channelshim.composition.front import Front
    from channelshim.composition.instance import Instance
    from channelshim.console.probes import Probes

_PATHS: Final = frozenset({PATH_HEALTH, PATH_METRICS})


class AdminPort:
    """What answers at the console's port: probes, and the console for all else.

    The probes are loaded at the first one, and load nothing of the console's pages.

    Args:
        console: answers all else.
        instance: with its store open.
        front: its connections.
        listener: of the port.
    """

    def __init__(
        self,
        console: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]],
        instance: Instance,
        front: Front,
        listener: socket.socket,
    ) -> None:
        self._console = console
        self._instance = instance
        self._front = front
        self._is_near = is_on_loopback(listener)
        self._hosts = hosts_of(instance.plan.settings, listener)
        self._started_at = instance.clock.time()
        self._lock = threading.Lock()
        self._probes: Probes | None = None

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        if environ.get("PATH_INFO") not in _PATHS:
            return self._console(environ, start_response)
        with self._lock:
            if self._probes is None:
                self._probes = self._make()
        return self._probes(environ, start_response)

    def _make(self) -> Probes:
        from channelshim.console.checks import Checks
        from channelshim.console.probes import Probes, ProbeSources

        instance = self._instance
        plan = instance.plan
        sources = ProbeSources(
            application_id=plan.application.application_id,
            started_at=self._started_at,
            clock=instance.clock,
            status=instance.status,
            overview=self._front.overview,
            store=instance.store,
            queues=plan.app.queues,
        )
        # As for the console: who asks for proof for the app asks for it here too.
        asks_nobody = self._is_near and instance.login.asks_no_proof
        checks = Checks(self._hosts, None if asks_nobody else instance.login)
        return Probes(sources, checks, plan.metrics_token)
