"""What servers an app is to be given, and what each of them is found to be.

The settings mean what they mean to `serve`. Nothing is started and nothing changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from channelshim.composition.brokers import url_of
from channelshim.composition.place import store_directory
from channelshim.composition.reading import application_id_of, find_file, read_app
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


def examine(app_dir: Path, settings: Settings) -> list[Examined]:
    """Return what is found of the servers that settings name.

    Args:
        app_dir: the app's folder; its app.yaml may be missing where the setting
            `application` says whose servers they are.
        settings: as read.

    Raises:
        ConfigurationError: a setting or app.yaml is wrong, a driver is missing, or no
            server is named.
    """
    directory = app_dir.absolute()
    config = None
    if not settings.application or find_file(directory, "app") is not None:
        config = read_app(directory)
    application_id = application_id_of(directory, config, settings.application)
    folder = store_directory(application_id, settings.storage_path)
    store = choose_store(settings, application_id, folder, config)
    broker = _address(settings, "broker")
    memcache = _address(settings, "memcache")
    examined = []
    if broker is not None:
        examined.append(_of_redis(broker, application_id, "broker"))
    if memcache is not None:
        examined.append(_of_redis(memcache, application_id, "memcache"))
    if store.is_shared:
        examined.append(_of_postgres(store, settings))
    if not examined:
        raise ConfigurationError(
            "no server is named to look at: give broker, memcache or store as serve "
            "gets them, by flag, variable or file; without them an app needs no server"
        )
    together = tuple(_together(broker, memcache, store))
    if together:
        examined.append(Examined("together", together))
    return examined


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


def _of_postgres(store: StoreChoice, settings: Settings) -> Examined:
    from channelshim.store.postgres.examining import examine as examine_postgres
    from channelshim.store.postgres.place import Place

    place = Place(store.url, store.schema, store.through_pooler, store.connections)
    # The front has its own, and each app process.
    processes = 1 + (settings.workers if settings.workers > 1 else 0)
    findings = examine_postgres(place, store.connections * processes)
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
