"""The app's mails: those that are to leave, and what became of the latest."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from channelshim.contracts.mails import (
    MAIL_PATIENCE_SECONDS,
    Envelope,
    MailCounts,
    MailFacts,
    MailState,
    OutgoingMail,
)
from channelshim.store import mail_rows
from channelshim.store.sqlite.database import Database


class SqliteMails:
    """The mails: contracts.mails.Mails. One server takes, any process adds.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, data: bytes, now: float, envelope: Envelope | None = None) -> int:
        """Store a mail; return its number, higher than any before."""
        state = MailState.KEPT if envelope is None else MailState.WAITING
        sender, recipients = (
            ("", ())
            if envelope is None
            else (
                envelope.sender,
                envelope.recipients,
            )
        )
        with self._database.write() as connection:
            if envelope is not None:
                waiting, waiting_bytes = connection.execute(
                    "SELECT count(*), coalesce(sum(size), 0) FROM mail WHERE state = ?",
                    (MailState.WAITING.value,),
                ).fetchone()
                mail_rows.check_room(waiting, waiting_bytes, len(data))
            cursor = connection.execute(
                "INSERT INTO mail (added_at, state, sender, recipients, due_at, "
                "gives_up_at, size, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(now, state.value, sender, mail_rows.packed(recipients), now),
                    *(now + MAIL_PATIENCE_SECONDS, len(data), data),
                ),
            )
            _forget_oldest(connection, state)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def take(self, now: float, until: float) -> OutgoingMail | None:
        """Return the first mail that is due, for one caller alone; None for none."""
        with self._database.write() as connection:
            row = connection.execute(
                f"SELECT {mail_rows.OUTGOING_COLUMNS} FROM mail "
                "WHERE state = ? AND due_at <= ? ORDER BY due_at, number LIMIT 1",
                (MailState.WAITING.value, now),
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE mail SET due_at = ?, tries = tries + 1, is_taken = 1 "
                "WHERE number = ?",
                (until, row[0]),
            )
        number, sender, recipients, tries, *rest = row
        return mail_rows.outgoing((number, sender, recipients, tries + 1, *rest))

    def settle(
        self,
        mail: OutgoingMail,
        state: MailState,
        *,
        recipients: Sequence[str] = (),
        given_up: Sequence[str] = (),
        due_at: float = 0.0,
        refused: str = "",
        trouble: str = "",
    ) -> None:
        """Note what became of a mail that was taken."""
        longest = mail_rows.LONGEST_REASON
        with self._database.write() as connection:
            connection.execute(
                "UPDATE mail SET state = ?, recipients = ?, given_up = ?, due_at = ?, "
                "refused = ?, trouble = ?, is_taken = 0 "
                "WHERE number = ? AND tries = ? AND state = ?",
                (
                    *(state.value, mail_rows.packed(recipients)),
                    *(mail_rows.packed(given_up), due_at),
                    *(refused[:longest], trouble[:longest]),
                    *(mail.number, mail.tries, MailState.WAITING.value),
                ),
            )
            _forget_oldest(connection, state)

    def release(self) -> None:
        """Give back what this server had taken when it ended."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE mail SET due_at = 0, is_taken = 0 WHERE is_taken <> 0"
            )

    def retry(self, number: int, now: float) -> bool:
        """Have a mail that waits or was given up tried now; False where none is."""
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT given_up, recipients FROM mail WHERE number = ? "
                "AND state IN (?, ?) AND is_taken = 0",
                (number, MailState.WAITING.value, MailState.FAILED.value),
            ).fetchone()
            recipients = mail_rows.together(row or ())
            if recipients:
                connection.execute(
                    "UPDATE mail SET state = ?, recipients = ?, given_up = ?, "
                    "due_at = ?, gives_up_at = ?, refused = '', trouble = '' "
                    "WHERE number = ?",
                    (
                        *(MailState.WAITING.value, mail_rows.packed(recipients)),
                        *(mail_rows.packed(()), now, now + MAIL_PATIENCE_SECONDS),
                        number,
                    ),
                )
        return bool(recipients)

    def delete(self, number: int) -> bool:
        """Remove a mail, sent or not; return whether it was there."""
        with self._database.write() as connection:
            cursor = connection.execute("DELETE FROM mail WHERE number = ?", (number,))
            return bool(cursor.rowcount)

    def facts(self) -> Sequence[MailFacts]:
        """Return what is known of each, the latest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {mail_rows.FACTS_COLUMNS} FROM mail ORDER BY number DESC"
            ).fetchall()
        return [mail_rows.facts(row) for row in rows]

    def read(self, number: int, most: int = -1) -> bytes | None:
        """Return a mail, or its first bytes at most; None where there is none."""
        column = "data" if most < 0 else f"substr(data, 1, {most:d})"
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {column} FROM mail WHERE number = ?", (number,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def counts(self) -> MailCounts:
        """Return how many there are."""
        with self._database.read() as connection:
            waiting, next_due_at, oldest_at = connection.execute(
                "SELECT count(*), min(due_at), min(added_at) FROM mail WHERE state = ?",
                (MailState.WAITING.value,),
            ).fetchone()
            (failed,) = connection.execute(
                "SELECT count(*) FROM mail WHERE state = ?", (MailState.FAILED.value,)
            ).fetchone()
        return MailCounts(waiting, failed, next_due_at, oldest_at)


def _forget_oldest(connection: sqlite3.Connection, state: MailState) -> None:
    """Remove the oldest of a state that needs nothing more."""
    if state is not MailState.WAITING:
        connection.execute(
            "DELETE FROM mail WHERE state = ? AND number <= (SELECT number FROM mail "
            "WHERE state = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (state.value, state.value, mail_rows.MAILS_KEPT),
        )
