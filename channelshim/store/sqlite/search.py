"""The search indexes in the store: contracts.search.

store/search_order.py says what the number of a document is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from channelshim.contracts.search import Condition, Order, SearchDocument
from channelshim.store.search_order import by_age, in_order, low_of, next_low, number_of
from channelshim.store.search_select import Selects
from channelshim.store.search_tokens import tokens_of
from channelshim.store.sqlite.database import Database
from channelshim.store.sqlite.search_terms import FullTextTerms, PlainTerms, Terms

_AT_ONCE: Final = 500
"""Parameters of one statement; older SQLites take 999."""

_FULL_TEXT: Final = "fts5"
_PLAIN: Final = "plain"

_MAKE_FULL_TEXT: Final = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS search_term USING fts5(terms, "
    "content='search_document', content_rowid='number', detail='none', "
    "columnsize=0, tokenize='ascii')"
)


class SqliteSearchView:
    """The indexes within one transaction: contracts.search.SearchView."""

    def __init__(self, connection: sqlite3.Connection, terms: Terms) -> None:
        self._connection = connection
        self._terms = terms

    def indexes(self) -> Sequence[tuple[str, str]]:
        """Return (namespace, name) of all indexes, in this order."""
        return self._connection.execute(
            "SELECT namespace, name FROM search_index ORDER BY namespace, name"
        ).fetchall()

    def has_index(self, namespace: str, name: str) -> bool:
        """Return whether the index is there."""
        return self._index_id(namespace, name) >= 0

    def add_index(self, namespace: str, name: str) -> None:
        """Make an empty index, if it is not there."""
        self._connection.execute(
            "INSERT OR IGNORE INTO search_index (namespace, name) VALUES (?, ?)",
            (namespace, name),
        )

    def schema(self, namespace: str, name: str) -> Mapping[str, Sequence[int]]:
        """Return field name to what was noted of it, each once, in this order."""
        fields: dict[str, list[int]] = {}
        for field, kind in self._connection.execute(
            "SELECT field, kind FROM search_field WHERE index_id = ? ORDER BY id",
            (self._index_id(namespace, name),),
        ):
            fields.setdefault(field, []).append(kind)
        return fields

    def note_schema(self, namespace: str, name: str, field: str, kind: int) -> None:
        """Note a kind of a field."""
        self._connection.execute(
            "INSERT OR IGNORE INTO search_field (index_id, field, kind) "
            "VALUES (?, ?, ?)",
            (self._index_id(namespace, name), field, kind),
        )

    def forget_schema(self, namespace: str, name: str) -> None:
        """Forget what was noted of the fields."""
        self._connection.execute(
            "DELETE FROM search_field WHERE index_id = ?",
            (self._index_id(namespace, name),),
        )

    def put(self, namespace: str, name: str, document: SearchDocument) -> None:
        """Insert or replace a document of an index that is there."""
        index_id = self._index_id(namespace, name)
        old = self.number(namespace, name, document.document_id)
        low = self._next_low() if old is None else low_of(old)
        if old is not None:
            self._remove(old)
        number = number_of(document.rank, low)
        tokens = tokens_of(index_id, document.terms)
        self._connection.execute(
            "INSERT INTO search_document VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                index_id,
                document.document_id,
                document.size,
                tokens,
                document.body,
            ),
        )
        self._terms.add(number, tokens)
        self._connection.executemany(
            "INSERT OR IGNORE INTO search_number VALUES (?, ?, ?, ?)",
            [(index_id, field, value, number) for field, value in document.numbers],
        )
        self._connection.executemany(
            "INSERT INTO search_frequency VALUES (?, ?, ?)",
            [(number, term, count) for term, count in document.frequencies.items()],
        )
        self._connection.executemany(
            "INSERT INTO search_sort VALUES (?, ?, ?, ?)",
            [
                (number, field, key.text, key.number)
                for field, key in document.sort_keys.items()
            ],
        )

    def delete(self, namespace: str, name: str, document_id: str) -> bool:
        """Take a document out; return whether it was there."""
        number = self.number(namespace, name, document_id)
        if number is not None:
            self._remove(number)
        return number is not None

    def count(self, namespace: str, name: str, condition: Condition) -> int:
        """Return how many documents a condition has."""
        select, values = self._select(namespace, name, condition)
        row = self._connection.execute(f"SELECT count(*) FROM ({select})", values)
        return int(row.fetchone()[0])

    def find(
        self,
        namespace: str,
        name: str,
        condition: Condition,
        orders: Sequence[Order] = (),
        offset: int = 0,
        limit: int = -1,
    ) -> Sequence[int]:
        """Return numbers of documents, sorted."""
        found = self._select(namespace, name, condition)
        statement, values = in_order(found, orders, str, limit, offset)
        rows = self._connection.execute(statement, values)
        return [number for (number,) in rows]

    def number(self, namespace: str, name: str, document_id: str) -> int | None:
        """Return a document's number, or None."""
        row = self._connection.execute(
            "SELECT number FROM search_document WHERE index_id = ? AND document_id = ?",
            (self._index_id(namespace, name), document_id),
        ).fetchone()
        return None if row is None else int(row[0])

    def bodies(self, numbers: Sequence[int]) -> Sequence[bytes]:
        """Return the bodies of documents that are there, in the order of numbers."""
        found: dict[int, bytes] = {}
        for part, marks in _parts(numbers):
            found.update(
                self._connection.execute(
                    "SELECT number, body FROM search_document "
                    f"WHERE number IN ({marks})",
                    part,
                ).fetchall()
            )
        return [found[number] for number in numbers if number in found]

    def frequencies(self, numbers: Sequence[int], term: str) -> Mapping[int, int]:
        """Return number to frequency of a term, of those documents that have one."""
        wanted = set(numbers)
        rows = self._connection.execute(
            "SELECT number, frequency FROM search_frequency WHERE term = ?", (term,)
        )
        return {number: count for number, count in rows if number in wanted}

    def by_age(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return numbers in the order in which their documents were first put."""
        return by_age(numbers)

    def listed(
        self, namespace: str, name: str, start: str, *, with_start: bool, limit: int
    ) -> Sequence[bytes]:
        """Return bodies by document id, from start on; limit -1 for all."""
        sign = ">=" if with_start else ">"
        rows = self._connection.execute(
            f"SELECT body FROM search_document WHERE index_id = ? "
            f"AND document_id {sign} ? ORDER BY document_id LIMIT ?",
            (self._index_id(namespace, name), start, limit),
        )
        return [body for (body,) in rows]

    def size(self, namespace: str, name: str) -> int:
        """Return the bytes of all documents of an index, as they say."""
        row = self._connection.execute(
            "SELECT coalesce(sum(size), 0) FROM search_document WHERE index_id = ?",
            (self._index_id(namespace, name),),
        ).fetchone()
        return int(row[0])

    def _select(
        self, namespace: str, name: str, condition: Condition
    ) -> tuple[str, list[object]]:
        index_id = self._index_id(namespace, name)
        return Selects(self._connection, self._terms, index_id).select(condition)

    def _index_id(self, namespace: str, name: str) -> int:
        row = self._connection.execute(
            "SELECT id FROM search_index WHERE namespace = ? AND name = ?",
            (namespace, name),
        ).fetchone()
        return -1 if row is None else int(row[0])

    def _next_low(self) -> int:
        self._connection.execute(
            "UPDATE search_state SET value = value + 1 WHERE name = 'documents'"
        )
        row = self._connection.execute(
            "SELECT value FROM search_state WHERE name = 'documents'"
        ).fetchone()
        return next_low(int(row[0]))

    def _remove(self, number: int) -> None:
        (tokens,) = self._connection.execute(
            "SELECT terms FROM search_document WHERE number = ?", (number,)
        ).fetchone()
        self._terms.remove(number, tokens)
        self._connection.execute(
            "DELETE FROM search_document WHERE number = ?", (number,)
        )
        for table in ("search_number", "search_frequency", "search_sort"):
            self._connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))


def _parts(numbers: Sequence[int]) -> Iterator[tuple[Sequence[int], str]]:
    for start in range(0, len(numbers), _AT_ONCE):
        part = numbers[start : start + _AT_ONCE]
        yield part, ", ".join("?" * len(part))


class SqliteSearchIndexes:
    """The search indexes of one store: contracts.search.SearchIndexes.

    Args:
        database: where they are.
        with_full_text: False uses the plain table even where SQLite has FTS5.
    """

    def __init__(self, database: Database, *, with_full_text: bool = True) -> None:
        self._database = database
        self._with_full_text = with_full_text
        self._is_full_text: bool | None = None

    @contextmanager
    def read(self) -> Iterator[SqliteSearchView]:
        """Give the indexes as they are now; nothing may be changed."""
        self._prepare()
        with self._database.read() as connection:
            yield SqliteSearchView(connection, self._terms(connection))

    @contextmanager
    def write(self) -> Iterator[SqliteSearchView]:
        """Give the indexes to change; a body that raises has changed nothing."""
        self._prepare()
        with self._database.write() as connection:
            yield SqliteSearchView(connection, self._terms(connection))

    def _terms(self, connection: sqlite3.Connection) -> Terms:
        terms = FullTextTerms if self._is_full_text else PlainTerms
        return terms(connection)

    def _prepare(self) -> None:
        """Have the terms where this SQLite can look them up."""
        if self._is_full_text is not None:
            return
        with self._database.write() as connection:
            is_full_text = self._with_full_text and _has_full_text(connection)
            wanted = _FULL_TEXT if is_full_text else _PLAIN
            row = connection.execute(
                "SELECT value FROM search_state WHERE name = 'terms'"
            ).fetchone()
            if row is None or row[0] != wanted:
                _fill(connection, is_full_text=is_full_text)
                connection.execute(
                    "INSERT OR REPLACE INTO search_state VALUES ('terms', ?)", (wanted,)
                )
        self._is_full_text = is_full_text


def _has_full_text(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute(_MAKE_FULL_TEXT)
        # A table that another SQLite made cannot be used without the module.
        connection.execute("SELECT rowid FROM search_term LIMIT 0").fetchall()
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        return False
    return True


def _fill(connection: sqlite3.Connection, *, is_full_text: bool) -> None:
    connection.execute("DELETE FROM search_posting")
    if is_full_text:
        connection.execute("INSERT INTO search_term (search_term) VALUES ('rebuild')")
        return
    terms = PlainTerms(connection)
    for number, tokens in connection.execute(
        "SELECT number, terms FROM search_document"
    ).fetchall():
        terms.add(number, tokens)
