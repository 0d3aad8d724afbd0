"""The schema, version by version. A released version never changes; a new one follows.

docs/explanation/store.md says what the tables are for.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from channelshim.errors import StorageError

APPLICATION_ID: Final = 0x43485348
"""Marks the file as ours ("CHSH"; SQLite, PRAGMA application_id)."""

_ACCOUNTS_AND_CHANNELS = """
CREATE TABLE secret (
    purpose TEXT NOT NULL, number INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (purpose, number)
) WITHOUT ROWID;
CREATE TABLE account (
    email TEXT PRIMARY KEY, user_id TEXT NOT NULL, is_admin INTEGER NOT NULL,
    seen_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE presence (client_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE saved (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""

_ENTITIES = """
CREATE TABLE kind (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (namespace, name)
);
CREATE TABLE entity (
    id INTEGER PRIMARY KEY, kind_id INTEGER NOT NULL, path BLOB NOT NULL,
    version INTEGER NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind_id, path)
);
CREATE TABLE index_definition (
    id INTEGER PRIMARY KEY, kind_id INTEGER NOT NULL, definition TEXT NOT NULL,
    is_repeated INTEGER NOT NULL DEFAULT 0, is_ready INTEGER NOT NULL DEFAULT 1,
    UNIQUE (kind_id, definition)
);
CREATE TABLE index_row (
    index_id INTEGER NOT NULL, value BLOB NOT NULL, path BLOB NOT NULL,
    entity_id INTEGER NOT NULL,
    PRIMARY KEY (index_id, value, path)
) WITHOUT ROWID;
CREATE TABLE entity_group (
    namespace TEXT NOT NULL, root BLOB NOT NULL, version INTEGER NOT NULL,
    entities INTEGER NOT NULL,
    PRIMARY KEY (namespace, root)
) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
"""

_CACHE = """
CREATE TABLE cache (
    namespace TEXT NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,
    flags INTEGER NOT NULL, cas_id INTEGER NOT NULL, expires_at REAL,
    is_locked INTEGER NOT NULL, written_at REAL NOT NULL,
    PRIMARY KEY (namespace, name)
) WITHOUT ROWID;
CREATE INDEX cache_written_at ON cache (written_at);
"""

_TASKS = """
CREATE TABLE task (
    queue TEXT NOT NULL, name TEXT NOT NULL, eta REAL NOT NULL,
    leased_until REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    headers TEXT NOT NULL, body BLOB NOT NULL, retry TEXT,
    retries INTEGER NOT NULL, first_tried_at REAL,
    PRIMARY KEY (queue, name)
) WITHOUT ROWID;
CREATE INDEX task_eta ON task (eta);
CREATE TABLE task_tombstone (
    queue TEXT NOT NULL, name TEXT NOT NULL, ends_at REAL NOT NULL,
    PRIMARY KEY (queue, name)
) WITHOUT ROWID;
CREATE INDEX task_tombstone_ends_at ON task_tombstone (ends_at);
"""

_PULL_TASKS = """
CREATE TABLE pull_task (
    queue TEXT NOT NULL, name TEXT NOT NULL, eta INTEGER NOT NULL,
    body BLOB NOT NULL, tag BLOB, leases INTEGER NOT NULL,
    PRIMARY KEY (queue, name)
) WITHOUT ROWID;
CREATE INDEX pull_task_eta ON pull_task (queue, eta, name);
CREATE INDEX pull_task_tag ON pull_task (queue, tag, eta, name)
"""

_PRESENCE_AS_BYTES = """
CREATE TABLE presence_bytes (client_id BLOB PRIMARY KEY) WITHOUT ROWID;
INSERT INTO presence_bytes SELECT CAST(client_id AS BLOB) FROM presence;
DROP TABLE presence;
ALTER TABLE presence_bytes RENAME TO presence
"""
"""A client id may be bytes that are not UTF-8, which a TEXT column cannot hold."""

_TASK_WORKERS = """
ALTER TABLE task ADD COLUMN leased_by TEXT NOT NULL DEFAULT '';
UPDATE task SET leased_until = 0
"""

_TASK_LEASES = """
ALTER TABLE task ADD COLUMN lease INTEGER NOT NULL DEFAULT 0
"""
"""A name may be used again while an old task of that name still runs."""
_ENDED_LOGINS = """
CREATE TABLE ended_login (
    number TEXT PRIMARY KEY, expires_at REAL NOT NULL
) WITHOUT ROWID
"""

_SEARCH = """
CREATE TABLE search_index (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (namespace, name)
);
CREATE TABLE search_field (
    id INTEGER PRIMARY KEY, index_id INTEGER NOT NULL, field TEXT NOT NULL,
    kind INTEGER NOT NULL,
    UNIQUE (index_id, field, kind)
);
CREATE TABLE search_document (
    number INTEGER PRIMARY KEY, index_id INTEGER NOT NULL, document_id TEXT NOT NULL,
    size INTEGER NOT NULL, terms TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (index_id, document_id)
);
CREATE TABLE search_posting (
    term TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (term, number)
) WITHOUT ROWID;
CREATE TABLE search_number (
    index_id INTEGER NOT NULL, name TEXT NOT NULL, value REAL NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (index_id, name, value, number)
) WITHOUT ROWID;
CREATE INDEX search_number_number ON search_number (number);
CREATE TABLE search_frequency (
    number INTEGER NOT NULL, term TEXT NOT NULL, frequency INTEGER NOT NULL,
    PRIMARY KEY (term, number)
) WITHOUT ROWID;
CREATE INDEX search_frequency_number ON search_frequency (number);
CREATE TABLE search_sort (
    number INTEGER NOT NULL, field TEXT NOT NULL, text TEXT, value REAL,
    PRIMARY KEY (number, field)
) WITHOUT ROWID;
CREATE TABLE search_state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO search_state VALUES ('documents', -1)
"""
"""FTS5's table is made at the first use: not every SQLite has it."""

_PASSWORDS = """
CREATE TABLE password (
    folded TEXT PRIMARY KEY, email TEXT NOT NULL, hash TEXT NOT NULL,
    changed_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE login_attempt (
    key TEXT PRIMARY KEY, full_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_attempt_full_at ON login_attempt (full_at)
"""

_MAIL = """
CREATE TABLE mail (
    number INTEGER PRIMARY KEY AUTOINCREMENT, added_at REAL NOT NULL,
    state TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL, gives_up_at REAL NOT NULL,
    is_taken INTEGER NOT NULL DEFAULT 0, refused TEXT NOT NULL DEFAULT '',
    trouble TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX mail_state ON mail (state, due_at)
"""

_MAIL_GIVEN_UP = "ALTER TABLE mail ADD given_up TEXT NOT NULL DEFAULT '[]'"

_ENDED_LOGINS_IN_ORDER = (
    "CREATE INDEX ended_login_expires_at ON ended_login (expires_at DESC, number)"
)

MIGRATIONS: Final = (
    _ACCOUNTS_AND_CHANNELS,
    _ENTITIES,
    _CACHE,
    _TASKS,
    _PULL_TASKS,
    _PRESENCE_AS_BYTES,
    _TASK_WORKERS,
    _TASK_LEASES,
    _ENDED_LOGINS,
    _SEARCH,
    _PASSWORDS,
    _MAIL,
    _MAIL_GIVEN_UP,
    _ENDED_LOGINS_IN_ORDER,
)
"""Scripts; the n-th takes a store from version n to n + 1, counted from 0."""

VERSION: Final = len(MIGRATIONS)


def read_version(connection: sqlite3.Connection) -> int:
    """Return how many migrations the file has seen; 0 for an empty file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to VERSION in one transaction; a concurrent one waits.

    Args:
        connection: in autocommit mode, outside a transaction.
        path: the file, for the sentences.

    Raises:
        StorageError: the file is of a newer channelshim, or no store at all.
    """
    if read_version(connection) == VERSION:
        _check_is_ours(connection, path)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _apply(connection, path)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _apply(connection: sqlite3.Connection, path: str) -> None:
    version = read_version(connection)
    if version > VERSION:
        raise StorageError(
            f"the store {path} was written by a newer channelshim (its version is "
            f"{version}, this one knows {VERSION}): upgrade, or choose another folder "
            "with --storage_path"
        )
    if version > 0 or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        _check_is_ours(connection, path)
    for script in MIGRATIONS[version:]:
        # Not executescript: that would commit the transaction we are in.
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _check_is_ours(connection: sqlite3.Connection, path: str) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StorageError(
            f"{path} is a database, but not a channelshim store: choose another folder "
            "with --storage_path"
        )
