"""The roll of a store's servers: who is alive, and whose things are free.

Each server says every few seconds that it lives. One that has been silent for long is
struck off by any other, which then has what the dead one had: the client ids that were
connected to it. Its windows are too old to be of use, and go.

Theory: a row is changed under its lock, and each statement looks at the clock of the
database alone. A server that was struck off while it stood still finds no row of its
own, or one with another's pass, and enters anew; it is then as if it had just started.
Explored by tests/store/postgres/test_roll.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from channelshim.contracts.tasks import WORKER_BEAT_SECONDS, WORKER_SILENCE_SECONDS
from channelshim.protocol.tokens import client_id_text
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.session import Connection

BEAT_SECONDS: Final = WORKER_BEAT_SECONDS
SILENCE_SECONDS: Final = WORKER_SILENCE_SECONDS

_IS_SILENT: Final = "seen_at < clock_timestamp() - %s * interval '1 second'"

_TAKE_OVER: Final = """
WITH dead AS (
    DELETE FROM presence AS p WHERE p.server <> %(me)s AND NOT EXISTS (
        SELECT 1 FROM server AS s WHERE s.id = p.server
    ) RETURNING p.client_id
) INSERT INTO presence SELECT DISTINCT %(me)s::bytea, client_id FROM dead
ON CONFLICT DO NOTHING RETURNING client_id
"""


class Roll:
    """The roll, as one server uses it. Any thread.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        # Monotonic seconds: of the last call, and of the first one without a gap.
        self._beat_at = self._beating_since = float("-inf")

    def enter(self, name: str, old_pass: str, new_pass: str) -> bool:
        """Enter a server at its start; return False where the name is another's.

        Args:
            name: of the server.
            old_pass: of its start before.
            new_pass: of this start.
        """
        with self._database.once() as connection:
            changed = connection.run(
                "INSERT INTO server AS s VALUES (%s, %s, clock_timestamp()) "
                "ON CONFLICT (id) DO UPDATE SET pass = excluded.pass, "
                f"seen_at = excluded.seen_at WHERE s.pass = %s OR s.{_IS_SILENT}",
                (
                    name.encode(),
                    new_pass.encode(),
                    old_pass.encode(),
                    float(SILENCE_SECONDS),
                ),
            )
        return changed > 0

    def stay(self, name: str, own_pass: str) -> bool:
        """Say that a server lives; return False where it is not on the roll any more.

        Args:
            name: of the server.
            own_pass: of its start.
        """
        with self._database.once() as connection:
            changed = connection.run(
                "UPDATE server SET seen_at = clock_timestamp() "
                "WHERE id = %s AND pass = %s",
                (name.encode(), own_pass.encode()),
            )
        return changed > 0

    def take_over(self, name: str, *, takes_connections: bool) -> Sequence[str]:
        """Strike off the silent; return the client ids that are this one's now.

        A server that was cut off itself must not call others dead, who may have been
        cut off with it: it waits until it has had no gap for as long.

        Args:
            name: of this server.
            takes_connections: whether the client ids of the dead are wanted.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._beat_at > 3 * BEAT_SECONDS:
                self._beating_since = now
            self._beat_at = now
            if now - self._beating_since < SILENCE_SECONDS:
                return ()
        with self._database.write() as connection:
            connection.run(
                f"DELETE FROM server WHERE {_IS_SILENT} AND id <> %s",
                (float(SILENCE_SECONDS), name.encode()),
            )
            connection.run(
                "DELETE FROM saved AS w WHERE w.server <> %s AND NOT EXISTS "
                "(SELECT 1 FROM server AS s WHERE s.id = w.server)",
                (name.encode(),),
            )
            return _connections_of_dead(connection, name) if takes_connections else ()


def _connections_of_dead(connection: Connection, name: str) -> Sequence[str]:
    rows = connection.raw.execute(
        _TAKE_OVER, {"me": name.encode()}, binary=True
    ).fetchall()
    return [client_id_text(row[0]) for row in rows]
