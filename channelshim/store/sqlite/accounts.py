"""What signs, who has logged in, and who is connected."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence

from channelshim.contracts.identity import User
from channelshim.contracts.store import Account
from channelshim.protocol.tokens import client_id_bytes, client_id_text
from channelshim.store import bounds
from channelshim.store.sqlite.database import Database

_SECRET_BYTES = 32


class SqliteSecrets:
    """The signing secrets: contracts.store.Secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, purpose: str) -> Sequence[bytes]:
        """Return the signing secrets of purpose, oldest first; make one if need be."""
        stored = self._read_secrets(purpose)
        if stored:
            return stored
        with self._database.write() as connection:
            # Another process may have made one in between; both then use that one.
            connection.execute(
                "INSERT OR IGNORE INTO secret VALUES (?, 1, ?)",
                (purpose, secrets.token_bytes(_SECRET_BYTES)),
            )
        return self._read_secrets(purpose)

    def rotate(self, purpose: str, *, keep: int = 2) -> None:
        """Add a new newest secret for purpose and keep `keep` of them, at least 1."""
        with self._database.write() as connection:
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

    def _read_secrets(self, purpose: str) -> list[bytes]:
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT value FROM secret WHERE purpose = ? ORDER BY number",
                (purpose,),
            ).fetchall()
        return [bytes(row[0]) for row in rows]


class SqliteAccounts:
    """The accounts: contracts.store.Accounts.

    Args:
        database: of the store.
        most: accounts.
        most_ended: logins that have ended early.
    """

    def __init__(
        self,
        database: Database,
        most: int = bounds.MAXIMUM_ACCOUNTS,
        most_ended: int = bounds.MAXIMUM_ENDED_LOGINS,
    ) -> None:
        self._database = database
        self._most = most
        self._most_ended = most_ended

    def remember(self, account: Account) -> None:
        """Insert or replace the account with this user's email."""
        user = account.user
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?)",
                (user.email, user.user_id, user.is_admin, account.seen_at),
            )
            connection.execute(
                "DELETE FROM account WHERE email IN (SELECT email FROM account "
                "ORDER BY seen_at DESC, email LIMIT -1 OFFSET ?)",
                (self._most,),
            )

    def all(self) -> Sequence[Account]:
        """Return all accounts, last seen first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT email, is_admin, user_id, seen_at FROM account "
                "ORDER BY seen_at DESC, email"
            ).fetchall()
        return [
            Account(User(email, bool(is_admin), user_id), seen_at)
            for email, is_admin, user_id, seen_at in rows
        ]

    def end_login(self, number: str, expires_at: float, now: float) -> None:
        """Note that a login has ended; forget those that would have by themselves."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM ended_login WHERE expires_at <= ?", (now,))
            connection.execute(
                "INSERT OR REPLACE INTO ended_login VALUES (?, ?)", (number, expires_at)
            )
            connection.execute(
                "DELETE FROM ended_login WHERE number IN (SELECT number FROM "
                "ended_login ORDER BY expires_at DESC, number LIMIT -1 OFFSET ?)",
                (self._most_ended,),
            )

    def ended_logins(self) -> Collection[str]:
        """Return the numbers of the logins that have ended early."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT number FROM ended_login").fetchall()
        return {row[0] for row in rows}


class SqliteJournal:
    """The presence journal: contracts.store.Journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, connected: Iterable[str], disconnected: Iterable[str]) -> None:
        """Write a group of changes in one commit.

        An id in both counts as connected: reported once too often is corrected by the
        next start, never reported is not.
        """
        with self._database.write() as connection:
            connection.executemany(
                "DELETE FROM presence WHERE client_id = ?",
                [(client_id_bytes(client_id),) for client_id in disconnected],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO presence VALUES (?)",
                [(client_id_bytes(client_id),) for client_id in connected],
            )

    def connected_client_ids(self) -> Sequence[str]:
        """Return who is connected, in the order of the ids."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT CAST(client_id AS BLOB) FROM presence ORDER BY client_id"
            ).fetchall()
        # A damaged file may hold none.
        return [client_id_text(row[0]) for row in rows if row[0] is not None]
