"""Opening the store as a person's settings say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from channelshim.contracts.entities import ValuesOf
from channelshim.contracts.status import Status
from channelshim.store.descriptions import describe
from channelshim.store.postgres.identity import Identity
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.state import PostgresStore

_logger: Final = logging.getLogger("channelshim.store")


class ServedStore(PostgresStore):
    """A store with the name of the server that has it open.

    Args:
        place: of the store.
        folder: of the app's data on this machine.
        values_of: reads a stored body; None for who touches no entities.

    Raises:
        StorageError: as PostgresStore and Identity.
    """

    def __init__(
        self, place: Place, folder: Path, values_of: ValuesOf | None = None
    ) -> None:
        self._identity = Identity(folder)
        try:
            super().__init__(place, values_of, server=self._identity.name)
        except BaseException:
            self._identity.close()
            raise

    def report_to(self, status: Status) -> None:
        """Register the store's check, and what its connections do."""
        super().report_to(status)
        status.counter("store.connections", lambda: self.database.connections)

    def claim(self) -> None:
        """Make this process the one with this name, of those that a fork made.

        Raises:
            StoreInUse: another one does: their windows and connections would be mixed.
        """
        self._identity.claim()

    def close(self) -> None:
        """Close all connections and give the server's name back. Idempotent."""
        super().close()
        self._identity.close()


def open_store(
    place: Place,
    folder: Path,
    values_of: ValuesOf | None = None,
    *,
    is_cleared: bool = False,
) -> ServedStore:
    """Return the store of a place.

    Args:
        place: the database and the schema, which is made if it is missing.
        folder: of the app's data on this machine; made if it is missing.
        values_of: reads a stored body; None for who touches no entities.
        is_cleared: delete all entities and blobs, having said in the log which;
            accounts, secrets and who is connected stay.

    Raises:
        StorageError: it cannot be opened.
    """
    store = ServedStore(place, folder, values_of)
    if is_cleared:
        _clear(store)
    return store


def _clear(store: PostgresStore) -> None:
    summary = store.entities.summary()
    if summary:
        place = store.database.place
        _logger.warning("clearing %s of the store %s", describe(summary), place)
        store.entities.clear()
    # After what knows of them: nothing may point to a blob that is gone.
    blobs = store.blobs.clear()
    if blobs:
        _logger.warning("%d blobs are deleted", blobs)
