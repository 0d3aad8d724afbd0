"""What every process of an app has of it: its store, its services, its application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.page_reports import PageReports
from channelshim.appserver.scripts import Scripts
from channelshim.broker.safety import wait_until_safe
from channelshim.composition.clock import SystemClock
from channelshim.composition.plan import Module, Plan
from channelshim.composition.status import StatusRegistry
from channelshim.contracts.dispatcher import (
    Dispatcher,
    InternalRequest,
    InternalResponse,
)
from channelshim.contracts.identity import Login
from channelshim.contracts.index_definitions import Values
from channelshim.contracts.store import Store
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.protocol.cookies import CookieSigner
from channelshim.protocol.tokens import TokenSigner
from channelshim.services.registry import Backing

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


TOKENS: Final = "channel tokens"
COOKIES: Final = "login cookies"
"""What the store's secrets are for."""


class Sites:
    """Every application that this instance serves, as one Dispatcher.

    One app.yaml is one application. A program may wrap several WSGI applications over
    one store: the platform's requests go to the first that knows the address.

    Args:
        when_safe: see contracts.Broker: a task that has sent messages is done when they
            are safe.
    """

    def __init__(self, when_safe: Callable[[Callable[[], None]], None]) -> None:
        self._when_safe = when_safe
        self._dispatchers: tuple[Dispatcher, ...] = ()

    def add(self, dispatcher: Dispatcher) -> None:
        """Dispatch to this one too, after those that are there."""
        self._dispatchers = (*self._dispatchers, dispatcher)

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """See contracts.dispatcher.Dispatcher; 404 while there is no application."""
        answer = InternalResponse(HTTPStatus.NOT_FOUND, (), b"")
        for dispatcher in self._dispatchers:
            answer = dispatcher.dispatch(request)
            if answer.status != HTTPStatus.NOT_FOUND:
                break
        wait_until_safe(self._when_safe)
        return answer


class AppParts:
    """One app in one process, with or without the connections.

    Its heirs' constructors fill the attributes in.

    Attributes:
        plan: what was settled.
        login: says who a request comes from.
        clock: the time.
        status: where every room says how it is.
        threads: keeps the threads that live as long as the process.
        deadlines: has the app's code hear when its time is over.
        store: open.
        tokens: signs channel tokens.
        cookies: signs login cookies.
        backing: what the services are made from.
        sites: the applications, for the platform's own requests.
    """

    plan: Plan
    clock: SystemClock
    status: StatusRegistry
    threads: Threads
    deadlines: Deadlines
    store: Store
    tokens: TokenSigner
    cookies: CookieSigner
    backing: Backing
    sites: Sites
    login: Login
    _servers: list[AppServer]

    def serve(
        self,
        exposure: Exposure,
        wsgi_app: WSGIApplication | None = None,
        *,
        scripts: Scripts | None = None,
        is_app_broken: bool = False,
        module: Module | None = None,
        is_site: bool = True,
    ) -> AppServer:
        """Return a new application server of this instance.

        Args:
            exposure: what its door allows.
            wsgi_app: in the place of app.yaml's scripts, or None.
            scripts: loaded ones; None for a WSGI app without an app.yaml.
            is_app_broken: whether wsgi_app is an error page in the place of the whole
                app, handlers included.
            module: which one it serves; None for the app's first.
            is_site: whether the platform's requests come to it by themselves.
        """
        reports = None
        if self.plan.settings.allow_page_reports:
            reports = PageReports(self.tokens, self.clock)
        config = self.plan.app.config if module is None else module.config
        directory = None if module is None else module.directory
        server = AppServer(
            directory or self.plan.app.directory,
            None if is_app_broken else config,
            self.plan.application if module is None else module.application,
            self.login,
            wsgi_app=wsgi_app,
            scripts=scripts,
            exposure=exposure,
            page_reports=reports,
        )
        if is_site:
            self.sites.add(server)
        self._servers.append(server)
        return server

    def close(self) -> None:
        """Give the store back."""
        self.store.close()

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """Return what signs for a purpose, oldest first."""
        return self.plan.secrets or self.store.secrets.get(purpose)

    def _describe_turns(self) -> str:
        faults = (server.describe_fault() for server in tuple(self._servers))
        return "; ".join(filter(None, faults))


def values_of(body: bytes) -> Values:
    """Read a stored entity; loads Google's SDK when the first one is read."""
    from channelshim.services.datastore_v3.values import values_of_body

    return values_of_body(body)
