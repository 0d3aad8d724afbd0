"""Which of a store's servers this one is: the same after a restart, and no other's.

A store of SQLite has one server, and a lease says so. Servers on PostgreSQL need no
leave, but a name: whose leases, connections and windows stand in the store. It is made
of the machine, the folder of the app's data there, and the first number in that folder
that no other process has.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from channelshim.errors import StoreInUse
from channelshim.store.folders import make_private
from channelshim.store.lease import Lease

MOST_SERVERS: Final = 100
"""On one machine with one folder."""


class Identity:
    """A server's name, held until it is closed or the process ends.

    Args:
        folder: of the app's data on this machine; made if it is missing.

    Attributes:
        name: of the server.

    Raises:
        StorageError: the folder cannot be written.
        StoreInUse: there are MOST_SERVERS already.
    """

    def __init__(self, folder: Path) -> None:
        self._lease, number = _lease(folder)
        self.name: str = f"{socket.gethostname()}:{folder}:{number}"

    def claim(self) -> None:
        """Make this process the one with the name, after a fork; see Lease.claim.

        Raises:
            StoreInUse: another process forked by the same one has it.
        """
        self._lease.claim()

    def close(self) -> None:
        """Give the name back. Idempotent."""
        self._lease.close()


def _lease(folder: Path) -> tuple[Lease, int]:
    for number in range(MOST_SERVERS):
        path = make_private(folder, f"channelshim.server-{number}.lock")
        try:
            return Lease(path, folder), number
        except StoreInUse:
            continue
    raise StoreInUse(str(folder))
