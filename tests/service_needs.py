"""The services of a real server, over a store that a test brings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from channelshim.appserver.application import AppServer
from channelshim.appserver.loading import load_app
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appserver.scripts import Scripts
from channelshim.appyaml.config import AppConfig
from channelshim.appyaml.queues import QueueConfig
from channelshim.broker.memory import MemoryBroker
from channelshim.compat import api_proxy
from channelshim.compat.api_proxy import LazyStubMap
from channelshim.composition.clock import SystemClock
from channelshim.contracts.identity import Login
from channelshim.protocol.cookies import CookieSigner
from channelshim.protocol.tokens import TokenSigner
from channelshim.runtime.variables import Application
from channelshim.services import registry
from channelshim.services.executions import Executions


def make_login() -> DevelopmentLogin:
    """Return the development login, with a secret of the tests' own."""
    return DevelopmentLogin(CookieSigner([b"s" * 32]))


def load_server(
    root: Path,
    config: AppConfig,
    login: Login | None = None,
    *,
    application: Application | None = None,
    **options: Any,
) -> AppServer:
    """Return the server of a whole app, its scripts imported.

    Args:
        root: the app's folder.
        config: its app.yaml.
        login: None for one with the tests' own secret.
        application: None for one with the id "test".
        **options: of AppServer.

    Raises:
        AppImportError: see load_app.
    """
    scripts = Scripts(root)
    application = application or Application("test")
    load_app(scripts, config, application, "localhost")
    return AppServer(
        root, config, application, login or make_login(), scripts=scripts, **options
    )


def install_services(
    directory: Path,
    store: Any = None,
    *,
    queues: QueueConfig | None = None,
    executions: Executions | None = None,
    on_tasks_added: Callable[[], None] = lambda: None,
    login: Login | None = None,
    application_id: str = "test",
) -> LazyStubMap:
    """Make every service that serving has the process's API proxy.

    Args:
        directory: of blobs, mails and the search index.
        store: a SqliteStore; None for tests whose services need none.
        queues: queue.yaml.
        executions: how many tasks were begun lately.
        on_tasks_added: called after tasks are stored.
        login: makes the users service's URLs; None for the development login.
        application_id: whose data it is.
    """
    clock = SystemClock()
    backing = registry.Backing(
        store,
        TokenSigner([b"t" * 32]),
        MemoryBroker(clock, window_seconds=60),
        executions or Executions(clock),
        on_tasks_added,
    )
    proxies: list[LazyStubMap] = []
    needs = registry.Needs(
        application_id,
        directory,
        directory,
        queues or QueueConfig(),
        clock,
        login or make_login(),
        lambda: backing,
        lambda service: proxies[0].is_own(service),
    )
    proxies.append(api_proxy.install(registry.factories(needs)))
    return proxies[0]
