"""Entities, their index rows and group versions: whole, exact, in every process."""

from __future__ import annotations

import json

import pytest

from channelshim import limits
from channelshim.contracts.entities import Conflict, EntityKey, KeyTaken, Write
from channelshim.contracts.index_definitions import IndexDefinition, TooManyIndexRows
from channelshim.contracts.ordering import TOP, encode_bytes, encode_path
from channelshim.errors import StorageError
from channelshim.store.sqlite import scan
from channelshim.store.sqlite.catalogue import Catalogue
from channelshim.store.sqlite.database import Database
from channelshim.store.sqlite.entities import SqliteEntities

NAME_AND_SIZE = IndexDefinition((("name", False), ("size", True)))
NOW = 1_700_000_000.0


def values_of(body):
    """Bodies here are JSON objects of lists of texts."""
    found = json.loads(body)
    return {
        name: [encode_bytes(value.encode()) for value in dict.fromkeys(texts)]
        for name, texts in found.items()
    }


def key(*path, namespace=""):
    elements = list(zip(path[::2], path[1::2], strict=True))
    return EntityKey(namespace, elements[-1][0], encode_path(elements))


def put(at, *, is_insert=False, **fields):
    body = json.dumps(fields).encode()
    return Write(at, body, values_of(body), is_insert)


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def entities(database):
    return SqliteEntities(database, values_of, clock=lambda: NOW)


def found(entities, definition, kind="A", namespace=""):
    """Return the paths in an index, in its order."""
    with entities.read() as snapshot:
        kind_id = snapshot.state.kind_id(namespace, kind)
        index = snapshot.state.index(kind_id, definition)
        whole = scan.Scan(kind_id, index.id, b"", TOP)
        rows = scan.rows(snapshot.connection, whole, wants_bodies=False)
        return [row[1] for row in rows]


def rows_in(database):
    return database.connection().execute("SELECT count(*) FROM index_row").fetchone()[0]


def test_put_is_got_and_delete_takes_the_rows_along(entities, database):
    at = key("A", 1)
    entities.apply([put(at, name=["x"], size=["1", "2"])])
    with entities.read() as snapshot:
        version, body = snapshot.get(at)
        assert json.loads(body) == {"name": ["x"], "size": ["1", "2"]}
        assert snapshot.group_version(at.group) == version == int(NOW * 1e6)
    assert rows_in(database) == 3
    entities.apply([Write(at)])
    with entities.read() as snapshot:
        assert snapshot.get(at) is None
        assert snapshot.group_version(at.group) == 0
        assert snapshot.is_empty(snapshot.state.kind_id("", "A"))
    assert rows_in(database) == 0


def test_missing_ones_are_none_and_deleting_them_is_nothing(entities):
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 1)) is None
    entities.apply([Write(key("A", 1))])
    with entities.read() as snapshot:
        assert snapshot.group_version(key("A", 1).group) == 0


def test_change_replaces_only_the_rows_that_differ(entities, database):
    at = key("A", 1)
    entities.apply([put(at, name=["x"], size=["1"])])
    entities.apply([put(at, name=["y"], size=["1"])])
    assert rows_in(database) == 2
    entities.apply([put(at, size=["1"])])
    assert rows_in(database) == 1
    entities.apply([put(at, size=["1"])])
    assert rows_in(database) == 1


def test_versions_grow_even_when_the_clock_stands_still(entities):
    at = key("A", 1)
    versions = [entities.apply([put(at, name=[text])])[0] for text in "abc"]
    assert versions == sorted(set(versions))


def test_group_is_forgotten_with_its_last_entity(entities):
    root, child = key("A", 1), key("A", 1, "B", 2)
    assert root.group == child.group
    entities.apply([put(root), put(child)])
    entities.apply([Write(root)])
    with entities.read() as snapshot:
        assert snapshot.group_version(root.group) > 0
    entities.apply([Write(child)])
    with entities.read() as snapshot:
        assert snapshot.group_version(root.group) == 0


def test_conflict_writes_nothing(entities):
    at, other = key("A", 1), key("B", 1)
    (version,) = entities.apply([put(at, name=["x"])])
    entities.apply([put(other)], {at.group: version})
    entities.apply([put(at, name=["y"])])
    with pytest.raises(Conflict):
        entities.apply([put(other, name=["z"])], {at.group: version})
    with entities.read() as snapshot:
        assert json.loads(snapshot.get(other)[1]) == {}


def test_insert_of_a_taken_key_writes_nothing(entities):
    entities.apply([put(key("A", 1), is_insert=True)])
    with pytest.raises(KeyTaken):
        entities.apply([put(key("A", 2)), put(key("A", 1), is_insert=True)])
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 2)) is None


def test_entity_with_too_many_rows_is_refused(entities, monkeypatch):
    monkeypatch.setattr(limits, "STORE_MAXIMUM_INDEX_ROWS", 3)
    entities.apply([put(key("A", 1), name=["1", "2", "3"])])
    with pytest.raises(TooManyIndexRows):
        entities.apply([put(key("A", 2), name=["1", "2"], size=["1", "2"])])
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 2)) is None


def test_namespaces_are_apart(entities):
    entities.apply([put(key("A", 1, namespace="n"))])
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 1)) is None
        assert snapshot.state.kinds_of("n")
        assert not snapshot.state.kinds_of("")


def test_index_is_built_over_what_is_there_and_kept_up(entities, monkeypatch):
    monkeypatch.setattr(limits, "STORE_BUILD_BATCH", 3)
    keys = [key("A", number) for number in range(1, 9)]
    entities.apply([put(at, name=["x"], size=[str(n)]) for n, at in enumerate(keys)])
    entities.build_index("", "A", NAME_AND_SIZE)
    assert found(entities, NAME_AND_SIZE) == [at.path for at in reversed(keys)]
    late = key("A", 99)
    entities.apply([put(late, name=["x"], size=["0"]), Write(keys[3])])
    expected = [at.path for at in reversed(keys) if at != keys[3]]
    assert found(entities, NAME_AND_SIZE) == [*expected, late.path]
    entities.build_index("", "A", NAME_AND_SIZE)


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
        assert snapshot.state.index(kind_id, NAME_AND_SIZE).is_ready


def test_index_that_another_process_made_is_kept_up_and_used(tmp_path, entities):
    entities.apply([put(key("A", 1), name=["x"], size=["1"])])
    other = Database(tmp_path)
    others = SqliteEntities(other, values_of)
    others.build_index("", "A", NAME_AND_SIZE)
    entities.apply([put(key("A", 2), name=["x"], size=["2"])])
    expected = [key("A", 2).path, key("A", 1).path]
    assert found(entities, NAME_AND_SIZE) == expected
    assert found(others, NAME_AND_SIZE) == expected
    other.close()


def test_old_snapshot_does_not_know_a_newer_index(entities, database):
    entities.apply([put(key("A", 1), name=["x"], size=["1"])])
    borrowed = database.borrow()
    borrowed.execute("BEGIN")
    old = entities.snapshot(borrowed)
    kind_id = old.state.kind_id("", "A")
    entities.build_index("", "A", NAME_AND_SIZE)
    assert found(entities, NAME_AND_SIZE) == [key("A", 1).path]
    again = entities.snapshot(borrowed)
    assert again.state.index(kind_id, NAME_AND_SIZE) is None
    assert again.get(key("A", 1)) is not None
    database.give_back(borrowed)


def test_failed_write_does_not_leave_its_kind_in_memory(entities):
    entities.apply([put(key("B", 1), is_insert=True)])
    with pytest.raises(KeyTaken):
        entities.apply([put(key("New", 1)), put(key("B", 1), is_insert=True)])
    with entities.read() as snapshot:
        assert snapshot.state.kind_id("", "New") is None
    entities.apply([put(key("New", 1), name=["x"])])
    assert found(entities, IndexDefinition.single("name"), "New")


def test_repeated_values_are_noted(entities):
    entities.apply([put(key("A", 1), name=["x"])])
    single = IndexDefinition.single("name")
    with entities.read() as snapshot:
        kind_id = snapshot.state.kind_id("", "A")
        assert not snapshot.state.index(kind_id, single).is_repeated
    entities.apply([put(key("A", 2), name=["x", "y"])])
    entities.build_index("", "A", NAME_AND_SIZE)
    with entities.read() as snapshot:
        assert snapshot.state.index(kind_id, single).is_repeated
        assert snapshot.has_values(snapshot.state.index(kind_id, single), b"x", b"y")
        assert not snapshot.has_values(snapshot.state.index(kind_id, single), b"z", TOP)


def test_building_notes_repeated_values_too(entities):
    entities.apply([put(key("A", 1), name=["x", "y"], size=["1"])])
    entities.build_index("", "A", NAME_AND_SIZE)
    with entities.read() as snapshot:
        kind_id = snapshot.state.kind_id("", "A")
        assert snapshot.state.index(kind_id, NAME_AND_SIZE).is_repeated


def test_ranges_of_numbers_never_meet(entities, tmp_path):
    other = Database(tmp_path)
    others = SqliteEntities(other, values_of)
    assert [entities.allocate("ids", 10), others.allocate("ids", 5)] == [1, 11]
    assert entities.reserve("ids", 40) == (16, 41)
    assert others.reserve("ids", 7) == (41, 41)
    assert others.allocate("ids", 1) == 41
    assert others.allocate("others", 1, first=7) == 7
    other.close()


def test_summary_counts_and_clear_empties(entities, tmp_path):
    entities.apply(
        [put(key("A", 1)), put(key("A", 2)), put(key("B", 1, namespace="n"))]
    )
    entities.allocate("ids", 10)
    other = Database(tmp_path)
    others = SqliteEntities(other, values_of)
    assert entities.summary() == {("", "A"): 2, ("n", "B"): 1}
    others.clear()
    assert entities.summary() == {}
    entities.apply([put(key("A", 1), name=["x"])])
    assert others.summary() == {("", "A"): 1}
    assert entities.allocate("ids", 1) == 11
    other.close()


def test_idle_connections_are_kept_within_bounds(database, monkeypatch):
    monkeypatch.setattr(limits, "STORE_IDLE_CONNECTIONS", 1)
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
    monkeypatch.setattr(limits, "STORE_BUILD_BATCH", 1)
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


def test_what_is_written_together_fails_together(entities):
    def fail(_connection):
        raise KeyError("task")

    with pytest.raises(KeyError):
        entities.apply([put(key("A", 1))], {}, fail)
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 1)) is None
    seen = []
    entities.apply([put(key("A", 1))], {}, seen.append)
    assert len(seen) == 1
