"""A console over a real instance: its store, its broker, its loop."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

from webtest import TestApp, TestResponse

from channelshim.composition.console_tails import ConsoleTails
from channelshim.composition.front import Front
from channelshim.composition.instance import Instance
from channelshim.composition.lazy_console import LazyConsole
from channelshim.composition.plan import make_plan
from channelshim.composition.reading import read_folder
from channelshim.composition.setting_values import read_settings
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.identity import Login
from channelshim.hub.connections import Connection
from channelshim.server.binding import bind
from channelshim.transports.connection_table import ConnectionTable
from tests.browser.loop_thread import LoopThread
from tests.hub.parts import Page
from tests.service_needs import install_services, make_login

APP = Path(__file__).parent / "apps" / "steered"

HERE = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000"}

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}\u202e"
"""What somebody may name anything; it must be shown and never run."""


class Site:
    """A console and what stands behind it.

    Args:
        folder: for the store and the app.
        login: None for the development login.
        address: that the console listens on.
        **settings: of the app.

    Attributes:
        client: the console.
        instance: the app's.
        front: its connections.
        seen: method and path of each request that the app got.
    """

    def __init__(
        self,
        folder: Path,
        login: Login | None = None,
        address: str = "127.0.0.1",
        **settings: Any,
    ) -> None:
        app = folder / "app"
        if not app.exists():
            shutil.copytree(APP, app)
        read = read_settings({"storage_path": folder / "store", **settings}, {})
        plan = make_plan(read, read_folder(app, needs_app_yaml=True))
        self.instance = Instance(plan, login or make_login())
        self.front = Front(self.instance)
        self.seen: list[tuple[str, str, bytes]] = []
        self.instance.sites.add(self)
        install_services(
            folder / "store",
            self.instance.store,
            queues=plan.app.queues,
            login=self.instance.login,
            application_id=plan.application.application_id,
        )
        self._loop = LoopThread()
        self.run(self._start())
        listener = bind(address, 0)
        self.tails = ConsoleTails(
            self.front.hub,
            self.instance.clock,
            ConnectionTable(),
            instance_hosts(self.instance, listener),
        )
        self.client = TestApp(
            LazyConsole(
                self.instance,
                self.front,
                listener,
                ["http://localhost:8080"],
                self.tails,
                is_app_broken=False,
            ),
            extra_environ=HERE,
        )
        listener.close()

    def close(self) -> None:
        """Give everything back."""
        self.run(self._stop())
        self.front.close()
        self._loop.end()

    async def _start(self) -> None:
        self.front.start_all(asyncio.get_running_loop())

    async def _stop(self) -> None:
        self.front.stop()
        self.tails.stop()

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """Stand in for the app's handlers."""
        self.seen.append((request.method, request.path, request.body))
        return InternalResponse(200, (), b"the app")

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine on the loop of the channels."""
        return self._loop.call(coroutine)

    def attach(self, client_id: str) -> Page:
        """Connect a page."""
        page = Page(client_id)
        number = self.instance.broker.expect(client_id)

        async def attach() -> None:
            self.front.hub.attach(page, number, None)

        self.run(attach())
        return page

    def replace(self, **sources: Any) -> None:
        """Stand in for what the pages read."""
        self.client.get("/")
        registry = self.client.app._console._pages.registry
        registry["sources"] = dataclasses.replace(registry["sources"], **sources)

    def connections(self, client_id: str) -> list[Connection]:
        """Return the pages that are attached."""
        return list(self.front.hub.connections_of(client_id))

    def token(self, path: str = "/") -> str:
        """Return what a form of the console carries."""
        answer = self.client.get(path, {"format": "json"})
        token: str = answer.json["token"]
        return token

    def post(self, path: str, action: str, **fields: Any) -> TestResponse:
        """Send a form, as a page of the console would."""
        status = fields.pop("status", None)
        return self.client.post(
            path,
            {"token": self.token(), "action": action, **fields},
            status=status,
        )


def instance_hosts(instance: Instance, listener: Any) -> Any:
    """Return what Host may say."""
    from channelshim.composition.console_door import hosts_of

    return hosts_of(instance.plan.settings, listener)


def is_escaped(html: str) -> bool:
    """Return whether nothing of HOSTILE stands in a page as it was."""
    without_ours = re.sub(r"<script src=\"/[\w/.]+\" defer></script>", "", html)
    return "<script" not in without_ours and "onerror" not in without_ours
