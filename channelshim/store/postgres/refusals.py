"""What PostgreSQL and its driver refuse, as errors of ours with a sentence each."""

from __future__ import annotations

import re
from typing import Any, Final

import psycopg

from channelshim.errors import StorageError, StoreBusy

REFUSALS: Final = (psycopg.Error, UnicodeError)
"""What the driver raises; UnicodeError: text with half of a surrogate pair."""

_BUSY: Final = frozenset({"55P03", "57014", "40001", "40P01"})
"""lock_not_available, query_canceled, serialization_failure, deadlock_detected."""

ROLLED_BACK: Final = "a statement had failed before, so nothing was changed"
"""What became of a transaction in which a refusal was passed over."""

_REASONS: Final = {
    "25P02": ROLLED_BACK,
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "all its connections are in use: raise max_connections, or set "
    "store_connections lower",
    "25006": "it is read-only: is this a standby?",
    "25P03": "the transaction was open for too long",
    "42501": "this role may not do that; docs/how-to/grow-postgres.md has its rights",
    "28P01": "the password is wrong",
    "28000": "this role may not log in so: see pg_hba.conf",
    "3D000": "there is no such database",
    "54000": "a key with its indexed values is too long for PostgreSQL's indexes",
    "57P01": "the server is shutting down",
    "57P02": "the server has crashed",
    "57P03": "the server is starting up or shutting down",
}
"""SQLSTATE, and what it means for us. PostgreSQL, appendix "PostgreSQL Error Codes"."""

_TOO_MANY: Final = re.compile(
    r"too many (clients|connections)|connection slots are reserved"
)
"""In the first line of an error while connecting, which comes without a SQLSTATE."""


def explanation(store: str, error: Exception) -> StorageError:
    """Return the error of ours for one of REFUSALS, to be raised in its place.

    Args:
        store: what refused, for the sentence.
        error: what the driver has raised.
    """
    code = str(getattr(error, "sqlstate", None) or "")
    if code in _BUSY:
        return StoreBusy(f"{store} was busy for too long")
    if code in _REASONS:
        return StorageError(f"{store} refused: {_REASONS[code]}")
    # Its first line; the rest is hints and positions.
    text = (str(error).strip() or "the connection was lost").splitlines()[0]
    if not code and _TOO_MANY.search(text):
        return StorageError(f"{store} refused: {_REASONS['53300']}")
    return StorageError(f"{store} refused: {text}")


def is_lost(error: psycopg.Error, raw: psycopg.Connection[Any]) -> bool:
    """Return whether a session has ended; closes it then."""
    code = error.sqlstate or ""
    # class 57, Operator Intervention, and 08, Connection Exception.
    if not raw.closed and (not code or code.startswith(("57P", "08"))):
        raw.close()
    return raw.closed
