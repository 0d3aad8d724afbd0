"""One app with its store open, wired once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from channelshim.appserver.application import AppServer, Exposure
from channelshim.appserver.page_reports import PageReports
from channelshim.appserver.scripts import Scripts
from channelshim.broker.safety import wait_until_safe
from channelshim.composition.brokers import (
    InstanceBroker,
    is_shared,
    open_broker,
    open_memcache,
)
from channelshim.composition.clock import SystemClock
from channelshim.composition.control import ControlServer, Facts
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
from channelshim.jobs.jobs import Jobs
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.protocol.cookies import CookieSigner
from channelshim.protocol.tokens import TokenSigner
from channelshim.services.deadline import deadline_error
from channelshim.services.executions import Executions
from channelshim.services.registry import Backing
from channelshim.store.sqlite.opening import open_store

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


class Instance:
    """One app with everything behind it; `Front` stands before it.

    Args:
        plan: what was settled.
        login: says who a request comes from.

    Attributes:
        plan: as given.
        login: as given.
        clock: the time.
        status: where every room says how it is.
        threads: keeps the threads that live as long as the process.
        deadlines: has the app's code hear when its time is over.
        store: open; this process holds its lease.
        tokens: signs channel tokens.
        cookies: signs login cookies.
        is_shared: whether other servers have the same channels.
        broker: messages of every client id.
        backing: what the services are made from.
        sites: the applications, for the platform's own requests.
        jobs: tasks, cron and the instance's life; not started.

    Raises:
        ConfigurationError: the broker's server cannot serve.
        StorageError: another server holds the store, or it cannot be used.
    """

    def __init__(self, plan: Plan, login: Login) -> None:
        settings = plan.settings
        self.login: Login = login
        self.plan: Plan = plan
        self.clock: SystemClock = SystemClock()
        self.status: StatusRegistry = StatusRegistry()
        self.threads: Threads = Threads()
        self.deadlines: Deadlines = Deadlines(self.threads, deadline_error)
        self.is_shared: bool = is_shared(settings)
        self.store: Store = open_store(
            plan.store_directory,
            _values_of,
            synchronous=settings.store_synchronous,
            is_cleared=plan.clears_store,
            may_share=self.is_shared,
        )
        try:
            # An app's own: others may have been given the same secrets.
            own = plan.application.application_id
            self.tokens: TokenSigner = TokenSigner(self.secrets(TOKENS), own)
            self.cookies: CookieSigner = CookieSigner(self.secrets(COOKIES), own)
        except BaseException:
            self.store.close()
            raise
        try:
            self.broker: InstanceBroker = open_broker(plan, self.clock, self.store)
            self._memcache = open_memcache(plan)
        except BaseException:
            self.store.close()
            raise
        self.sites: Sites = Sites(self.broker.when_safe)
        executions = Executions(self.clock)
        self.jobs: Jobs = Jobs(
            self.store.tasks,
            plan.app.queues,
            plan.app.cron,
            self.clock,
            executions,
            self.threads,
            self.deadlines,
            settings.task_deadline_seconds,
        )
        for part in (self.threads, self.store, self.broker, self.jobs):
            part.report_to(self.status)
        self._servers: list[AppServer] = []
        self.status.check("appserver.turns", self._describe_turns)
        self.backing: Backing = Backing(
            self.store,
            self.tokens,
            self.broker,
            executions,
            self.jobs.wake,
            self._memcache,
        )
        if self._memcache is not None:
            self.status.check("memcache", self._memcache.describe_trouble)
        self._control = ControlServer(
            plan.store_directory,
            self.threads,
            {"call": _answer_call, "request": self._answer_request},
        )
        if self.store.is_leased:
            self._control.start()

    def lead(self) -> bool:
        """Do what one server alone does for a store, if no other does it.

        Raises:
            StoreInUse: as Store.claim.
        """
        if not self.store.lease():
            return False
        self._control.start()
        return True

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
        server = AppServer(
            self.plan.app.directory,
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
        """Save the windows and give the store back; `Front.close` calls it."""
        self._control.close()
        self.broker.stop()
        if self._memcache is not None:
            self._memcache.close()
        self.store.close()

    def _answer_request(self, facts: Facts, body: bytes) -> tuple[Facts, bytes]:
        """Have the app answer a request of a command, as one of the platform's."""
        answer = self.sites.dispatch(
            InternalRequest(
                "POST",
                str(facts["path"]),
                body,
                str(facts.get("content_type", "")),
                str(facts.get("remote_address", "")),
            )
        )
        return {"status": answer.status}, answer.body

    def _describe_turns(self) -> str:
        faults = (server.describe_fault() for server in tuple(self._servers))
        return "; ".join(filter(None, faults))

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """Return what signs for a purpose, oldest first."""
        return self.plan.secrets or self.store.secrets.get(purpose)


def _answer_call(facts: Facts, body: bytes) -> tuple[Facts, bytes]:
    from channelshim.services.forwarding import answer_call

    return answer_call(facts, body)


def _values_of(body: bytes) -> Values:
    """Read a stored entity; loads Google's SDK when the first one is read."""
    from channelshim.services.datastore_v3.values import values_of_body

    return values_of_body(body)
