"""The console over real services and a real store, asked as a browser asks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import webtest
from google.appengine.api import apiproxy_stub_map

from channelshim import appengine
from channelshim.appserver.hosts import HostRule
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appyaml.cron import CronConfig, parse_cron
from channelshim.appyaml.queues import parse_queues
from channelshim.composition.status import StatusRegistry
from channelshim.console.application import Console
from channelshim.console.checks import Checks, Forms
from channelshim.console.sources import AppFacts, Module, Sources
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.store import Store
from channelshim.jobs.jobs import Jobs
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Threads
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime.environment import RequestScope
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.services.executions import Executions
from channelshim.store.sqlite.state import SqliteStore
from tests.service_needs import install_services
from tests.stepped_clock import SteppedClock

URL = "http://localhost:8080"

QUEUES = parse_queues(
    "queue:\n- name: default\n  rate: 5/s\n  bucket_size: 7\n"
    "- name: slow\n  rate: 1/m\n- name: pull\n  mode: pull\n"
)
CRON = parse_cron(
    "cron:\n- url: /tick\n  schedule: every 5 minutes\n  description: Ticks\n"
    "- url: /night\n  schedule: every day 02:30\n  timezone: Europe/Berlin\n"
    "- url: /odd\n  schedule: every monday 09:00\n  timezone: Nowhere/Land\n"
)


@dataclass
class App:
    """A Dispatcher that notes what is asked of it, and answers as it is told."""

    status: int = 200
    seen: list[InternalRequest] = field(default_factory=list)

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        self.seen.append(request)
        return InternalResponse(self.status, (), b"")


class Visitor:
    """A person at the console, and what stands behind it."""

    def __init__(
        self,
        console: Console,
        store: Store,
        app: App,
        clock: SteppedClock,
        folder: Path,
    ) -> None:
        self.site = webtest.TestApp(
            console,
            extra_environ={"HTTP_HOST": "localhost:8000", "REMOTE_ADDR": "127.0.0.1"},
        )
        self.store = store
        self.app = app
        self.clock = clock
        self.folder = folder
        self.token = Forms([b"x" * 32]).token()

    def get(self, path: str, **options: Any) -> webtest.TestResponse:
        """Load a page, which must hold nothing that could run."""
        page = self.site.get(path, **options)
        if page.content_type == "text/html" and page.status_int != 303:
            check_harmless(page.text)
        return page

    def json(self, path: str, **options: Any) -> Any:
        """Ask for the same as JSON."""
        return self.site.get(
            path, headers={"Accept": "application/json"}, **options
        ).json

    def post(
        self, path: str, action: str, fields: Any = (), **options: Any
    ) -> webtest.TestResponse:
        """Send a form of the console."""
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        sent = [("token", self.token), ("action", action), *pairs]
        return self.site.post(path, sent, **options)

    def do(self, path: str, action: str, fields: Any = ()) -> str:
        """Send a form that works, and return what the page then says."""
        answer = self.post(path, action, fields, status=303)
        page = self.get(answer.headers["Location"])
        return str(page.html.find(class_="good").text)

    def refuse(
        self, path: str, action: str, fields: Any = (), status: int = 400
    ) -> str:
        """Send a form that is refused, and return why."""
        page = self.post(path, action, fields, status=status)
        check_harmless(page.text)
        return str(page.html.find(role="alert").text)


def check_harmless(page: str) -> None:
    """See that no name or value of the app's became markup."""
    assert "<script>" not in page
    assert "<b onx" not in page
    for tag in re.findall(r"<script[^>]*>", page):
        assert 'src="/static/' in tag


HOSTILE = "<script>alert(1)</script><b onx=\"'>&amp;{{7*7}}\u202e\U0001f600"
"""A name that would become markup wherever it is not escaped."""


@pytest.fixture
def make_visitor(tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    """Return a function that makes a console, of a store in this test's folder."""
    appengine.install("app")
    opened: list[Store] = []
    before = apiproxy_stub_map.apiproxy

    def make(cron: CronConfig = CRON) -> Visitor:
        clock, app, threads = SteppedClock(), App(), Threads()
        store = SqliteStore(tmp_path / "store", values_of_body, takes_lease=False)
        opened.append(store)
        login = DevelopmentLogin(CookieSigner([b"y" * 32], "app"), store.accounts)
        executions = Executions(clock)
        jobs = Jobs(store.tasks, QUEUES, cron, clock, executions, threads)
        jobs.start(app, None, runs_cron=False, runs_tasks=False)
        install_services(
            tmp_path / "store",
            store,
            queues=QUEUES,
            executions=executions,
            on_tasks_added=jobs.wake,
            login=login,
            application_id="app",
        )
        sources = Sources(
            app=_facts(tmp_path, cron),
            clock=clock,
            status=StatusRegistry(),
            overview=cast(Any, None),
            channels=cast(Any, None),
            tails=cast(Any, None),
            store=store,
            dispatcher=app,
            in_app=in_app,
            jobs=jobs,
            start_thread=threads.start,
            limit=Deadlines(threads).limit,
            login=login,
            logs=cast(Any, None),
            code_names=dict,
        )
        console = Console(sources, Checks(HostRule(), None), Forms([b"x" * 32]))
        return Visitor(console, store, app, clock, tmp_path / "store")

    yield make
    apiproxy_stub_map.apiproxy = before
    for store in opened:
        store.close()


@pytest.fixture
def visitor(make_visitor: Callable[..., Visitor]) -> Visitor:
    """Return a person at a console of three queues and three cron jobs."""
    return make_visitor()


def _facts(folder: Path, cron: CronConfig) -> AppFacts:
    return AppFacts(
        application_id="app",
        directory=folder,
        is_python27=False,
        is_broken=False,
        url=URL,
        modules=[Module("default", "1", URL, None)],
        queues=QUEUES,
        cron=cron,
        runs_cron=False,
        runs_tasks=False,
        settings=(),
        store_directory=folder / "store",
        started_at=0.0,
        allows_code=False,
    )


def in_app(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function as code of the app, whatever this process was before."""
    scope = RequestScope({"APPLICATION_ID": "dev~app", "AUTH_DOMAIN": "gmail.com"})
    try:
        return scope.run(function, *arguments)
    finally:
        scope.close()
