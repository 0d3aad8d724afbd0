"""Opening the store as a person's settings say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from channelshim.contracts.entities import ValuesOf
from channelshim.contracts.status import Status
from channelshim.contracts.store import RollCall
from channelshim.errors import StoreInUse
from channelshim.store.descriptions import describe
from channelshim.store.postgres.identity import Identity
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.roll import Roll
from channelshim.store.postgres.state import PostgresStore

_logger: Final = logging.getLogger("channelshim.store")


class ServedStore(PostgresStore):
    """A store with the name of the server that has it open.

    Args:
        place: of the store.
        folder: of the app's data on this machine.
        values_of: reads a stored body; None for who touches no entities.
        may_share: whether processes that a fork has made may all serve: their channels
            are shared.

    Raises:
        StorageError: as PostgresStore and Identity.
    """

    def __init__(
        self,
        place: Place,
        folder: Path,
        values_of: ValuesOf | None = None,
        *,
        may_share: bool = False,
    ) -> None:
        self._folder = folder
        self._is_entered = False
        self._may_share = may_share
        self._identity = Identity(folder)
        try:
            super().__init__(place, values_of, server=self._identity.name)
            self._roll = Roll(self.database)
            try:
                self._enter()
            except BaseException:
                super().close()
                raise
        except BaseException:
            self._identity.close()
            raise

    def _enter(self) -> None:
        """Enter this server into the store's roll, under a name of its own."""
        identity = self._identity
        # Whatever breaks from here on, `stay` enters again.
        self._is_entered = False
        while not self._roll.enter(identity.name, identity.old_pass, identity.new_pass):
            _logger.warning(
                "another server has the name that this one had, from a copy of %s: "
                "this one takes a new one",
                self._folder,
            )
            identity.draw()
        identity.save()
        self.rename(identity.name)
        self._is_entered = True

    def stay(self, *, takes_connections: bool) -> RollCall:
        """See contracts.store.Store."""
        identity = self._identity
        was_struck_off = not (
            self._is_entered and self._roll.stay(identity.name, identity.new_pass)
        )
        if was_struck_off:
            self._enter()
        return RollCall(
            was_struck_off,
            self._roll.take_over(identity.name, takes_connections=takes_connections),
        )

    def report_to(self, status: Status) -> None:
        """Register the store's check, and what its connections do."""
        super().report_to(status)
        status.counter("store.connections", lambda: self.database.connections)

    def claim(self) -> None:
        """Make this process the one with this name, of those that a fork made.

        Raises:
            StoreInUse: another one does, and their channels are not shared: their
                windows and connections would be mixed.
        """
        try:
            self._identity.claim()
        except StoreInUse:
            if not self._may_share:
                raise
            self._identity.close()
            self._identity = Identity(self._folder)
            self._enter()

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
    may_share: bool = False,
    has_name: bool = True,
) -> PostgresStore:
    """Return the store of a place.

    Args:
        place: the database and the schema, which is made if it is missing.
        folder: of the app's data on this machine; made if it is missing.
        values_of: reads a stored body; None for who touches no entities.
        is_cleared: delete all entities and blobs, having said in the log which;
            accounts, secrets and who is connected stay.
        may_share: see ServedStore.
        has_name: False in an app process, whose front is the server.

    Raises:
        StorageError: it cannot be opened.
    """
    if not has_name:
        return PostgresStore(place, values_of, server="")
    store = ServedStore(place, folder, values_of, may_share=may_share)
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
