"""Who may log in by a password, and how often it was tried."""

from __future__ import annotations

from collections.abc import Sequence

from channelshim.contracts.identity import folded
from channelshim.contracts.store import Password
from channelshim.store import bounds
from channelshim.store.attempts import judge
from channelshim.store.sqlite.database import Database


class SqlitePasswords:
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

    def put(self, password: Password) -> None:
        """Insert the password, or replace the one of this email."""
        row = (
            folded(password.email),
            password.email,
            password.hash,
            password.changed_at,
        )
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO password VALUES (?, ?, ?, ?)", row
            )

    def get(self, email: str) -> Password | None:
        """Return the password of an email, or None; case is ignored."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT email, hash, changed_at FROM password WHERE folded = ?",
                (folded(email),),
            ).fetchone()
        return None if row is None else Password(*row)

    def rehash(self, email: str, old: str, new: str) -> bool:
        """Replace a hash by another one of the same password; False: it has changed."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "UPDATE password SET hash = ? WHERE folded = ? AND hash = ?",
                (new, folded(email), old),
            )
            return bool(cursor.rowcount)

    def remove(self, email: str) -> bool:
        """Remove the password of an email; return whether there was one."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "DELETE FROM password WHERE folded = ?", (folded(email),)
            )
            return bool(cursor.rowcount)

    def all(self) -> Sequence[Password]:
        """Return all passwords, by email."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT email, hash, changed_at FROM password ORDER BY folded"
            ).fetchall()
        return [Password(*row) for row in rows]

    def attempt(
        self, key: str, now: float, *, every_seconds: float, at_once: int
    ) -> float:
        """Count an attempt to log in; return the seconds to wait, 0 for none."""
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT full_at FROM login_attempt WHERE key = ?", (key,)
            ).fetchone()
            full_at = row[0] if row else 0.0
            verdict = judge(full_at, now, every_seconds=every_seconds, at_once=at_once)
            if verdict.full_at == full_at:
                return verdict.wait_seconds
            connection.execute("DELETE FROM login_attempt WHERE full_at <= ?", (now,))
            connection.execute(
                "INSERT OR REPLACE INTO login_attempt VALUES (?, ?)",
                (key, verdict.full_at),
            )
            connection.execute(
                "DELETE FROM login_attempt WHERE key IN (SELECT key FROM login_attempt "
                "ORDER BY full_at DESC, key LIMIT -1 OFFSET ?)",
                (self._most,),
            )
        return verdict.wait_seconds

    def forgive(self, key: str) -> None:
        """Forget the attempts of a key."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM login_attempt WHERE key = ?", (key,))
