"""The app's mails: those that are to leave, and what became of the latest."""

from __future__ import annotations

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
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.session import Connection

_WAITING = MailState.WAITING.value.encode()
_FAILED = MailState.FAILED.value.encode()


class PostgresMails:
    """The mails: contracts.mails.Mails. Any process.

    Args:
        database: the store's.
        server: this one among those that take mails.
    """

    def __init__(self, database: Database, server: str) -> None:
        self._database = database
        self._server = server.encode()

    def rename(self, server: str) -> None:
        """Take mails under another name from now on."""
        self._server = server.encode()

    def add(self, data: bytes, now: float, envelope: Envelope | None = None) -> int:
        """Store a mail; return its number, higher than any before."""
        state = MailState.KEPT if envelope is None else MailState.WAITING
        sender = "" if envelope is None else envelope.sender
        recipients = () if envelope is None else envelope.recipients
        with self._database.write() as connection:
            if envelope is not None:
                waiting, waiting_bytes = connection.row(
                    "SELECT count(*), coalesce(sum(size), 0)::bigint FROM mail "
                    "WHERE state = %s",
                    (_WAITING,),
                )
                mail_rows.check_room(waiting, waiting_bytes, len(data))
            (number,) = connection.row(
                "INSERT INTO mail (added_at, state, sender, recipients, due_at, "
                "gives_up_at, size, data) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "
                "RETURNING number",
                (
                    *(float(now), state.value.encode(), sender.encode()),
                    *(mail_rows.packed(recipients).encode(), float(now)),
                    *(float(now) + MAIL_PATIENCE_SECONDS, len(data), data),
                ),
            )
            _forget_oldest(connection, state)
        return int(number)

    def take(self, now: float, until: float) -> OutgoingMail | None:
        """Return the first mail that is due, for one caller alone; None for none."""
        with self._database.write() as connection:
            row = connection.row(
                "UPDATE mail SET due_at = %s, tries = tries + 1, taken_by = %s "
                "WHERE number = (SELECT number FROM mail "
                "WHERE state = %s AND due_at <= %s ORDER BY due_at, number LIMIT 1 "
                f"FOR UPDATE SKIP LOCKED) RETURNING {mail_rows.OUTGOING_COLUMNS}",
                (float(until), self._server, _WAITING, float(now)),
            )
        return None if row is None else mail_rows.outgoing(row)

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
            connection.run(
                "UPDATE mail SET state = %s, recipients = %s, given_up = %s, "
                "due_at = %s, refused = %s, trouble = %s, taken_by = '' "
                "WHERE number = %s AND tries = %s AND state = %s",
                (
                    *(state.value.encode(), mail_rows.packed(recipients).encode()),
                    mail_rows.packed(given_up).encode(),
                    *(float(due_at), refused[:longest].encode("utf-8", "replace")),
                    trouble[:longest].encode("utf-8", "replace"),
                    *(mail.number, mail.tries, _WAITING),
                ),
            )
            _forget_oldest(connection, state)

    def release(self) -> None:
        """Give back what this server had taken when it ended."""
        with self._database.write() as connection:
            connection.run(
                "UPDATE mail SET due_at = 0, taken_by = '' WHERE taken_by = %s",
                (self._server,),
            )

    def retry(self, number: int, now: float) -> bool:
        """Have a mail that waits or was given up tried now; False where none is."""
        with self._database.write() as connection:
            row = connection.row(
                "SELECT given_up, recipients FROM mail WHERE number = %s "
                "AND state IN (%s, %s) AND taken_by = '' FOR UPDATE",
                (number, _WAITING, _FAILED),
            )
            recipients = mail_rows.together(row or ())
            if recipients:
                connection.run(
                    "UPDATE mail SET state = %s, recipients = %s, given_up = %s, "
                    "due_at = %s, gives_up_at = %s, refused = '', trouble = '' "
                    "WHERE number = %s",
                    (
                        *(_WAITING, mail_rows.packed(recipients).encode()),
                        *(mail_rows.packed(()).encode(), float(now)),
                        *(float(now) + MAIL_PATIENCE_SECONDS, number),
                    ),
                )
        return bool(recipients)

    def delete(self, number: int) -> bool:
        """Remove a mail, sent or not; return whether it was there."""
        with self._database.write() as connection:
            return bool(connection.run("DELETE FROM mail WHERE number = %s", (number,)))

    def facts(self) -> Sequence[MailFacts]:
        """Return what is known of each, the latest first."""
        with self._database.once() as connection:
            rows = connection.rows(
                f"SELECT {mail_rows.FACTS_COLUMNS} FROM mail ORDER BY number DESC"
            )
        return [mail_rows.facts(row) for row in rows]

    def read(self, number: int, most: int = -1) -> bytes | None:
        """Return a mail, or its first bytes at most; None where there is none."""
        column = "data" if most < 0 else f"substring(data FROM 1 FOR {most:d})"
        with self._database.once() as connection:
            row = connection.row(
                f"SELECT {column} FROM mail WHERE number = %s", (number,)
            )
        return None if row is None else bytes(row[0])

    def counts(self) -> MailCounts:
        """Return how many there are."""
        with self._database.once() as connection:
            row = connection.row(
                "SELECT count(*) FILTER (WHERE state = %s), "
                "count(*) FILTER (WHERE state = %s), "
                "min(due_at) FILTER (WHERE state = %s), "
                "min(added_at) FILTER (WHERE state = %s) "
                "FROM mail WHERE state IN (%s, %s)",
                (_WAITING, _FAILED, _WAITING, _WAITING, _WAITING, _FAILED),
            )
        return MailCounts(*row)


def _forget_oldest(connection: Connection, state: MailState) -> None:
    """Remove the oldest of a state that needs nothing more."""
    if state is not MailState.WAITING:
        name = state.value.encode()
        connection.run(
            "DELETE FROM mail WHERE state = %s AND number <= (SELECT number FROM mail "
            "WHERE state = %s ORDER BY number DESC LIMIT 1 OFFSET %s)",
            (name, name, mail_rows.MAILS_KEPT),
        )
