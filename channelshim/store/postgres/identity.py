"""Which of a store's servers this one is: the same after a restart, and no other's.

A store of SQLite has one server, and a lease says so. Servers on PostgreSQL need no
leave, but a name: whose leases, connections and windows stand in the store. The name is
drawn once and kept in the folder of the app's data, beside a lock that one process has
at a time. So neither a new host name, which a container has after each start, nor one
that two machines have, makes a difference.

A folder may be copied, with the image of a machine. Therefore a second word is beside
the name, the pass, and a new one is drawn at each start. The store has the pass of the
latest start (`roll`): whoever comes with an older one is a copy.
"""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Final

from channelshim.errors import StorageError, StoreInUse
from channelshim.store.folders import make_private
from channelshim.store.lease import Lease

_logger: Final = logging.getLogger("channelshim.store")

MOST_SERVERS: Final = 100
"""On one machine with one folder."""

_WORD_BYTES: Final = 12


class Identity:
    """A server's name, held until it is closed or the process ends.

    Args:
        folder: of the app's data on this machine; made if it is missing.

    Attributes:
        name: of the server.
        old_pass: of the start before; "" for none.
        new_pass: of this start.

    Raises:
        StorageError: the folder cannot be written, or there are MOST_SERVERS already.
    """

    def __init__(self, folder: Path) -> None:
        self._lease, number = _lease(folder)
        self._path = folder / f"channelshim.server-{number}.name"
        self.name, self.old_pass = _read(self._path) or (_word(), "")
        self.new_pass: str = _word()

    def draw(self) -> None:
        """Take another name: this one is somebody else's."""
        self.name, self.old_pass, self.new_pass = _word(), "", _word()

    def save(self) -> None:
        """Keep name and pass for the next start, once the store has them."""
        temporary = self._path.with_suffix(".new")
        try:
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(f"{self.name} {self.new_pass}\n")
            temporary.replace(self._path)
        except OSError as error:
            # The next start has another name, and this one's is taken over from it.
            _logger.warning("this server's name was not kept: %s", error)
        self.old_pass = self.new_pass

    def claim(self) -> None:
        """Make this process the one with the name, after a fork; see Lease.claim.

        Raises:
            StoreInUse: another process forked by the same one has it.
        """
        self._lease.claim()

    def close(self) -> None:
        """Give the name back. Idempotent."""
        self._lease.close()


def _word() -> str:
    return secrets.token_hex(_WORD_BYTES)


def _read(path: Path) -> tuple[str, str] | None:
    """Return the name and the pass of a file; None for one that is not whole."""
    try:
        words = path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return None
    if len(words) != 2 or any(len(word) != 2 * _WORD_BYTES for word in words):
        return None
    return words[0], words[1]


def _lease(folder: Path) -> tuple[Lease, int]:
    for number in range(MOST_SERVERS):
        path = make_private(folder, f"channelshim.server-{number}.lock")
        try:
            return Lease(path, folder), number
        except StoreInUse:
            continue
    raise StorageError(
        f"{MOST_SERVERS} servers have their data in {folder} already: stop one, or "
        "give this one another folder with --storage_path"
    )
