"""The SQLite file of the old development server, to be read and never changed.

Each app has a table for each of its namespaces, "APP!NAMESPACE!Entities", where
entities are kept as Google's protocol buffers.

Source: SDK 1.9.88, datastore/datastore_sqlite_stub.py, and a file that it has written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from channelshim.errors import ConfigurationError
from channelshim.store.sqlite.database import REFUSALS, explain
from channelshim.store.sqlite.schema import APPLICATION_ID

_ENTITIES: Final = "!Entities"

_COUNTERS: Final = {"IdSeq": False, "ScatteredIdCounters": True}
"""Table of id counters to whether its ids are scattered."""

_WAIT_SECONDS: Final = 5.0
"""For a server that may be writing."""


class OldServerFile:
    """The file, open within one transaction: it stays as it is meanwhile.

    Args:
        path: of the file.

    Raises:
        ConfigurationError: it is no such file.
        StorageError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._explained():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?mode=ro",
                uri=True,
                timeout=_WAIT_SECONDS,
                isolation_level=None,
            )
        try:
            with self._explained():
                # What stands in its schema is somebody else's: none of it is called.
                self._connection.execute("PRAGMA trusted_schema = OFF")
                self._connection.execute("BEGIN")
                self._tables = self._find_tables()
        except BaseException:
            self._connection.close()
            raise

    def _find_tables(self) -> frozenset[str]:
        (number,) = self._connection.execute("PRAGMA application_id").fetchone()
        if number == APPLICATION_ID:
            raise ConfigurationError(
                f"{self._path} is a store of channelshim itself: write its data to a "
                "file with channelshim data export, and import that"
            )
        rows = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
        tables = frozenset(str(row[0]) for row in rows)
        if "Apps" not in tables:
            raise ConfigurationError(
                f"{self._path} is a SQLite database, but not one of the old "
                "development server"
            )
        return tables

    def count(self) -> int:
        """Return how many entities there are."""
        counts = (
            self._rows(f"SELECT count(*) FROM {_quoted(table)}")
            for table in self._entity_tables()
        )
        return sum(int(row[0]) for rows in counts for row in rows)

    def counters(self) -> Iterator[tuple[bool, int]]:
        """Yield of each id counter whether its ids are scattered, and its next one."""
        for table, is_scattered in _COUNTERS.items():
            if table in self._tables:
                for (following,) in self._rows(f"SELECT next_id FROM {table}"):
                    if isinstance(following, int) and following > 0:
                        yield is_scattered, following

    def entities(self) -> Iterator[Any]:
        """Yield each entity as it is stored: bytes, where the file is as it should."""
        for table in self._entity_tables():
            for row in self._rows(f"SELECT entity FROM {_quoted(table)}"):
                yield row[0]

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _entity_tables(self) -> list[str]:
        return sorted(each for each in self._tables if each.endswith(_ENTITIES))

    def _rows(self, text: str) -> Iterator[Any]:
        with self._explained():
            yield from self._connection.execute(text)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except REFUSALS as error:
            if isinstance(error, sqlite3.Error):
                raise explain(error, self._path) from error
            raise ConfigurationError(f"{self._path} is damaged: {error}") from error


def _quoted(table: str) -> str:
    return '"{}"'.format(table.replace('"', '""'))
