"""The schema, version by version. A released version never changes; a new one follows.

docs/explanation/postgresql.md says what the tables are for. Text is kept as the bytes
of its UTF-8: it may hold NUL, which PostgreSQL's text may not, and sorts by code points
in every database, whatever its collation and encoding.
"""

from __future__ import annotations

from typing import Final

from channelshim.errors import StorageError
from channelshim.store.postgres.locks import lock_number
from channelshim.store.postgres.place import SCHEMA_BYTES, Place
from channelshim.store.postgres.session import Connection
from channelshim.store.postgres.writing import WRITING

LEAST_VERSION: Final = 130000
"""PostgreSQL 13."""

_ACCOUNTS_AND_CHANNELS = """
CREATE TABLE secret (
    purpose bytea, number bigint, value bytea NOT NULL, PRIMARY KEY (purpose, number)
);
CREATE TABLE account (
    email bytea PRIMARY KEY, user_id bytea NOT NULL, is_admin boolean NOT NULL,
    seen_at double precision NOT NULL
);
CREATE TABLE ended_login (
    number bytea PRIMARY KEY, expires_at double precision NOT NULL
);
CREATE TABLE presence (server bytea, client_id bytea, PRIMARY KEY (server, client_id));
CREATE TABLE saved (server bytea, name bytea, value bytea NOT NULL,
    PRIMARY KEY (server, name));
"""

_ENTITIES = """
CREATE TABLE counter (name bytea PRIMARY KEY, next bigint NOT NULL);
CREATE TABLE kind (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace bytea NOT NULL, name bytea NOT NULL, UNIQUE (namespace, name)
);
CREATE TABLE index_definition (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind_id bigint NOT NULL, definition bytea NOT NULL,
    is_repeated boolean NOT NULL DEFAULT false, is_ready boolean NOT NULL DEFAULT true,
    UNIQUE (kind_id, definition)
);
CREATE TABLE entity (
    kind_id bigint, path bytea, version bigint NOT NULL, body bytea NOT NULL,
    row_indexes bigint[] NOT NULL, row_values bytea[] NOT NULL,
    PRIMARY KEY (kind_id, path)
) WITH (fillfactor = 80);
CREATE TABLE index_row (
    index_id bigint, value bytea, path bytea, PRIMARY KEY (index_id, value, path)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE entity_group (
    namespace bytea, root bytea, version bigint NOT NULL, entities bigint NOT NULL,
    PRIMARY KEY (namespace, root)
) WITH (fillfactor = 80);
"""

_CACHE = """
CREATE UNLOGGED TABLE cache (
    namespace bytea, name bytea, value bytea NOT NULL, flags bigint NOT NULL,
    cas_id bigint NOT NULL, expires_at double precision, is_locked boolean NOT NULL,
    written_at double precision NOT NULL, PRIMARY KEY (namespace, name)
) WITH (fillfactor = 80);
CREATE INDEX cache_written_at ON cache (written_at);
CREATE UNLOGGED TABLE cache_size (id integer PRIMARY KEY, bytes bigint NOT NULL)
    WITH (fillfactor = 20);
"""

_TASKS = """
CREATE SEQUENCE task_lease;
CREATE TABLE task (
    queue bytea, name bytea, eta double precision NOT NULL, method bytea NOT NULL,
    path bytea NOT NULL, headers bytea NOT NULL, body bytea NOT NULL, retry bytea,
    retries bigint NOT NULL, first_tried_at double precision,
    leased_until double precision NOT NULL DEFAULT 0,
    leased_by bytea NOT NULL DEFAULT '', lease bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, name)
) WITH (fillfactor = 80);
CREATE INDEX task_eta ON task (eta);
CREATE INDEX task_leased ON task (leased_by) WHERE leased_until > 0;
CREATE TABLE task_tombstone (
    queue bytea, name bytea, ends_at double precision NOT NULL,
    PRIMARY KEY (queue, name)
);
CREATE INDEX task_tombstone_ends_at ON task_tombstone (ends_at);
CREATE TABLE task_queue (
    queue bytea PRIMARY KEY, tokens double precision NOT NULL,
    filled_at double precision NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE paused_queue (queue bytea PRIMARY KEY);
CREATE TABLE task_worker (id bytea PRIMARY KEY, seen_at timestamptz NOT NULL)
    WITH (fillfactor = 20);
CREATE TABLE pull_task (
    queue bytea, name bytea, eta bigint NOT NULL, body bytea NOT NULL, tag bytea,
    leases bigint NOT NULL, PRIMARY KEY (queue, name)
) WITH (fillfactor = 80);
CREATE INDEX pull_task_eta ON pull_task (queue, eta, name);
CREATE INDEX pull_task_tag ON pull_task (queue, tag, eta, name);
CREATE TABLE cron_run (job bytea PRIMARY KEY, at double precision NOT NULL);
"""

_SEARCH = """
CREATE TABLE search_index (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace bytea NOT NULL, name bytea NOT NULL, UNIQUE (namespace, name)
);
CREATE TABLE search_field (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    index_id bigint NOT NULL, field bytea NOT NULL, kind bigint NOT NULL,
    UNIQUE (index_id, field, kind)
);
CREATE TABLE search_document (
    number bigint PRIMARY KEY, index_id bigint NOT NULL, document_id bytea NOT NULL,
    size bigint NOT NULL, terms bytea NOT NULL, body bytea NOT NULL,
    UNIQUE (index_id, document_id)
);
CREATE TABLE search_posting (term bytea, number bigint, PRIMARY KEY (term, number));
CREATE TABLE search_number (
    index_id bigint, name bytea, value double precision, number bigint,
    PRIMARY KEY (index_id, name, value, number)
);
CREATE INDEX search_number_number ON search_number (number);
CREATE TABLE search_frequency (
    term bytea, number bigint, frequency bigint NOT NULL, PRIMARY KEY (term, number)
);
CREATE INDEX search_frequency_number ON search_frequency (number);
CREATE TABLE search_sort (
    number bigint, field bytea, text bytea, value double precision,
    PRIMARY KEY (number, field)
);
CREATE TABLE search_state (name bytea PRIMARY KEY, value bigint NOT NULL);
INSERT INTO search_state VALUES ('documents', -1);
"""

_FILES = """
CREATE TABLE blob (
    key bytea PRIMARY KEY, size bigint NOT NULL, piece_bytes bigint NOT NULL
);
CREATE TABLE blob_piece (
    key bytea, number bigint, data bytea NOT NULL, PRIMARY KEY (key, number)
);
ALTER TABLE blob_piece ALTER data SET STORAGE EXTERNAL;
CREATE TABLE mail (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data bytea NOT NULL
);
"""

_PASSWORDS = """
CREATE TABLE password (
    folded bytea PRIMARY KEY, email bytea NOT NULL, hash bytea NOT NULL,
    changed_at double precision NOT NULL
);
CREATE TABLE login_attempt (key bytea PRIMARY KEY, full_at double precision NOT NULL);
CREATE INDEX login_attempt_full_at ON login_attempt (full_at);
"""

_SERVERS = """
CREATE TABLE server (
    id bytea PRIMARY KEY, pass bytea NOT NULL, seen_at timestamptz NOT NULL
) WITH (fillfactor = 20);
ALTER TABLE cron_run ADD claim bytea;
ALTER TABLE blob ADD pieces bytea;
CREATE TABLE blob_replaced (pieces bytea PRIMARY KEY, at timestamptz NOT NULL);
"""

_OUTGOING_MAIL = """
ALTER TABLE mail
    ADD added_at double precision NOT NULL DEFAULT 0,
    ADD state bytea NOT NULL DEFAULT 'kept', ADD sender bytea NOT NULL DEFAULT '',
    ADD recipients bytea NOT NULL DEFAULT '[]', ADD tries bigint NOT NULL DEFAULT 0,
    ADD due_at double precision NOT NULL DEFAULT 0,
    ADD gives_up_at double precision NOT NULL DEFAULT 0,
    ADD taken_by bytea NOT NULL DEFAULT '', ADD refused bytea NOT NULL DEFAULT '',
    ADD trouble bytea NOT NULL DEFAULT '', ADD size bigint NOT NULL DEFAULT 0;
UPDATE mail SET size = length(data);
CREATE INDEX mail_state ON mail (state, due_at);
"""

_MAIL_GIVEN_UP = "ALTER TABLE mail ADD given_up bytea NOT NULL DEFAULT '[]';"

_ENDED_LOGINS_IN_ORDER = (
    "CREATE INDEX ended_login_expires_at ON ended_login (expires_at DESC, number);"
)

MIGRATIONS: Final = (
    _ACCOUNTS_AND_CHANNELS,
    _ENTITIES,
    WRITING,
    _CACHE,
    _TASKS,
    _SEARCH,
    _FILES,
    _PASSWORDS,
    _SERVERS,
    _OUTGOING_MAIL,
    _MAIL_GIVEN_UP,
    _ENDED_LOGINS_IN_ORDER,
)
"""Scripts; the n-th takes a store from version n to n + 1, counted from 0."""

VERSION: Final = len(MIGRATIONS)


def migrate(connection: Connection, place: Place) -> None:
    """Bring a schema to VERSION in one transaction; a concurrent one waits.

    Args:
        connection: outside a transaction.
        place: names the schema.

    Raises:
        StorageError: the server is too old or read-only, the schema is that of a newer
            channelshim, or it holds what is not a store.
    """
    _check_server(connection, place)
    # What it says of tables may be out of date: another server may be making them.
    if read_version(connection, place)[0] == VERSION:
        return
    connection.script(f"BEGIN; SELECT pg_advisory_xact_lock({lock_number(place)})")
    try:
        # The lock before may have been waited for while others did it.
        version, tables = read_version(connection, place)
        if version is None and tables:
            raise StorageError(
                f"the store {place} cannot be there: the schema has tables that are "
                "not channelshim's; name another with --store_schema"
            )
        if version is None:
            _make_schema(connection, place)
            version = 0
        if version > VERSION:
            raise StorageError(
                f"the store {place} was written by a newer channelshim (its version is "
                f"{version}, this one knows {VERSION}): upgrade, or choose another "
                "schema with --store_schema"
            )
        connection.script(f'SET LOCAL search_path = "{place.schema}"')
        for script in MIGRATIONS[version:]:
            connection.script(script)
        connection.run("UPDATE schema_version SET version = %s", (VERSION,))
        connection.commit()
    except BaseException:
        connection.raw.rollback()
        raise


def check_schema(schema: str) -> str:
    """Return a schema's name.

    Raises:
        StorageError: it cannot be one.
    """
    is_short = 0 < len(schema.encode("utf-8", "replace")) <= SCHEMA_BYTES
    if not is_short or '"' in schema or "\0" in schema or schema.startswith("pg_"):
        raise StorageError(
            f"a schema of PostgreSQL cannot be named {schema!r}: name another with "
            f"--store_schema, of at most {SCHEMA_BYTES} letters"
        )
    return schema


def _check_server(connection: Connection, place: Place) -> None:
    version = connection.raw.info.server_version
    if version < LEAST_VERSION:
        raise StorageError(
            f"the store {place} is a PostgreSQL {version // 10000}: channelshim needs "
            f"{LEAST_VERSION // 10000} or newer"
        )
    (is_read_only,) = connection.row(
        "SELECT current_setting('transaction_read_only')::boolean"
    )
    if is_read_only:
        raise StorageError(
            f"the store {place} is read-only: name the primary server, or several with "
            "target_session_attrs=read-write"
        )


def read_version(connection: Connection, place: Place) -> tuple[int | None, int]:
    """Return the version of a schema, and how many tables and the like are in it.

    The version is None where there is none of channelshim's. A server that makes the
    schema meanwhile may make the two differ.
    """
    (table,) = connection.row(
        "SELECT to_regclass(%s)::text", (f'"{place.schema}".schema_version',)
    )
    version = None
    if table is not None:
        (version,) = connection.row(
            f'SELECT version::bigint FROM "{place.schema}".schema_version'
        )
    (count,) = connection.row(
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = c.relnamespace WHERE n.nspname = %s::text",
        (place.schema,),
    )
    return None if version is None else int(version), int(count)


def _make_schema(connection: Connection, place: Place) -> None:
    (is_there,) = connection.row(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace "
        "WHERE nspname = %s::text)",
        (place.schema,),
    )
    # Whoever may not make one can still be given one.
    if not is_there:
        connection.script(f'CREATE SCHEMA "{place.schema}"')
    connection.script(
        f'CREATE TABLE "{place.schema}".schema_version (version integer NOT NULL); '
        f'INSERT INTO "{place.schema}".schema_version VALUES (0)'
    )
