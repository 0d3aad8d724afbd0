"""The search indexes in the store: contracts.search.

store/search_order.py says what the number of a document is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from channelshim.contracts.search import (
    Condition,
    Everything,
    HasPrefix,
    HasTerm,
    Order,
    SearchDocument,
)
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.locks import lock_number
from channelshim.store.postgres.session import Connection
from channelshim.store.search_order import by_age, in_order, low_of, next_low, number_of
from channelshim.store.search_select import Query, Selects
from channelshim.store.search_tokens import EVERYTHING, HIGHEST, token_of, tokens_of

_LONGEST_TERM: Final = 1900
"""Bytes. PostgreSQL indexes at most 2704 for a row (its source, nbtree.h)."""

_CUT: Final = b"\x00"
"""Stands where a long term was cut, before its hash; no token has it."""

_DIGEST_BYTES: Final = 16


def _term_key(term: bytes) -> bytes:
    """Return a term as the tables have it: whole, or its beginning and its hash.

    So equal terms have equal keys, others have others, and a key begins with what its
    term begins with, as far as it goes.
    """
    if len(term) <= _LONGEST_TERM:
        return term
    digest = hashlib.blake2b(term, digest_size=_DIGEST_BYTES).hexdigest()
    return term[:_LONGEST_TERM] + _CUT + digest.encode("ascii")


class _Asked:
    """A connection as `Selects` wants it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any], /) -> list[Any]:
        """Run a statement and return its rows."""
        return self._connection.rows(statement.replace("?", "%s"), values)


class _Terms:
    """Terms in a table: a row for each term of each document."""

    def select(self, index_id: int, condition: Condition) -> Query | None:
        """Return a SELECT of the documents of a condition; None if it is no term's."""
        match condition:
            case HasTerm(text):
                return self._with_term(token_of(index_id, text))
            case HasPrefix(text):
                low = token_of(index_id, text)
                if len(low.encode()) > _LONGEST_TERM:
                    return self._with_long_prefix(low.encode())
                return (
                    "SELECT DISTINCT number FROM search_posting "
                    "WHERE term >= ? AND term < ?",
                    [low.encode(), (low + HIGHEST).encode()],
                )
            case Everything():
                return self._with_term(token_of(index_id, EVERYTHING))
        return None

    def _with_term(self, token: str) -> Query:
        return (
            "SELECT number FROM search_posting WHERE term = ?",
            [_term_key(token.encode())],
        )

    def _with_long_prefix(self, low: bytes) -> Query:
        """Return a SELECT by what fits into the table; the documents decide."""
        beginning = low[:_LONGEST_TERM] + _CUT
        return (
            "SELECT DISTINCT p.number FROM search_posting AS p "
            "JOIN search_document AS d ON d.number = p.number "
            "WHERE p.term >= ? AND p.term < ? "
            "AND position(?::bytea IN '\\x20'::bytea || d.terms) > 0",
            [beginning, beginning + b"\xff", b" " + low],
        )


class _Selects(Selects):
    """As for every engine, with arrays for numbers and bytes for names."""

    def _numbered(self, numbers: Sequence[int]) -> Query:
        return "SELECT unnest(?::bigint[]) AS number", [list(numbers)]

    def _name(self, name: str) -> object:
        return name.encode()


class PostgresSearchView:
    """The indexes within one transaction: contracts.search.SearchView."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def indexes(self) -> Sequence[tuple[str, str]]:
        """Return (namespace, name) of all indexes, in this order."""
        rows = self._connection.rows(
            "SELECT namespace, name FROM search_index ORDER BY namespace, name"
        )
        return [(namespace.decode(), name.decode()) for namespace, name in rows]

    def has_index(self, namespace: str, name: str) -> bool:
        """Return whether the index is there."""
        return self._index_id(namespace, name) >= 0

    def add_index(self, namespace: str, name: str) -> None:
        """Make an empty index, if it is not there."""
        self._connection.run(
            "INSERT INTO search_index (namespace, name) VALUES (%s, %s) "
            "ON CONFLICT DO NOTHING",
            (namespace.encode(), name.encode()),
        )

    def schema(self, namespace: str, name: str) -> Mapping[str, Sequence[int]]:
        """Return field name to what was noted of it, each once, in this order."""
        fields: dict[str, list[int]] = {}
        for field, kind in self._connection.rows(
            "SELECT field, kind FROM search_field WHERE index_id = %s ORDER BY id",
            (self._index_id(namespace, name),),
        ):
            fields.setdefault(field.decode(), []).append(kind)
        return fields

    def note_schema(self, namespace: str, name: str, field: str, kind: int) -> None:
        """Note a kind of a field."""
        self._connection.run(
            "INSERT INTO search_field (index_id, field, kind) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (self._index_id(namespace, name), field.encode(), kind),
        )

    def forget_schema(self, namespace: str, name: str) -> None:
        """Forget what was noted of the fields."""
        self._connection.run(
            "DELETE FROM search_field WHERE index_id = %s",
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
        tokens = tokens_of(index_id, document.terms).encode()
        run = self._connection.run
        run(
            "INSERT INTO search_document VALUES (%s, %s, %s, %s, %s, %s)",
            (
                number,
                index_id,
                document.document_id.encode(),
                document.size,
                tokens,
                document.body,
            ),
        )
        run(
            "INSERT INTO search_posting SELECT term, %s FROM unnest(%s::bytea[]) "
            "AS new (term) ON CONFLICT DO NOTHING",
            (number, [_term_key(token) for token in tokens.split(b" ")]),
        )
        self._put_details(index_id, number, document)

    def _put_details(
        self, index_id: int, number: int, document: SearchDocument
    ) -> None:
        many = self._connection.run_many
        many(
            "INSERT INTO search_number VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (index_id, field.encode(), float(value), number)
                for field, value in document.numbers
            ],
        )
        many(
            "INSERT INTO search_frequency VALUES (%s, %s, %s)",
            [
                (_term_key(term.encode()), number, count)
                for term, count in document.frequencies.items()
            ],
        )
        many(
            "INSERT INTO search_sort VALUES (%s, %s, %s, %s)",
            [
                (
                    number,
                    field.encode(),
                    None if key.text is None else key.text.encode(),
                    None if key.number is None else float(key.number),
                )
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
        (count,) = self._connection.row(
            f"SELECT count(*) FROM ({select}) AS found", values
        )
        return int(count)

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
        bound = None if limit < 0 else limit
        statement, values = in_order(found, orders, str.encode, bound, offset)
        rows = self._connection.rows(statement.replace("?", "%s"), values)
        return [number for (number,) in rows]

    def number(self, namespace: str, name: str, document_id: str) -> int | None:
        """Return a document's number, or None."""
        row = self._connection.row(
            "SELECT number FROM search_document "
            "WHERE index_id = %s AND document_id = %s",
            (self._index_id(namespace, name), document_id.encode()),
        )
        return None if row is None else int(row[0])

    def bodies(self, numbers: Sequence[int]) -> Sequence[bytes]:
        """Return the bodies of documents that are there, in the order of numbers."""
        found: dict[int, bytes] = dict(
            self._connection.rows(
                "SELECT number, body FROM search_document "
                "WHERE number = ANY(%s::bigint[])",
                (list(numbers),),
            )
        )
        return [found[number] for number in numbers if number in found]

    def frequencies(self, numbers: Sequence[int], term: str) -> Mapping[int, int]:
        """Return number to frequency of a term, of those documents that have one."""
        return dict(
            self._connection.rows(
                "SELECT number, frequency FROM search_frequency "
                "WHERE term = %s AND number = ANY(%s::bigint[])",
                (_term_key(term.encode()), list(numbers)),
            )
        )

    def by_age(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return numbers in the order in which their documents were first put."""
        return by_age(numbers)

    def listed(
        self, namespace: str, name: str, start: str, *, with_start: bool, limit: int
    ) -> Sequence[bytes]:
        """Return bodies by document id, from start on; limit -1 for all."""
        sign = ">=" if with_start else ">"
        rows = self._connection.rows(
            "SELECT body FROM search_document WHERE index_id = %s "
            f"AND document_id {sign} %s ORDER BY document_id LIMIT %s",
            (
                self._index_id(namespace, name),
                start.encode(),
                None if limit < 0 else limit,
            ),
        )
        return [body for (body,) in rows]

    def size(self, namespace: str, name: str) -> int:
        """Return the bytes of all documents of an index, as they say."""
        (size,) = self._connection.row(
            "SELECT coalesce(sum(size), 0)::bigint FROM search_document "
            "WHERE index_id = %s",
            (self._index_id(namespace, name),),
        )
        return int(size)

    def _select(
        self, namespace: str, name: str, condition: Condition
    ) -> tuple[str, list[object]]:
        index_id = self._index_id(namespace, name)
        selects = _Selects(_Asked(self._connection), _Terms(), index_id)
        select, values = selects.select(condition)
        return select.replace("?", "%s"), values

    def _index_id(self, namespace: str, name: str) -> int:
        row = self._connection.row(
            "SELECT id FROM search_index WHERE namespace = %s AND name = %s",
            (namespace.encode(), name.encode()),
        )
        return -1 if row is None else int(row[0])

    def _next_low(self) -> int:
        (value,) = self._connection.row(
            "UPDATE search_state SET value = value + 1 WHERE name = 'documents' "
            "RETURNING value"
        )
        return next_low(int(value))

    def _remove(self, number: int) -> None:
        (tokens,) = self._connection.row(
            "DELETE FROM search_document WHERE number = %s RETURNING terms", (number,)
        )
        self._connection.run(
            "DELETE FROM search_posting WHERE term = ANY(%s::bytea[]) AND number = %s",
            ([_term_key(token) for token in tokens.split(b" ")], number),
        )
        for table in ("search_number", "search_frequency", "search_sort"):
            self._connection.run(f"DELETE FROM {table} WHERE number = %s", (number,))


class PostgresSearchIndexes:
    """The search indexes of one store: contracts.search.SearchIndexes.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = lock_number(database.place, b"search")

    @contextmanager
    def read(self) -> Iterator[PostgresSearchView]:
        """Give the indexes as they are now; nothing may be changed."""
        with self._database.read() as connection:
            yield PostgresSearchView(connection)

    @contextmanager
    def write(self) -> Iterator[PostgresSearchView]:
        """Give the indexes to change; a body that raises has changed nothing."""
        # One at a time: documents are numbered, and replaced, by what is there.
        with self._database.write(self._lock) as connection:
            yield PostgresSearchView(connection)
