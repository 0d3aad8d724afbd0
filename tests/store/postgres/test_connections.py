"""Sessions that die, transactions that stay, forks, and a pooler in between."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

import psycopg
import pytest

from channelshim.contracts.entities import Conflict
from channelshim.errors import StorageError, StoreBusy
from channelshim.store.postgres import connections, session
from channelshim.store.postgres.place import Place
from channelshim.store.postgres.state import PostgresStore
from tests.conftest import await_condition
from tests.postgres_server import Bouncer
from tests.store.json_entities import key, put, values_of


def end_all(server):
    """End every session of a store, and wait until they are gone."""
    # The pool may open others meanwhile.
    pids = server.sql(
        "SELECT string_agg(pid::text, ',') FROM pg_stat_activity "
        "WHERE application_name = 'channelshim'"
    )
    listed = f"FROM pg_stat_activity WHERE pid IN ({pids or 0})"
    server.sql(f"SELECT count(pg_terminate_backend(pid)) {listed}")
    await_condition(lambda: server.sql(f"SELECT count(*) {listed}") == "0")


def test_dead_sessions_are_replaced_and_nobody_hears_of_it(server, open_store):
    store = open_store(values_of)
    at = key("A", 1)
    for number in range(3):
        store.entities.apply([put(at, n=[str(number)])])
        with store.entities.read() as snapshot, store.entities.read():
            assert snapshot.get(at) is not None
        end_all(server)
        assert store.entities.get_many([at])[0] is not None
        end_all(server)
        with store.entities.read() as snapshot:
            assert snapshot.get(at) is not None
        end_all(server)


def test_session_that_dies_within_a_transaction_is_an_error_once(server, open_store):
    store = open_store(values_of)
    store.entities.apply([put(key("A", 1))])
    held = store.entities.open()
    end_all(server)
    with pytest.raises(StorageError):
        held.get(key("A", 1))
    held.close()
    held = store.entities.open()
    assert held.get(key("A", 1)) is not None
    held.close()


def test_transaction_of_a_failed_statement_is_no_success(open_store):
    store = open_store()

    def write():
        with store.database.write() as connection:
            connection.run("INSERT INTO counter VALUES ('a', 1)")
            # Somebody passes over an error; the server answers ROLLBACK, and no error.
            with contextlib.suppress(psycopg.Error):
                connection.run("INSERT INTO counter VALUES ('a', 1)")

    with pytest.raises(StorageError, match="nothing was changed"):
        write()
    with store.database.read() as connection:
        assert connection.row("SELECT 1 FROM counter WHERE name = 'a'") is None


def test_server_without_a_free_connection_says_what_to_do(server, schema):
    server.sql("DROP ROLE IF EXISTS crowded; CREATE ROLE crowded LOGIN")
    server.sql("ALTER ROLE crowded CONNECTION LIMIT 0")
    url = server.url().replace("channelshim@", "crowded@")
    with pytest.raises(StorageError, match="raise max_connections, or set store_conn"):
        PostgresStore(Place(url, schema))
    server.sql("DROP ROLE crowded")


def test_transaction_that_nobody_goes_on_with_ends(schema, server, wait_until):
    store = PostgresStore(Place(server.url(), schema), values_of)
    store.entities.apply([put(key("A", 1))])
    held = store.entities.open()
    bound = "current_setting('idle_in_transaction_session_timeout')::interval"
    row = held._connection.row(f"SELECT extract(epoch FROM {bound})::integer")
    assert row == (session.STORE_IDLE_SECONDS,)
    # Now: a busy machine may need as long between any two statements.
    held._connection.script("SET LOCAL idle_in_transaction_session_timeout = 50")
    query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    wait_until(lambda: server.sql(query) == "0")
    with pytest.raises(StorageError):
        held.get(key("A", 1))
    held.close()
    store.close()


def test_full_pool_is_busy(schema, server, monkeypatch):
    store = PostgresStore(Place(server.url(), schema, connections=2), values_of)
    held = [store.entities.open(), store.entities.open()]
    with monkeypatch.context() as impatient:
        impatient.setattr(connections, "STORE_BUSY_SECONDS", 0.2)
        with pytest.raises(StoreBusy, match="all connections are in use"):
            store.entities.get_many([key("A", 1)])
    held.pop().close()
    assert store.entities.get_many([key("A", 1)]) == [None]
    held.pop().close()
    store.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_pool_whose_threads_have_ended_is_replaced(
    schema, server, monkeypatch, wait_until, caplog
):
    store = PostgresStore(Place(server.url(), schema, connections=1), values_of)
    assert store.entities.summary() is not None
    pool: Any = store.database._pool

    def workers():
        names = [each.name for each in threading.enumerate()]
        return [name for name in names if name.startswith(f"{pool.name}-worker")]

    assert workers()

    class Ending:
        def run(self):
            raise SystemExit

    for _ in range(pool.num_workers):
        pool.run_task(Ending())
    wait_until(lambda: not workers())
    # What it has is still good; a session that has died is not made anew.
    end_all(server)
    with monkeypatch.context() as impatient:
        impatient.setattr(connections, "STORE_BUSY_SECONDS", 0.5)
        with pytest.raises(StorageError):
            store.entities.summary()
    assert store.entities.summary() is not None
    assert "the threads that connect to" in caplog.text
    store.close()


def test_lock_that_others_hold_is_busy(schema, server, monkeypatch):
    settings = [each for each in session._SETTINGS if "lock_timeout" not in each]
    monkeypatch.setattr(session, "_SETTINGS", (*settings, "lock_timeout = 50"))
    store = PostgresStore(Place(server.url(), schema), values_of)
    errors = []

    def write():
        try:
            with store.cache.write():
                pass
        except StorageError as error:
            errors.append(error)

    with store.cache.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert [type(error) for error in errors] == [StoreBusy]
    store.close()


def test_child_of_a_fork_has_sessions_of_its_own(open_store):
    store = open_store(values_of)
    at = key("A", 1)
    store.entities.apply([put(at, n=["1"])])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.entities.apply([put(at, n=["2"])])
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b'"2"' in store.entities.get_many([at])[0][1]


@pytest.fixture(scope="module")
def bouncer():
    from tests.store.backends import shared_server

    running = Bouncer(shared_server())
    yield running
    running.stop()


@pytest.fixture
def pooled(schema, bouncer):
    """Return a store behind PgBouncer in transaction mode."""
    place = Place(bouncer.url(), schema, through_pooler=True)
    store = PostgresStore(place, values_of, clock=lambda: 1.0)
    yield store
    store.close()


def test_store_works_behind_a_pooler_in_transaction_mode(pooled):
    at = key("A", 1)
    pooled.entities.apply([put(at, name=["x", "y"], size=["1"])])
    held = pooled.entities.open()
    version = held.group_version(at.group)
    pooled.entities.apply([put(at, name=["z"])])
    with pytest.raises(Conflict):
        pooled.entities.apply([put(at)], {at.group: version})
    assert b'"x"' in held.get(at)[1]
    held.close()
    with pooled.cache.write() as view:
        assert view.total_bytes() == 0
    assert pooled.tasks.next_eta("w") is None
    assert pooled.entities.summary() == {("", "A"): 1}
    with pooled.search.read() as found:
        assert found.indexes() == []


def test_settings_hold_behind_a_pooler(pooled):
    with pooled.database.once() as connection:
        row = connection.row(
            "SELECT current_setting('enable_sort'), current_setting('search_path')"
        )
    assert row[0] == "off"
    assert row[1].strip('"') == pooled.database.place.schema
    with pooled.database.read() as connection:
        (level,) = connection.row("SELECT current_setting('transaction_isolation')")
    assert level == "repeatable read"


def test_question_that_fails_with_its_begin_is_an_error_of_ours(
    server, schema, open_store
):
    store = open_store(values_of)
    store.entities.apply([put(key("A", 1))])
    server.sql(f"ALTER TABLE {schema}.counter RENAME TO counter_away")
    try:
        with pytest.raises(StorageError, match="counter"):
            store.entities.open()
        with pytest.raises(StorageError, match="counter"), store.entities.read():
            pass
    finally:
        server.sql(f"ALTER TABLE {schema}.counter_away RENAME TO counter")
    with store.entities.read() as snapshot:
        assert snapshot.get(key("A", 1)) is not None
