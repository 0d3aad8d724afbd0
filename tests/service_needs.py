"""The services of a real server, over a store that a test brings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appyaml.queues import QueueConfig
from channelshim.broker.memory import MemoryBroker
from channelshim.compat import api_proxy
from channelshim.compat.api_proxy import LazyStubMap
from channelshim.protocol.cookies import CookieSigner
from channelshim.protocol.tokens import TokenSigner
from channelshim.services import registry
from channelshim.services.executions import Executions


class SystemClock:
    """The real clock."""

    time = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


def make_login() -> DevelopmentLogin:
    """Return the development login, with a secret of the tests' own."""
    return DevelopmentLogin(CookieSigner([b"s" * 32]))


def install_services(directory: Path, store: Any = None) -> LazyStubMap:
    """Make every service that serving has the process's API proxy.

    Args:
        directory: of blobs, mails and the search index.
        store: a SqliteStore; None for tests whose services need none.
    """
    clock = SystemClock()
    needs = registry.Needs(
        application_id="test",
        directory=directory,
        clock=clock,
        store=store,
        store_directory=directory,
        tokens=TokenSigner([b"t" * 32]),
        broker=MemoryBroker(clock, window_seconds=60),
        login=make_login(),
        queues=QueueConfig(),
        on_tasks_added=lambda: None,
        executions=Executions(clock),
    )
    return api_proxy.install(registry.factories(needs))
