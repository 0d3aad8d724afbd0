"""What signs, who has logged in, and who is connected."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from channelshim.contracts.identity import User
from channelshim.contracts.store import Account
from channelshim.protocol.tokens import client_id_bytes, client_id_text
from channelshim.store import bounds
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.locks import lock_number

_SECRET_BYTES: Final = 32


class PostgresSecrets:
    """The signing secrets: contracts.store.Secrets; one set for all servers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = lock_number(database.place, b"secrets")

    def get(self, purpose: str) -> Sequence[bytes]:
        """Return the signing secrets of purpose, oldest first; make one if need be."""
        stored = self._read(purpose)
        if stored:
            return stored
        with self._database.once() as connection:
            # Another process may have made one in between; both then use that one.
            connection.run(
                "INSERT INTO secret VALUES (%s, 1, %s) ON CONFLICT DO NOTHING",
                (purpose.encode(), secrets.token_bytes(_SECRET_BYTES)),
            )
        return self._read(purpose)

    def rotate(self, purpose: str, *, keep: int = 2) -> None:
        """Add a new newest secret for purpose and keep `keep` of them, at least 1."""
        with self._database.write(self._lock) as connection:
            name = purpose.encode()
            (last,) = connection.row(
                "SELECT coalesce(max(number), 0) FROM secret WHERE purpose = %s",
                (name,),
            )
            connection.run(
                "INSERT INTO secret VALUES (%s, %s, %s)",
                (name, last + 1, secrets.token_bytes(_SECRET_BYTES)),
            )
            connection.run(
                "DELETE FROM secret WHERE purpose = %s AND number <= %s",
                (name, last + 1 - max(keep, 1)),
            )

    def _read(self, purpose: str) -> list[bytes]:
        with self._database.once() as connection:
            rows = connection.rows(
                "SELECT value FROM secret WHERE purpose = %s ORDER BY number",
                (purpose.encode(),),
            )
        return [bytes(row[0]) for row in rows]


class PostgresAccounts:
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
        self._lock = lock_number(database.place, b"accounts")

    def remember(self, account: Account) -> None:
        """Insert or replace the account with this user's email."""
        user = account.user
        with self._database.write(self._lock) as connection:
            connection.run(
                "INSERT INTO account VALUES (%s, %s, %s, %s) ON CONFLICT (email) "
                "DO UPDATE SET user_id = excluded.user_id, "
                "is_admin = excluded.is_admin, seen_at = excluded.seen_at",
                (
                    user.email.encode(),
                    user.user_id.encode(),
                    user.is_admin,
                    float(account.seen_at),
                ),
            )
            connection.run(
                "DELETE FROM account WHERE email IN (SELECT email FROM account "
                "ORDER BY seen_at DESC, email OFFSET %s)",
                (self._most,),
            )

    def all(self) -> Sequence[Account]:
        """Return all accounts, last seen first."""
        with self._database.once() as connection:
            rows = connection.rows(
                "SELECT email, is_admin, user_id, seen_at FROM account "
                "ORDER BY seen_at DESC, email"
            )
        return [
            Account(User(email.decode(), is_admin, user_id.decode()), seen_at)
            for email, is_admin, user_id, seen_at in rows
        ]

    def end_login(self, number: str, expires_at: float, now: float) -> None:
        """Note that a login has ended; forget those that would have by themselves."""
        with self._database.write(self._lock) as connection:
            connection.run("DELETE FROM ended_login WHERE expires_at <= %s", (now,))
            connection.run(
                "INSERT INTO ended_login VALUES (%s, %s) ON CONFLICT (number) "
                "DO UPDATE SET expires_at = excluded.expires_at",
                (number.encode(), float(expires_at)),
            )
            connection.run(
                "DELETE FROM ended_login WHERE number IN (SELECT number FROM "
                "ended_login ORDER BY expires_at DESC, number OFFSET %s)",
                (self._most_ended,),
            )

    def ended_logins(self) -> Collection[str]:
        """Return the numbers of the logins that have ended early."""
        with self._database.once() as connection:
            rows = connection.rows("SELECT number FROM ended_login")
        return {row[0].decode() for row in rows}


class PostgresJournal:
    """The presence journal of one server: contracts.store.Journal.

    Args:
        database: of the store.
        server: whose connections these are; the same after a restart.
    """

    def __init__(self, database: Database, server: str) -> None:
        self._database = database
        self._server = server.encode()

    def rename(self, server: str) -> None:
        """Write of another server's connections from now on."""
        self._server = server.encode()

    def note(self, connected: Iterable[str], disconnected: Iterable[str]) -> None:
        """Write a group of changes in one commit.

        An id in both counts as connected: reported once too often is corrected by the
        next start, never reported is not.
        """
        gone = [client_id_bytes(client_id) for client_id in disconnected]
        here = [client_id_bytes(client_id) for client_id in connected]
        with self._database.write() as connection:
            if gone:
                connection.run(
                    "DELETE FROM presence "
                    "WHERE server = %s AND client_id = ANY(%s::bytea[])",
                    (self._server, gone),
                )
            if here:
                connection.run(
                    "INSERT INTO presence SELECT %s, client_id "
                    "FROM unnest(%s::bytea[]) AS new (client_id) "
                    "ON CONFLICT DO NOTHING",
                    (self._server, here),
                )

    def connected_client_ids(self) -> Sequence[str]:
        """Return who is connected, in the order of the ids."""
        with self._database.once() as connection:
            rows = connection.rows(
                "SELECT client_id FROM presence WHERE server = %s ORDER BY client_id",
                (self._server,),
            )
        return [client_id_text(row[0]) for row in rows]
