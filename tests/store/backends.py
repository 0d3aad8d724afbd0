"""The back ends that every test of the store's contract runs over.

The conftest.py of a folder imports the fixtures to have them.
"""

from __future__ import annotations

import atexit
import functools
import itertools
from typing import Any

import pytest

from channelshim.store.sqlite.state import SqliteStore
from tests.store.dict_store import DictStore, Disk

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)

BACKENDS = ("sqlite", "dict", POSTGRES)

ENGINES = ("sqlite", POSTGRES)
"""Those of the product."""

_schemas = itertools.count(1)
_clean: list[str] = []


@functools.cache
def shared_server():
    """Return the server of this process's tests, started when first asked for."""
    from tests.postgres_server import PostgresServer

    server = PostgresServer()
    atexit.register(server.remove)
    return server


def take_schema():
    """Return the name of a schema without data, which no test has at this moment."""
    return _clean.pop() if _clean else f"test_{next(_schemas)}"


def give_back_schema(schema):
    """Empty a schema for the next test; one that is in use is left alone."""
    import psycopg

    # Faster than making its tables anew.
    text = f"""
        SET lock_timeout = 500;
        DO $$ DECLARE t text; BEGIN
            FOR t IN SELECT quote_ident(table_name) FROM information_schema.tables
                WHERE table_schema = '{schema}' AND table_name <> 'schema_version'
            LOOP EXECUTE 'DELETE FROM {schema}.' || t; END LOOP;
        END $$;
        INSERT INTO {schema}.search_state VALUES ('documents', -1)
    """
    try:
        with psycopg.connect(shared_server().url()) as connection:
            connection.execute(text)
    except psycopg.Error:
        return
    _clean.append(schema)


def open_postgres(schema, *arguments, **options):
    """Return a store of PostgreSQL over a schema of the shared server."""
    return open_postgres_url(shared_server().url(), schema, *arguments, **options)


def open_postgres_url(url, schema, *arguments, **options):
    """Return a store of PostgreSQL over a schema of a server."""
    from channelshim.store.postgres.place import Place
    from channelshim.store.postgres.state import PostgresStore

    return PostgresStore(Place(url, schema), *arguments, **options)


@pytest.fixture(params=BACKENDS)
def open_store(request, tmp_path):
    """Return a function that opens the test's one store, beside what is open already.

    Its arguments are those that all back ends have: values_of, clock, cache_bytes.
    """
    yield from _opener(request.param, tmp_path)


@pytest.fixture(params=ENGINES)
def open_engine(request, tmp_path):
    """Return the same for the engines of the product alone."""
    yield from _opener(request.param, tmp_path)


@pytest.fixture
def open_shared(tmp_path):
    """Return the same for a store that several servers may share."""
    yield from _opener("postgres", tmp_path)


def _opener(backend, tmp_path):
    opened = []
    disk = Disk()
    schema = take_schema() if backend == "postgres" else ""

    def open_one(*arguments, **options):
        if backend == "sqlite":
            folder = tmp_path / "store"
            store: Any = SqliteStore(folder, *arguments, takes_lease=False, **options)
        elif backend == "postgres":
            store = open_postgres(schema, *arguments, **options)
        else:
            store = DictStore(disk, *arguments, **options)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()
    if schema:
        give_back_schema(schema)
