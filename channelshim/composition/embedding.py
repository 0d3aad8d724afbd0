"""An installation under somebody else's WSGI server."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from channelshim.appserver import guard, loading
from channelshim.appserver.application import AppServer
from channelshim.appserver.client_limits import limit_of
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.scripts import Scripts
from channelshim.composition import rules
from channelshim.composition.health import health_of
from channelshim.composition.installation import Installation
from channelshim.composition.instance import Instance
from channelshim.composition.plan import Plan
from channelshim.errors import ChannelShimError
from channelshim.transports import stop_signals
from channelshim.transports.origins import Origins
from channelshim.transports.routes import Routes
from channelshim.transports.wsgi import WsgiGateway, refuse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Gateway:
    """An app as a plain WSGI application for any server with threads.

    The store is opened by the first request, in the process that serves.

    Args:
        installation: of this process.
        scripts: loaded, or with the wrapped application.
        wsgi_app: the wrapped application; None for a whole app.

    Attributes:
        scripts: as given.
        wsgi_app: as given.
    """

    def __init__(
        self,
        installation: Installation,
        scripts: Scripts,
        wsgi_app: WSGIApplication | None = None,
    ) -> None:
        self.scripts = scripts
        self.wsgi_app = wsgi_app
        self._program: WSGIApplication | None = (
            None if wsgi_app is None else installation.dialect.program(wsgi_app)
        )
        self._installation = installation
        self._lock = threading.Lock()
        self._server: AppServer | None = None
        self._opened: WsgiGateway | None = None
        installation.add(self)
        # Now: requests come in other threads, where nobody may handle signals.
        stop_signals.listen(self)

    def note_stop(self) -> None:
        """End the polls that are held; see stop_signals.Stoppable."""
        if self._opened is not None:
            self._opened.note_stop()

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333); 503 while another process has the store."""
        if guard.is_inside(environ) and self._program is not None:
            # The app is served by another door, or is wrapped around what was wrapped.
            return self._program(environ, start_response)
        opened = self._opened
        if opened is None:
            try:
                opened = self._open()
            except ChannelShimError as error:
                return refuse(error, start_response)
        return opened(environ, start_response)

    def server(self, instance: Instance) -> AppServer:
        """See installation.Wrapped."""
        if self._server is None:
            plan = instance.plan
            config = plan.app.config
            if self.wsgi_app is not None and config is not None and config.handlers:
                loading.settle(self.scripts, config, self)
            self._server = instance.serve(
                exposure_of(plan), self._program, scripts=self.scripts
            )
        return self._server

    def _open(self) -> WsgiGateway:
        with self._lock:
            if self._opened is None:
                front, loop_thread = self._installation.embed()
                server = self.server(self._installation.open())
                settings = self._installation.plan.settings
                origins = Origins(settings.allowed_origins)
                self._opened = WsgiGateway(
                    server,
                    Routes(
                        front.poller,
                        server.host_refusal,
                        origins,
                        has_sockets=False,
                        health=health_of(self._installation.open()),
                        limit=limit_of(
                            settings.connects_per_minute,
                            "connects",
                            self._installation.plan.proxies,
                        ),
                        goes_on=front.poller.goes_on,
                    ),
                    loop_thread,
                    when_safe=self._installation.open().broker.when_safe,
                )
            return self._opened


def exposure_of(plan: Plan) -> Exposure:
    """Return what the door of a server that is not ours enforces."""
    return rules.exposure_of(plan, rules.Door.EMBEDDED)
