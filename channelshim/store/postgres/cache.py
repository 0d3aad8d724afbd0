"""memcache's values in the store: one cache for all processes, bounded.

Its tables are not logged: a crash of the server, or a failover, leaves an empty cache.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from channelshim.contracts.cache import Entry
from channelshim.store import bounds
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.locks import lock_number
from channelshim.store.postgres.session import Connection

_SIZE: Final = "length(name) + length(value)"


class PostgresCacheView:
    """The cache within one transaction: contracts.cache.CacheView."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self.now = now

    def get(self, namespace: str, name: bytes) -> Entry | None:
        """Return an entry, locked ones too, or None; expired ones are none."""
        row = self._connection.row(
            "SELECT value, flags, cas_id, expires_at, is_locked, written_at "
            "FROM cache WHERE namespace = %s AND name = %s "
            "AND (expires_at IS NULL OR expires_at > %s)",
            (namespace.encode(), name, self.now),
        )
        return None if row is None else Entry(*row)

    def set(self, namespace: str, name: bytes, entry: Entry) -> None:
        """Insert or replace an entry; it gets a new cas_id and time."""
        # What an update returns is the new row, so the old one is looked at before.
        (change,) = self._connection.row(
            f"WITH old AS (SELECT {_SIZE} AS size FROM cache "
            "WHERE namespace = %s AND name = %s), "
            "new AS (INSERT INTO cache VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (namespace, name) DO UPDATE SET value = excluded.value, "
            "flags = excluded.flags, cas_id = excluded.cas_id, "
            "expires_at = excluded.expires_at, is_locked = excluded.is_locked, "
            f"written_at = excluded.written_at RETURNING {_SIZE} AS size) "
            "SELECT ((SELECT size FROM new) - coalesce((SELECT size FROM old), 0))"
            "::bigint",
            (
                namespace.encode(),
                name,
                namespace.encode(),
                name,
                entry.value,
                entry.flags,
                secrets.randbits(62) + 1,
                entry.expires_at,
                entry.is_locked,
                self.now,
            ),
        )
        self._count(change)

    def delete(self, namespace: str, name: bytes) -> None:
        """Take an entry out, if it is there."""
        row = self._connection.row(
            "DELETE FROM cache WHERE namespace = %s AND name = %s "
            f"RETURNING ({_SIZE})::bigint",
            (namespace.encode(), name),
        )
        if row is not None:
            self._count(-row[0])

    def shrink(self, maximum_bytes: int) -> None:
        """Take out what has expired, then the oldest, until the rest fits."""
        self._take_out("expires_at <= %s", self.now)
        while self.total_bytes() > maximum_bytes:
            count = self._take_out(
                "written_at <= (SELECT max(written_at) FROM (SELECT written_at "
                "FROM cache ORDER BY written_at LIMIT %s) AS oldest)",
                bounds.CACHE_EVICTION_ROWS,
            )
            if not count:
                # The sum is damaged.
                self.clear()
                return

    def clear(self) -> None:
        """Take everything out."""
        self._connection.script("DELETE FROM cache; DELETE FROM cache_size")

    def total_bytes(self) -> int:
        """Return the bytes of all names and values."""
        row = self._connection.row("SELECT bytes FROM cache_size WHERE id = 1")
        return 0 if row is None else int(row[0])

    def statistics(self) -> tuple[int, float | None]:
        """Return how many entries there are, and when the oldest was written."""
        row: tuple[int, float | None] = self._connection.row(
            "SELECT count(*), min(written_at) FROM cache"
        )
        return row

    def _take_out(self, condition: str, value: object) -> int:
        """Take out what meets a condition; return how many those were."""
        count, size = self._connection.row(
            f"WITH gone AS (DELETE FROM cache WHERE {condition} "
            f"RETURNING ({_SIZE})::bigint AS size) "
            "SELECT count(*), coalesce(sum(size), 0)::bigint FROM gone",
            (value,),
        )
        self._count(-size)
        return int(count)

    def _count(self, size: int) -> None:
        if size:
            self._connection.run(
                "INSERT INTO cache_size AS c VALUES (1, %s) "
                "ON CONFLICT (id) DO UPDATE SET bytes = c.bytes + excluded.bytes",
                (size,),
            )


class PostgresCache:
    """The cache of one store: contracts.cache.Cache. Any number of processes.

    Args:
        database: where it is.
        clock: Unix seconds.
        maximum_bytes: of names and values together.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        maximum_bytes: int = bounds.CACHE_BYTES,
    ) -> None:
        self._clock = clock
        self._database = database
        self._maximum_bytes = maximum_bytes
        self._lock = lock_number(database.place, b"cache")

    @contextmanager
    def read(self) -> Iterator[PostgresCacheView]:
        """Give the cache as it is now."""
        with self._database.read() as connection:
            yield PostgresCacheView(connection, self._clock())

    @contextmanager
    def write(self) -> Iterator[PostgresCacheView]:
        """Give the cache to change; nobody else changes it meanwhile."""
        with self._database.write(self._lock, is_kept=False) as connection:
            view = PostgresCacheView(connection, self._clock())
            yield view
            if view.total_bytes() > self._maximum_bytes:
                view.shrink(self._maximum_bytes)
