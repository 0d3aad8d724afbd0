"""What must outlive the process, in one SQLite file."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from channelshim.contracts.store import Account
from channelshim.protocol.tokens import client_id_bytes, client_id_text
from channelshim.store.sqlite.database import Database, Synchronous, make_private
from channelshim.store.sqlite.lease import Lease

LEASE_FILE_NAME: Final = "channelshim.lock"

_SECRET_BYTES = 32
_WINDOWS = "windows"


class SqliteStore:
    """The store contract over a SQLite file that one server holds.

    Args:
        directory: its folder, made with mode 0700 if it is missing.
        synchronous: "NORMAL": what was acknowledged survives kill -9. "FULL": it
            survives a power cut too, for a sync of the disk at each commit.
        takes_lease: False for tools and tests that open the store beside a server.

    Raises:
        StoreInUse: another server holds it.
        StorageError: it cannot be opened, or a newer channelshim wrote it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        synchronous: Synchronous = "NORMAL",
        takes_lease: bool = True,
    ) -> None:
        # First: a second server must not even migrate the file.
        self._lease = (
            Lease(make_private(directory, LEASE_FILE_NAME), directory)
            if takes_lease
            else None
        )
        try:
            self.database = Database(directory, synchronous=synchronous)
        except BaseException:
            self._close_lease()
            raise

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """Return the signing secrets of purpose, oldest first; make one if need be."""
        found = self._read_secrets(purpose)
        if found:
            return found
        with self.database.write() as connection:
            # Another process may have made one in between; both then use that one.
            connection.execute(
                "INSERT OR IGNORE INTO secret VALUES (?, 1, ?)",
                (purpose, secrets.token_bytes(_SECRET_BYTES)),
            )
        return self._read_secrets(purpose)

    def rotate_secret(self, purpose: str, *, keep: int = 2) -> None:
        """Add a new newest secret for purpose and keep `keep` of them, at least 1."""
        with self.database.write() as connection:
            (last,) = connection.execute(
                "SELECT coalesce(max(number), 0) FROM secret WHERE purpose = ?",
                (purpose,),
            ).fetchone()
            connection.execute(
                "INSERT INTO secret VALUES (?, ?, ?)",
                (purpose, last + 1, secrets.token_bytes(_SECRET_BYTES)),
            )
            connection.execute(
                "DELETE FROM secret WHERE purpose = ? AND number <= ?",
                (purpose, last + 1 - max(keep, 1)),
            )

    def remember_account(self, account: Account) -> None:
        """Insert or replace the account with this email."""
        with self.database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?)",
                (account.email, account.user_id, account.is_admin, account.seen_at),
            )

    def accounts(self) -> Sequence[Account]:
        """Return all accounts, last seen first."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT email, user_id, is_admin, seen_at FROM account "
                "ORDER BY seen_at DESC, email"
            ).fetchall()
        return [Account(row[0], row[1], bool(row[2]), row[3]) for row in rows]

    def note_presence(
        self, connected: Iterable[str], disconnected: Iterable[str]
    ) -> None:
        """Write a group of changes to the presence journal in one commit.

        An id in both counts as connected: reported once too often is mended by the
        next start, never reported is not.
        """
        with self.database.write() as connection:
            connection.executemany(
                "DELETE FROM presence WHERE client_id = ?",
                [(client_id_bytes(client_id),) for client_id in disconnected],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO presence VALUES (?)",
                [(client_id_bytes(client_id),) for client_id in connected],
            )

    def connected_client_ids(self) -> Sequence[str]:
        """Return who the journal says is connected, in the order of the ids."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT CAST(client_id AS BLOB) FROM presence ORDER BY client_id"
            ).fetchall()
        return [client_id_text(row[0]) for row in rows]

    def save_windows(self, saved: bytes | None) -> None:
        """Keep the broker's windows over an orderly restart; None forgets them."""
        with self.database.write() as connection:
            connection.execute("DELETE FROM saved WHERE name = ?", (_WINDOWS,))
            if saved is not None:
                connection.execute("INSERT INTO saved VALUES (?, ?)", (_WINDOWS, saved))

    def load_windows(self) -> bytes | None:
        """Return what save_windows kept, or None."""
        with self.database.read() as connection:
            row = connection.execute(
                "SELECT CAST(value AS BLOB) FROM saved WHERE name = ?", (_WINDOWS,)
            ).fetchone()
        return None if row is None else bytes(row[0] or b"")

    def claim(self) -> None:
        """Make this process the one that serves, after a fork; see Lease.claim.

        Raises:
            StoreInUse: another process forked by the same one does.
        """
        if self._lease is not None:
            self._lease.claim()

    def close(self) -> None:
        """Close the file and give the lease back. Idempotent."""
        self.database.close()
        self._close_lease()

    def _close_lease(self) -> None:
        if self._lease is not None:
            self._lease.close()

    def _read_secrets(self, purpose: str) -> list[bytes]:
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT value FROM secret WHERE purpose = ? ORDER BY number",
                (purpose,),
            ).fetchall()
        return [bytes(row[0]) for row in rows]
