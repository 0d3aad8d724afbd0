"""What servers an app is to be given, and what each of them is found to be.

The settings mean what they mean to `serve`. Nothing is started and nothing changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from channelshim.composition.brokers import url_of
from channelshim.composition.place import store_directory
from channelshim.composition.reading import (
    App,
    application_id_of,
    empty_app,
    find_file,
    read_app,
    read_named,
)
from channelshim.composition.settings import Settings
from channelshim.composition.stores import StoreChoice, choose_store
from channelshim.contracts.examination import Finding, note
from channelshim.contracts.server_urls import shown
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from channelshim.broker.redis.address import Address


@dataclass(frozen=True, slots=True)
class Examined:
    """One server, or what several are together.

    Attributes:
        title: what it is, for people; no password.
        findings: at least one.
    """

    title: str
    findings: tuple[Finding, ...]


def examine(paths: Sequence[Path], settings: Settings) -> list[Examined]:
    """Return what is found of the servers that settings name.

    Args:
        paths: what the command names, see reading.read_named; the app.yaml of one
            folder may be missing where the setting `application` says whose servers
            they are.
        settings: as read.

    Raises:
        ConfigurationError: a setting or app.yaml is wrong, a driver is missing, or no
            server is named.
    """
    app = _app(paths, settings)
    application_id = application_id_of(app.directory, app.config, settings.application)
    folder = store_directory(application_id, settings.storage_path)
    store = choose_store(settings, application_id, folder, app.config)
    broker = _address(settings, "broker")
    memcache = _address(settings, "memcache")
    examined = []
    if broker is not None:
        examined.append(_of_redis(broker, application_id, "broker"))
    if memcache is not None:
        examined.append(_of_redis(memcache, application_id, "memcache"))
    if store.is_shared:
        examined.append(_of_postgres(store, _connections(app, settings, store)))
    if not examined:
        raise ConfigurationError(
            "no server is named to look at: give broker, memcache or store as serve "
            "gets them, by flag, variable or file; without them an app needs no server"
        )
    together = tuple(_together(broker, memcache, store))
    if together:
        examined.append(Examined("together", together))
    return examined


def _app(paths: Sequence[Path], settings: Settings) -> App:
    if len(paths) > 1 or paths[0].is_file():
        return read_named(paths)
    # Nothing but app.yaml matters.
    app = empty_app(paths[0])
    if settings.application and find_file(app.directory, "app") is None:
        return app
    return replace(app, config=read_app(app.directory))


def _connections(app: App, settings: Settings, store: StoreChoice) -> int:
    """Return how many connections a server opens at most, its processes together."""
    # The front has its own, and each app process: see FrontProcesses.
    if len(app.folders) == 1:
        processes = settings.workers if settings.workers > 1 else 0
        return store.connections * (1 + processes)
    total = store.connections
    for folder in app.folders:
        config = app.part(folder).config
        own = choose_store(settings, "", store.folder, config)
        total += own.connections * max(1, settings.workers)
    return total


def _address(settings: Settings, name: str) -> Address | None:
    url = url_of(settings, name)
    if not url:
        return None
    from channelshim.broker.redis.address import parse

    return parse(url, name)


def _of_redis(
    address: Address, application_id: str, purpose: Literal["broker", "memcache"]
) -> Examined:
    from channelshim.broker.redis.examining import examine as examine_redis

    findings = examine_redis(address, application_id, purpose)
    return Examined(f"{purpose}: the Redis at {address}", tuple(findings))


def _of_postgres(store: StoreChoice, connections: int) -> Examined:
    from channelshim.store.postgres.examining import examine as examine_postgres
    from channelshim.store.postgres.place import Place

    place = Place(store.url, store.schema, store.through_pooler, store.connections)
    findings = examine_postgres(place, connections)
    return Examined(f"store: {shown(store.url)}", tuple(findings))


def _together(
    broker: Address | None, memcache: Address | None, store: StoreChoice
) -> list[Finding]:
    """Return what is worth knowing of the servers as a whole."""
    found = []
    if broker is not None and not store.is_shared:
        found.append(
            note(
                "store",
                f"it is SQLite in {store.folder}, which servers on other machines do "
                "not see: set store for several machines",
            )
        )
    if store.is_shared and broker is None:
        found.append(
            note(
                "channels",
                "they are each server's own, so a message reaches only pages of the "
                "server that sends it: set broker for several servers",
            )
        )
    if broker is not None and broker == memcache:
        found.append(
            note(
                "memcache",
                "it shares the Redis of broker, which drops messages before values "
                "when memory is short: give it a Redis of its own",
            )
        )
    return found
