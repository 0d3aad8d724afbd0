"""What `channelshim doctor --deployment` finds out of a PostgreSQL.

Nothing is changed: what has to be tried is tried in a transaction that is rolled back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from channelshim.contracts.examination import (
    ROUND_TRIPS,
    Finding,
    RoundTrip,
    fine,
    note,
    timings,
    wrong,
)
from channelshim.errors import StorageError
from channelshim.store.postgres.connections import Database
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.schema import (
    LEAST_VERSION,
    VERSION,
    check_schema,
    read_version,
)
from channelshim.store.postgres.session import Connection

_TABLE_RIGHTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


def examine(place: Place, wanted_connections: int) -> list[Finding]:
    """Return what is found of a database; the first that is wrong may be the only one.

    Args:
        place: of the store.
        wanted_connections: how many the server on this machine opens at most, all its
            processes together.

    Raises:
        ConfigurationError: the URL cannot be read.
    """
    database = Database(place)
    try:
        check_schema(place.schema)
        connection = database.connect()
    except StorageError as error:
        return [wrong("access", str(error))]
    looks: dict[str, Callable[[], list[Finding]]] = {
        "version": lambda: [_version(connection)],
        "role": lambda: [_role(connection)],
        "pooler": lambda: [_pooler(connection, place)],
        "connections": lambda: [_connections(connection, wanted_connections)],
        "durability": lambda: _durability(connection),
        "timeout": lambda: [_timeout(connection)],
        "permissions": lambda: [_permissions(connection, database)],
        "schema": lambda: [_schema(connection, place)],
        "latency": lambda: timings([_ask_time(connection) for _ in range(ROUND_TRIPS)]),
    }
    found: list[Finding] = []
    try:
        for subject, look in looks.items():
            try:
                with database.explained():
                    found += look()
            except StorageError as error:
                found.append(wrong(subject, str(error)))
                if connection.raw.closed:
                    break
    finally:
        connection.raw.close()
        database.close()
    return found


def _setting(connection: Connection, name: str) -> str:
    (value,) = connection.row("SELECT current_setting(%s)", (name,))
    return str(value)


def _version(connection: Connection) -> Finding:
    number = connection.raw.info.server_version
    name = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number < LEAST_VERSION:
        return wrong(
            "version", f"{name} is too old: {LEAST_VERSION // 10000} is the least"
        )
    return fine("version", name)


def _role(connection: Connection) -> Finding:
    is_standby, is_read_only = connection.row(
        "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean"
    )
    if is_standby or is_read_only:
        what = "a standby" if is_standby else "read-only"
        return wrong(
            "role",
            f"it is {what}: name the primary server, or several with "
            "target_session_attrs=read-write",
        )
    return fine("role", "it takes writes")


def _pooler(connection: Connection, place: Place) -> Finding:
    # What the protocol names is the pooler's, what a query names the server's.
    (server_pid,) = connection.row("SELECT pg_backend_pid()")
    is_pooled = int(server_pid) != connection.raw.info.backend_pid
    if is_pooled and not place.through_pooler:
        return note(
            "pooler",
            "a pooler stands before it: in transaction mode set store_pooler to yes",
        )
    if place.through_pooler and not is_pooled:
        return note(
            "pooler",
            "store_pooler is yes and no pooler is seen: without one, leave it no, "
            "which is faster",
        )
    return fine("pooler", "one stands before it" if is_pooled else "none, as set")


def _connections(connection: Connection, wanted: int) -> Finding:
    most, reserved, of_role, of_database, used = connection.row(
        "SELECT current_setting('max_connections')::bigint, "
        "current_setting('superuser_reserved_connections')::bigint, "
        "(SELECT rolconnlimit::bigint FROM pg_catalog.pg_roles "
        "WHERE rolname = current_user), "
        "(SELECT datconnlimit::bigint FROM pg_catalog.pg_database "
        "WHERE datname = current_database()), "
        "(SELECT count(*) FROM pg_catalog.pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())"
    )
    limits = {
        "max_connections": most - reserved,
        "the role's CONNECTION LIMIT": of_role,
        "the database's CONNECTION LIMIT": of_database,
    }
    name, least = min(
        ((name, limit) for name, limit in limits.items() if limit >= 0),
        key=lambda each: each[1],
    )
    shown = f"this machine's server opens up to {wanted}, and {name} leaves {least}"
    if wanted > least:
        return wrong(
            "connections",
            f"{shown}: raise it, or set store_connections lower",
        )
    if wanted > least - used:
        return note(
            "connections", f"{shown}, of which {used} are in use: one more may not fit"
        )
    return fine("connections", f"{shown}, of which {used} are in use")


def _durability(connection: Connection) -> list[Finding]:
    """Return whether what is acknowledged is kept."""
    found = []
    for name, loss in (
        ("fsync", "a crash of its machine can destroy the whole store"),
        ("full_page_writes", "a power cut can destroy pages of the store"),
    ):
        if _setting(connection, name) == "off":
            found.append(wrong("durability", f"{name} is off: {loss}"))
    if _setting(connection, "synchronous_commit") == "off":
        found.append(
            note(
                "durability",
                "synchronous_commit is off: a crash of the server forgets the last "
                "writes that it has acknowledged",
            )
        )
    if _setting(connection, "autovacuum") == "off":
        found.append(
            note("vacuum", "autovacuum is off: tables grow with every write; set it on")
        )
    return found or [fine("durability", "what it acknowledges is on its disk")]


def _timeout(connection: Connection) -> Finding:
    (milliseconds,) = connection.row(
        "SELECT setting::bigint FROM pg_catalog.pg_settings "
        "WHERE name = 'statement_timeout'"
    )
    if milliseconds:
        return note(
            "timeout",
            f"statement_timeout ends what takes longer than {milliseconds / 1000:g} s, "
            "building an index included: set it to 0 for this role",
        )
    return fine("timeout", "statement_timeout is 0")


def _schema(connection: Connection, place: Place) -> Finding:
    name = f"the schema {place.schema}"
    version, tables = read_version(connection, place)
    if version is None and tables:
        return wrong(
            "schema",
            f"{name} has tables that are not channelshim's: name another with "
            "store_schema",
        )
    if version is None:
        return fine("schema", f"{name} is made at the first start")
    if version > VERSION:
        return wrong(
            "schema",
            f"{name} was written by a newer channelshim (its version is {version}, "
            f"this one knows {VERSION}): upgrade",
        )
    if version < VERSION:
        return note(
            "schema",
            f"{name} has version {version}: the next start brings it to {VERSION}, "
            "after which an older channelshim cannot use it",
        )
    return fine("schema", f"{name} has version {version}")


def _permissions(connection: Connection, database: Database) -> Finding:
    """Try to make what a start makes, and look whose the tables are."""
    schema = database.place.schema
    try:
        with database.explained():
            connection.script("BEGIN")
            (is_there,) = connection.row(
                "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace "
                "WHERE nspname = %s::text)",
                (schema,),
            )
            if not is_there:
                connection.script(f'CREATE SCHEMA "{schema}"')
            own = f'"{schema}"."doctor_{secrets.token_hex(6)}"'
            connection.script(
                f"CREATE TABLE {own} (id bigint); "
                f"CREATE FUNCTION {own}() RETURNS bigint LANGUAGE plpgsql "
                "AS 'BEGIN RETURN 1; END'; "
                "SELECT pg_advisory_xact_lock_shared(0)"
            )
            missing = _missing_rights(connection, schema)
    except StorageError as error:
        return wrong(
            "permissions",
            f"this role may not make the schema {schema}, or tables and functions in "
            f"it ({error}): grant CREATE on the database, or on the schema",
        )
    finally:
        connection.raw.rollback()
    if missing:
        return wrong(
            "permissions",
            f"this role may not {missing} in the schema {schema}: make it the owner of "
            "all that is there",
        )
    return fine("permissions", "this role may do all that is needed")


def _missing_rights(connection: Connection, schema: str) -> str:
    """Return what a role may not do with tables that are there; "" for nothing."""
    rights = " AND ".join(
        f"has_table_privilege(c.oid, '{right}')" for right in _TABLE_RIGHTS
    )
    (tables,) = connection.row(
        "SELECT coalesce(array_agg(relname::text ORDER BY relname), '{}') "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = c.relnamespace "
        f"WHERE n.nspname = %s::text AND c.relkind = 'r' AND NOT ({rights})",
        (schema,),
    )
    if not tables:
        return ""
    more = f" and {len(tables) - 1} more" if len(tables) > 1 else ""
    return f"read and change the table {tables[0]}{more}"


def _ask_time(connection: Connection) -> RoundTrip:
    asked_at = time.time()
    (seconds,) = connection.row(
        "SELECT extract(epoch FROM clock_timestamp())::double precision"
    )
    return RoundTrip(asked_at, time.time(), float(seconds))
