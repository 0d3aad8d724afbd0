"""Which store an app has, and opening it. Each engine is imported where it is used."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from channelshim.composition.brokers import url_of
from channelshim.composition.policy import worker_count
from channelshim.composition.settings import Settings
from channelshim.contracts.entities import ValuesOf
from channelshim.contracts.server_urls import shown
from channelshim.contracts.store import Store
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from channelshim.appyaml.config import AppConfig

_SCHEMES: Final = ("postgresql", "postgres")
_PREFIX: Final = "channelshim_"
_PLAIN_ID: Final = re.compile(r"[a-z0-9_]{1,50}")
_DIGEST_LETTERS: Final = 12
_KEPT_LETTERS: Final = 30

_DRIVERS: Final = ("psycopg", "psycopg_pool")

_SPARE_CONNECTIONS: Final = 4


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """Which store an app has.

    Attributes:
        folder: of its data on this machine, absolute.
        url: of the database; "" for SQLite in the folder. It may hold a password.
        schema: of the database.
        connections: to the database, at most.
        through_pooler: whether a pooler in transaction mode stands before it.
        synchronous: of SQLite: "normal" or "full".
    """

    folder: Path
    url: str
    schema: str
    connections: int
    through_pooler: bool
    synchronous: str

    def __str__(self) -> str:
        if not self.url:
            return str(self.folder)
        return f"{shown(self.url)}, schema {self.schema}"

    def __repr__(self) -> str:
        return f"StoreChoice({str(self)!r})"

    @property
    def is_shared(self) -> bool:
        """Whether any number of servers may have it open."""
        return bool(self.url)


def choose_store(
    settings: Settings, application_id: str, folder: Path, config: AppConfig | None
) -> StoreChoice:
    """Return which store settings ask for.

    Args:
        settings: as read.
        application_id: the app's.
        folder: of its data on this machine.
        config: app.yaml, or None.

    Raises:
        ConfigurationError: the URL is of no known kind, or its driver is missing.
    """
    url = url_of(settings, "store")
    if url:
        _check_url(url)
    return StoreChoice(
        folder,
        url,
        settings.store_schema or schema_of(application_id),
        # One that reads and one that writes for each thread, and the platform's.
        settings.store_connections
        or 2 * worker_count(settings, config) + _SPARE_CONNECTIONS,
        settings.store_pooler,
        settings.store_synchronous,
    )


def schema_of(application_id: str) -> str:
    """Return the name of an app's schema: one for each id."""
    if _PLAIN_ID.fullmatch(application_id):
        return _PREFIX + application_id
    digest = hashlib.sha256(application_id.encode("utf-8", "replace")).hexdigest()
    kept = re.sub(r"[^a-z0-9]+", "_", application_id.lower())[:_KEPT_LETTERS]
    return f"{_PREFIX}{kept}_{digest[:_DIGEST_LETTERS]}"


def open_store(
    choice: StoreChoice,
    values_of: ValuesOf | None = None,
    *,
    is_cleared: bool = False,
    may_share: bool = False,
    takes_lease: bool = True,
    may_be_partial: bool = False,
) -> Store:
    """Return an app's store, opened.

    Args:
        choice: which one.
        values_of: reads a stored body; None for who touches no entities.
        is_cleared: delete all entities and blobs first.
        may_share: see store.sqlite.opening and store.postgres.opening; any number of
            servers share a database.
        takes_lease: see store.sqlite.opening.
        may_be_partial: whether an import into it may have been cut short.

    Raises:
        ConfigurationError: an import into it was cut short.
        StorageError: it cannot be opened, or another server holds it.
    """
    store = _open(
        choice,
        values_of,
        is_cleared=is_cleared,
        may_share=may_share,
        takes_lease=takes_lease,
    )
    if may_be_partial:
        return store
    try:
        is_partial = store.unfinished_import() is not None
        if is_partial and is_cleared and store.is_leased:
            store.data.clear()
            store.note_import(None)
        elif is_partial:
            raise ConfigurationError(
                f"an import into {choice} was cut short: run channelshim data import "
                "again, which goes on, or start with --clear_datastore"
            )
    except BaseException:
        store.close()
        raise
    return store


def _open(
    choice: StoreChoice,
    values_of: ValuesOf | None,
    *,
    is_cleared: bool,
    may_share: bool,
    takes_lease: bool,
) -> Store:
    if choice.is_shared:
        from channelshim.store.postgres import opening as postgres
        from channelshim.store.postgres.place import Place

        place = Place(
            choice.url, choice.schema, choice.through_pooler, choice.connections
        )
        return postgres.open_store(
            place,
            choice.folder,
            values_of,
            is_cleared=is_cleared,
            may_share=may_share,
            has_name=takes_lease,
        )
    from channelshim.store.sqlite import opening as sqlite

    return sqlite.open_store(
        choice.folder,
        values_of,
        synchronous=choice.synchronous,
        is_cleared=is_cleared,
        may_share=may_share,
        takes_lease=takes_lease,
    )


def _check_url(url: str) -> None:
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES or "://" not in url:
        # Not shown: it may hold a password.
        raise ConfigurationError(
            "store must be a URL like postgresql://user@host/database; leave it empty "
            "for SQLite in a folder"
        )
    for driver in _DRIVERS:
        if importlib.util.find_spec(driver) is None:
            raise ConfigurationError(
                f"store needs {driver}: pip install 'channelshim[postgres]'"
            )
