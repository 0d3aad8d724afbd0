"""Files as the old development server wrote them, made without it."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

SHORT = 256
BATCH = 1000


def pickled(bodies: Iterable[bytes], moment: int = 1_400_000_000_000_000) -> bytes:
    """Return what Python 2.7 makes of a list of byte strings by protocol 1.

    Args:
        bodies: the entities.
        moment: the last thing in the list; 0 leaves it out, as older servers did.
    """
    items = [
        b"U%c%b" % (len(body), body)
        if len(body) < SHORT
        else b"T%b%b" % (struct.pack("<i", len(body)), body)
        for body in bodies
    ]
    if moment:
        items.append(b"L%dL\n" % moment)
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    return b"]" + b"".join(b"(%be" % b"".join(batch) for batch in batches) + b"."


def write_sqlite(
    path: Path,
    entities: Mapping[tuple[str, str], Iterable[Any]],
    *,
    sequential: int = 1,
    scattered: int = 1,
) -> None:
    """Write a file of the old server's datastore.

    Args:
        path: of the file.
        entities: (app, namespace) to what its table holds: EntityProtos as bytes.
        sequential, scattered: the next numbers of the id counters.

    Source: SDK 1.9.88, datastore/datastore_sqlite_stub.py; a test of the lane
    `original` compares it with a file of the SDK's own.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {table} ({columns})")
        for (app, namespace), bodies in entities.items():
            prefix = f"{app}!{namespace}".replace('"', '""')
            connection.execute(f'CREATE TABLE "{prefix}!Entities" ({ENTITY_COLUMNS})')
            connection.execute("INSERT OR IGNORE INTO Apps VALUES (?, NULL)", (app,))
            connection.execute("INSERT INTO Namespaces VALUES (?, ?)", (app, namespace))
            connection.execute("INSERT INTO IdSeq VALUES (?, ?)", (prefix, sequential))
            connection.execute(
                "INSERT INTO ScatteredIdCounters VALUES (?, ?)", (prefix, scattered)
            )
            for number, body in enumerate(bodies):
                connection.execute(
                    f'INSERT INTO "{prefix}!Entities" VALUES (?, ?, ?)',
                    (b"%08d" % number, "Kind", body),
                )


ENTITY_COLUMNS = (
    "__path__ BLOB NOT NULL PRIMARY KEY, kind TEXT NOT NULL, entity BLOB NOT NULL"
)

TABLES = {
    "Apps": "app_id TEXT NOT NULL PRIMARY KEY, indexes BLOB",
    "Namespaces": (
        "app_id TEXT NOT NULL, name_space TEXT NOT NULL, "
        "PRIMARY KEY (app_id, name_space)"
    ),
    "IdSeq": "prefix TEXT NOT NULL PRIMARY KEY, next_id INT NOT NULL",
    "ScatteredIdCounters": "prefix TEXT NOT NULL PRIMARY KEY, next_id INT NOT NULL",
}
