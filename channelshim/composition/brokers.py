"""The broker and the memcache that settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from channelshim.broker.memory import MemoryBroker
from channelshim.composition.settings import Settings
from channelshim.contracts.broker import Broker, MessageSender
from channelshim.contracts.clock import Clock
from channelshim.contracts.overview import KnownChannels
from channelshim.contracts.status import Status
from channelshim.contracts.store import Store
from channelshim.errors import ConfigurationError
from channelshim.kernel.thread_pool import ThreadPool
from channelshim.kernel.threads import Threads

if TYPE_CHECKING:
    from channelshim.broker.redis.cache import RedisMemcache
    from channelshim.composition.plan import Plan


_TOPOLOGY_THREADS: Final = 4


class InstanceBroker(Broker, KnownChannels, Protocol):
    """What an instance has: a broker that can be looked at."""

    def report_to(self, status: Status) -> None:
        """Register how it is."""

    def forwards(self, full: Callable[[bool], None]) -> MessageSender:
        """Return what takes messages that were sent in other processes.

        It refuses none: their handlers have gone on meanwhile.

        Args:
            full: called, from any thread, with True when those processes are to refuse
                further messages, and with False when they are not any more.
        """


def open_broker(
    plan: Plan, clock: Clock, store: Store, threads: Threads
) -> InstanceBroker:
    """Return the broker of an app, not started.

    Args:
        plan: of the app.
        clock: the time.
        store: keeps what a broker of one process leaves to the next.
        threads: keeps those running that wait for a broker's servers.

    Raises:
        ConfigurationError: its URL is not right, or its server cannot serve.
    """
    settings = plan.settings
    window_seconds = (
        settings.ping_interval_seconds
        + settings.ping_timeout_seconds
        + settings.grace_seconds
    )
    url = url_of(settings, "broker")
    if not url:
        return MemoryBroker(
            clock,
            windows=store,
            journal=store.journal,
            window_seconds=window_seconds,
            window_messages=settings.window_messages,
            window_bytes=settings.window_bytes,
            window_total_bytes=settings.window_total_bytes,
        )
    # Most servers have none, and load nothing for it.
    from channelshim.broker.redis.address import parse
    from channelshim.broker.redis.broker import RedisBroker

    return RedisBroker(
        parse(url),
        plan.application.application_id,
        window_seconds=window_seconds,
        window_messages=settings.window_messages,
        window_bytes=settings.window_bytes,
        window_total_bytes=settings.window_total_bytes,
        executor=ThreadPool(threads, "broker-topology", _TOPOLOGY_THREADS),
    )


def open_memcache(plan: Plan) -> RedisMemcache | None:
    """Return what has memcache's values; None for the store.

    Raises:
        ConfigurationError: its URL is not right, or its server cannot serve.
    """
    url = url_of(plan.settings, "memcache")
    if not url:
        return None
    from channelshim.broker.redis.address import parse
    from channelshim.broker.redis.cache import RedisMemcache

    return RedisMemcache(parse(url, "memcache"), plan.application.application_id)


def is_shared(settings: Settings) -> bool:
    """Return whether channels are shared with other servers."""
    return bool(settings.broker or settings.broker_file)


def url_of(settings: Settings, name: str) -> str:
    """Return the URL that a setting, or the file of the setting beside it, says.

    Args:
        settings: as read.
        name: of the setting; that of the file ends in `_file`.

    Raises:
        ConfigurationError: both are set, or the file does not hold one line.
    """
    url = str(getattr(settings, name)).strip()
    path = str(getattr(settings, f"{name}_file"))
    if not path:
        return url
    if url:
        raise ConfigurationError(f"{name} and {name}_file are both set: unset one")
    try:
        lines = Path(path).expanduser().read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{name}_file {path} cannot be read: {error}"
        ) from None
    if len(lines) != 1:
        raise ConfigurationError(f"{name}_file {path} must hold one URL and no more")
    return lines[0]
