"""Where terms are looked up: FTS5, or a plain table where an SQLite lacks it.

Both give the same answers, held to that by a test. FTS5 gets no text of people but
tokens that are spelled out (`token_of`), and its index keeps none of its own: the
tokens of a document stand in `search_document`, so that either can be made from it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Protocol

from channelshim.contracts.search import (
    AllOf,
    AnyOf,
    Condition,
    Everything,
    HasPrefix,
    HasTerm,
    NoneOf,
)
from channelshim.store.search_select import Query
from channelshim.store.search_tokens import EVERYTHING, HIGHEST, token_of


class Terms(Protocol):
    """The terms of all documents."""

    def add(self, number: int, tokens: str) -> None:
        """Add a document; tokens are joined by blanks."""

    def remove(self, number: int, tokens: str) -> None:
        """Take out a document with exactly these tokens."""

    def select(self, index_id: int, condition: Condition) -> Query | None:
        """Return a SELECT of the documents of a condition; None if it is no term's."""


class PlainTerms:
    """Terms in a table: a row for each term of each document."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, number: int, tokens: str) -> None:
        """Add a document; tokens are joined by blanks."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO search_posting VALUES (?, ?)",
            [(token, number) for token in tokens.split(" ")],
        )

    def remove(self, number: int, tokens: str) -> None:
        """Take out a document with exactly these tokens."""
        self._connection.executemany(
            "DELETE FROM search_posting WHERE term = ? AND number = ?",
            [(token, number) for token in tokens.split(" ")],
        )

    def select(self, index_id: int, condition: Condition) -> Query | None:
        """Return a SELECT of the documents of a condition; None if it is no term's."""
        match condition:
            case HasTerm(text):
                return self._with_term(token_of(index_id, text))
            case HasPrefix(text):
                low = token_of(index_id, text)
                return (
                    "SELECT DISTINCT number FROM search_posting "
                    "WHERE term >= ? AND term < ?",
                    [low, low + HIGHEST],
                )
            case Everything():
                return self._with_term(token_of(index_id, EVERYTHING))
        return None

    def _with_term(self, token: str) -> Query:
        return "SELECT number FROM search_posting WHERE term = ?", [token]


class FullTextTerms:
    """Terms in FTS5: whatever is made of terms alone is one question to it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, number: int, tokens: str) -> None:
        """Add a document; tokens are joined by blanks."""
        self._connection.execute(
            "INSERT INTO search_term (rowid, terms) VALUES (?, ?)", (number, tokens)
        )

    def remove(self, number: int, tokens: str) -> None:
        """Take out a document with exactly these tokens."""
        self._connection.execute(
            "INSERT INTO search_term (search_term, rowid, terms) "
            "VALUES ('delete', ?, ?)",
            (number, tokens),
        )

    def select(self, index_id: int, condition: Condition) -> Query | None:
        """Return a SELECT of the documents of a condition; None if it has others."""
        question = _question(index_id, condition)
        if question is None:
            return None
        select = "SELECT rowid AS number FROM search_term WHERE search_term MATCH ?"
        return select, [question]


def _question(index_id: int, condition: Condition) -> str | None:
    """Return a condition in FTS5's language; None if it has more than terms."""
    match condition:
        case HasTerm(text):
            return f'"{token_of(index_id, text)}"'
        case HasPrefix(text):
            return f'"{token_of(index_id, text)}" *'
        case Everything():
            return f'"{token_of(index_id, EVERYTHING)}"'
        case AllOf(parts):
            return _joined(index_id, parts, " AND ")
        case AnyOf(parts) if parts:
            return _joined(index_id, parts, " OR ")
        case NoneOf(part):
            inner = _question(index_id, part)
            everything = f'"{token_of(index_id, EVERYTHING)}"'
            return None if inner is None else f"({everything} NOT ({inner}))"
    return None


def _joined(index_id: int, parts: Iterable[Condition], word: str) -> str | None:
    questions = []
    for part in parts:
        question = _question(index_id, part)
        if question is None:
            return None
        questions.append(question)
    return f"({word.join(questions)})"
