"""memcache's values in the store: one cache for all processes, bounded."""

from __future__ import annotations

import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from channelshim.contracts.cache import Entry
from channelshim.store import bounds
from channelshim.store.sqlite.database import Database

_BYTES: Final = "cache_bytes"
_SIZE = "length(name) + length(value)"


class SqliteCacheView:
    """The cache within one transaction: contracts.cache.CacheView."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self.now = now

    def get(self, namespace: str, name: bytes) -> Entry | None:
        """Return an entry, locked ones too, or None; expired ones are none."""
        row = self._connection.execute(
            "SELECT value, flags, cas_id, expires_at, is_locked, written_at "
            "FROM cache WHERE namespace = ? AND name = ? "
            "AND (expires_at IS NULL OR expires_at > ?)",
            (namespace, name, self.now),
        ).fetchone()
        if row is None:
            return None
        value, flags, cas_id, expires_at, is_locked, written_at = row
        if type(value) is not bytes or not _are_numbers(flags, cas_id, written_at):
            # Of a damaged file.
            return None
        return Entry(value, flags, cas_id, expires_at, bool(is_locked), written_at)

    def set(self, namespace: str, name: bytes, entry: Entry) -> None:
        """Insert or replace an entry; it gets a new cas_id and time."""
        self.delete(namespace, name)
        self._connection.execute(
            "INSERT INTO cache VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                namespace,
                name,
                entry.value,
                entry.flags,
                secrets.randbits(62) + 1,
                entry.expires_at,
                entry.is_locked,
                self.now,
            ),
        )
        self._count(len(name) + len(entry.value))

    def delete(self, namespace: str, name: bytes) -> None:
        """Take an entry out, if it is there."""
        key = (namespace, name)
        where = "WHERE namespace = ? AND name = ?"
        row = self._connection.execute(
            f"SELECT {_SIZE} FROM cache {where}", key
        ).fetchone()
        if row is not None:
            self._connection.execute(f"DELETE FROM cache {where}", key)
            self._count(-row[0])

    def shrink(self, maximum_bytes: int) -> None:
        """Take out what has expired, then the oldest, until the rest fits."""
        self._take_out("expires_at <= ?", self.now)
        while self.total_bytes() > maximum_bytes:
            count = self._take_out(
                "written_at <= (SELECT max(written_at) FROM (SELECT written_at "
                "FROM cache ORDER BY written_at LIMIT ?))",
                bounds.CACHE_EVICTION_ROWS,
            )
            if not count:
                # The sum, or an entry's time, is damaged.
                self.clear()
                return

    def clear(self) -> None:
        """Take everything out."""
        self._connection.execute("DELETE FROM cache")
        self._connection.execute("DELETE FROM counter WHERE name = ?", (_BYTES,))

    def total_bytes(self) -> int:
        """Return the bytes of all names and values."""
        row = self._connection.execute(
            "SELECT next FROM counter WHERE name = ?", (_BYTES,)
        ).fetchone()
        if row is None:
            return 0
        # A sum that is none, in a damaged file, ends in `shrink`.
        return row[0] if isinstance(row[0], int) else sys.maxsize

    def statistics(self) -> tuple[int, float | None]:
        """Return how many entries there are, and when the oldest was written."""
        row: tuple[int, float | None] = self._connection.execute(
            "SELECT count(*), min(written_at) FROM cache"
        ).fetchone()
        return row

    def _take_out(self, condition: str, value: object) -> int:
        """Take out what meets a condition; return how many those were."""
        (size,) = self._connection.execute(
            f"SELECT coalesce(sum({_SIZE}), 0) FROM cache WHERE {condition}", (value,)
        ).fetchone()
        cursor = self._connection.execute(
            f"DELETE FROM cache WHERE {condition}", (value,)
        )
        self._count(-size)
        return cursor.rowcount

    def _count(self, size: int) -> None:
        self._connection.execute(
            "INSERT INTO counter VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET next = next + excluded.next",
            (_BYTES, size),
        )


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


class SqliteCache:
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

    @contextmanager
    def read(self) -> Iterator[SqliteCacheView]:
        """Give the cache as it is now."""
        with self._database.read() as connection:
            yield SqliteCacheView(connection, self._clock())

    @contextmanager
    def write(self) -> Iterator[SqliteCacheView]:
        """Give the cache to change; nobody else changes it meanwhile."""
        with self._database.write() as connection:
            view = SqliteCacheView(connection, self._clock())
            yield view
            if view.total_bytes() > self._maximum_bytes:
                view.shrink(self._maximum_bytes)
