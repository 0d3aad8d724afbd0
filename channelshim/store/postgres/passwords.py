"""Who may log in by a password, and how often it was tried, at all servers."""

from __future__ import annotations

from collections.abc import Sequence

from channelshim.contracts.identity import folded
from channelshim.contracts.store import Password
from channelshim.store import bounds
from channelshim.store.attempts import judge
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.locks import lock_number


class PostgresPasswords:
    """The passwords: contracts.store.Passwords.

    Args:
        database: of the store.
        most: keys whose attempts are counted.
    """

    def __init__(
        self, database: Database, most: int = bounds.MAXIMUM_LOGIN_KEYS
    ) -> None:
        self._database = database
        self._most = most
        self._lock = lock_number(database.place, b"passwords")

    def put(self, password: Password) -> None:
        """Insert the password, or replace the one of this email."""
        with self._database.write(self._lock) as connection:
            connection.run(
                "INSERT INTO password VALUES (%s, %s, %s, %s) ON CONFLICT (folded) "
                "DO UPDATE SET email = excluded.email, hash = excluded.hash, "
                "changed_at = excluded.changed_at",
                (
                    folded(password.email).encode(),
                    password.email.encode(),
                    password.hash.encode(),
                    float(password.changed_at),
                ),
            )

    def get(self, email: str) -> Password | None:
        """Return the password of an email, or None; case is ignored."""
        with self._database.once() as connection:
            rows = connection.rows(
                "SELECT email, hash, changed_at FROM password WHERE folded = %s",
                (folded(email).encode(),),
            )
        for each, hashed, changed_at in rows:
            return Password(each.decode(), hashed.decode(), changed_at)
        return None

    def rehash(self, email: str, old: str, new: str) -> bool:
        """Replace a hash by another one of the same password; False: it has changed."""
        with self._database.write(self._lock) as connection:
            rows = connection.rows(
                "UPDATE password SET hash = %s WHERE folded = %s AND hash = %s "
                "RETURNING folded",
                (new.encode(), folded(email).encode(), old.encode()),
            )
        return bool(rows)

    def remove(self, email: str) -> bool:
        """Remove the password of an email; return whether there was one."""
        with self._database.write(self._lock) as connection:
            rows = connection.rows(
                "DELETE FROM password WHERE folded = %s RETURNING folded",
                (folded(email).encode(),),
            )
        return bool(rows)

    def all(self) -> Sequence[Password]:
        """Return all passwords, by email."""
        with self._database.once() as connection:
            rows = connection.rows(
                "SELECT email, hash, changed_at FROM password ORDER BY folded"
            )
        return [
            Password(email.decode(), hashed.decode(), changed_at)
            for email, hashed, changed_at in rows
        ]

    def attempt(
        self, key: str, now: float, *, every_seconds: float, at_once: int
    ) -> float:
        """Count an attempt to log in; return the seconds to wait, 0 for none."""
        name = key.encode()
        with self._database.write(self._lock) as connection:
            rows = connection.rows(
                "SELECT full_at FROM login_attempt WHERE key = %s", (name,)
            )
            full_at = rows[0][0] if rows else 0.0
            verdict = judge(full_at, now, every_seconds=every_seconds, at_once=at_once)
            if verdict.full_at == full_at:
                return verdict.wait_seconds
            connection.run(
                "DELETE FROM login_attempt WHERE full_at <= %s", (float(now),)
            )
            connection.run(
                "INSERT INTO login_attempt VALUES (%s, %s) ON CONFLICT (key) "
                "DO UPDATE SET full_at = excluded.full_at",
                (name, verdict.full_at),
            )
            connection.run(
                "DELETE FROM login_attempt WHERE key IN (SELECT key FROM login_attempt "
                "ORDER BY full_at DESC, key OFFSET %s)",
                (self._most,),
            )
        return verdict.wait_seconds

    def forgive(self, key: str) -> None:
        """Forget the attempts of a key."""
        with self._database.write(self._lock) as connection:
            connection.run("DELETE FROM login_attempt WHERE key = %s", (key.encode(),))
