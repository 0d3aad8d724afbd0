"""What only the SQLite store has: builds in batches, connections, its errors."""

from __future__ import annotations

import pytest

from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.scan import Scan
from channelshim.errors import StorageError
from channelshim.store.sqlite.catalogue import Catalogue
from channelshim.store.sqlite.database import Database
from channelshim.store.sqlite.entities import SqliteEntities
from channelshim.store.sqlite.state import SqliteStore
from tests.store.json_entities import NOW, found, key, put, values_of

NAME_AND_SIZE = IndexDefinition((("name", False), ("size", True)))


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def entities(database):
    return SqliteEntities(database, values_of, clock=lambda: NOW)


def test_build_cut_short_starts_again(entities, database):
    keys = [key("A", number) for number in range(1, 4)]
    entities.apply([put(at, name=["x"], size=["1"]) for at in keys])
    with Catalogue(database).write() as (_, draft):
        kind_id = draft.kind_id("", "A")
        draft.index(kind_id, NAME_AND_SIZE, is_ready=False)
    entities.apply([put(keys[0], name=["x"], size=["2"])])
    entities.build_index("", "A", NAME_AND_SIZE)
    assert found(entities, NAME_AND_SIZE) == [at.path for at in keys]
    with entities.read() as snapshot:
        assert snapshot.index(kind_id, NAME_AND_SIZE).is_ready


def test_idle_connections_are_kept_within_bounds(database, monkeypatch):
    monkeypatch.setattr("channelshim.store.sqlite.database.STORE_IDLE_CONNECTIONS", 1)
    first, second = database.borrow(), database.borrow()
    first.execute("BEGIN")
    database.give_back(first)
    database.give_back(second)
    assert database.borrow() is first
    database.give_back(first)
    database.close()
    with pytest.raises(StorageError, match="closed"):
        database.borrow()


def test_builders_that_race_end_with_one_index(tmp_path, entities, monkeypatch):
    """Another process finishes the index between two of our batches."""
    monkeypatch.setattr("channelshim.store.bounds.STORE_BUILD_BATCH", 1)
    keys = [key("A", number) for number in range(1, 4)]
    entities.apply([put(at, name=["x"], size=["1"]) for at in keys])
    other = Database(tmp_path)
    others = SqliteEntities(other, values_of)
    build_batch = entities._build_batch

    def finish_elsewhere(*arguments):
        others.build_index("", "A", NAME_AND_SIZE)
        return build_batch(*arguments)

    monkeypatch.setattr(entities, "_build_batch", finish_elsewhere)
    entities.build_index("", "A", NAME_AND_SIZE)
    assert found(entities, NAME_AND_SIZE) == [at.path for at in keys]
    other.close()


def test_damage_met_by_rows_that_are_read_later_is_an_error_of_ours(tmp_path):
    store = SqliteStore(tmp_path, values_of)
    store.entities.apply([put(key("A", number)) for number in range(1, 6)])
    snapshot = store.entities.open()
    kind_id = snapshot.kind_id("", "A")
    assert kind_id is not None
    assert snapshot.count(Scan(kind_id), -1) == 5
    rows = snapshot.rows(Scan(kind_id), bodies=True)
    next(rows)
    snapshot._connection.interrupt()
    with pytest.raises(StorageError, match="interrupted"):
        list(rows)
    snapshot._connection.close()
    for ask in (
        lambda: snapshot.get(key("A", 1)),
        lambda: snapshot.group_version(key("A", 1).group),
        lambda: snapshot.count(Scan(kind_id), 1),
        lambda: next(snapshot.rows(Scan(kind_id), bodies=False)),
        snapshot.close,
    ):
        with pytest.raises(StorageError):
            ask()
    store.close()


def test_store_without_a_reader_of_bodies_does_not_guess(tmp_path):
    store = SqliteStore(tmp_path)
    store.entities.apply([put(key("A", 1), name=["x"])])
    with pytest.raises(AssertionError, match="read bodies"):
        store.entities.apply([put(key("A", 1), name=["y"])])
    store.close()


def test_half_of_a_surrogate_pair_is_refused_as_an_error_of_ours(tmp_path):
    store = SqliteStore(tmp_path, values_of)
    with pytest.raises(StorageError, match="surrogates not allowed"):
        store.entities.apply([put(key("A", 1, namespace="\ud800"))])
    with (
        store.entities.read() as snapshot,
        pytest.raises(StorageError, match="surrogates not allowed"),
    ):
        snapshot.group_version(("\ud800", key("A", 1).path))
    assert store.entities.summary() == {}
    store.close()
