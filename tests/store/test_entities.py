"""The contract of entities: written whole, read exactly, in every process."""

from __future__ import annotations

import json
import threading

import pytest

from channelshim.contracts.entities import Conflict, KeyTaken, Write
from channelshim.contracts.index_definitions import IndexDefinition, TooManyIndexRows
from channelshim.contracts.ordering import TOP
from channelshim.contracts.scan import Scan
from tests.store.json_entities import NOW, found, key, put, values_of

NAME_AND_SIZE = IndexDefinition((("name", False), ("size", True)))


@pytest.fixture
def open_entities(open_store):
    """Return a function that opens the entities once more, as another process does."""
    return lambda: open_store(values_of, clock=lambda: NOW).entities


@pytest.fixture
def entities(open_entities):
    return open_entities()


def rows_in(entities, kind="A"):
    """Return how many rows the indexes of a kind have together."""
    with entities.read() as snapshot:
        kind_id = snapshot.kind_id("", kind)
        return sum(
            snapshot.count(Scan(kind_id, index.id, b"", TOP), -1)
            for index in snapshot.indexes(kind_id).values()
        )


def test_put_is_got_and_delete_takes_the_rows_along(entities):
    at = key("A", 1)
    entities.apply([put(at, name=["x"], size=["1", "2"])])
    with entities.read() as snapshot:
        version, body = snapshot.get(at)
        assert json.loads(body) == {"name": ["x"], "size": ["1", "2"]}
        assert snapshot.group_version(at.group) == version == int(NOW * 1e6)
    assert rows_in(entities) == 3
    entities.apply([Write(at)])
    with entities.read() as snapshot:
        assert snapshot.get(at) is None
        assert snapshot.group_version(at.group) == 0
        assert snapshot.count(Scan(snapshot.kind_id("", "A")), 1) == 0
    assert rows_in(entities) == 0


def test_missing_ones_are_none_and_deleting_them_is_nothing(entities):
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 1)) is None
    entities.apply([Write(key("A", 1))])
    with entities.read() as snapshot:
        assert snapshot.group_version(key("A", 1).group) == 0


def test_change_replaces_only_the_rows_that_differ(entities):
    at = key("A", 1)
    entities.apply([put(at, name=["x"], size=["1"])])
    entities.apply([put(at, name=["y"], size=["1"])])
    assert rows_in(entities) == 2
    entities.apply([put(at, size=["1"])])
    assert rows_in(entities) == 1
    entities.apply([put(at, size=["1"])])
    assert rows_in(entities) == 1


def test_versions_grow_even_when_the_clock_stands_still(entities):
    at = key("A", 1)
    versions = [entities.apply([put(at, name=[text])]).versions[0] for text in "abc"]
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
    (version,) = entities.apply([put(at, name=["x"])]).versions
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
    monkeypatch.setattr("channelshim.limits.STORE_MAXIMUM_INDEX_ROWS", 3)
    entities.apply([put(key("A", 1), name=["1", "2", "3"])])
    with pytest.raises(TooManyIndexRows):
        entities.apply([put(key("A", 2), name=["1", "2"], size=["1", "2"])])
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 2)) is None


def test_namespaces_are_apart(entities):
    entities.apply([put(key("A", 1, namespace="n"))])
    with entities.read() as snapshot:
        assert snapshot.get(key("A", 1)) is None
        assert list(snapshot.kinds()) == [("n", "A")]


def test_index_is_built_over_what_is_there_and_kept_up(entities, monkeypatch):
    monkeypatch.setattr("channelshim.store.bounds.STORE_BUILD_BATCH", 3)
    keys = [key("A", number) for number in range(1, 9)]
    entities.apply([put(at, name=["x"], size=[str(n)]) for n, at in enumerate(keys)])
    entities.build_index("", "A", NAME_AND_SIZE)
    assert found(entities, NAME_AND_SIZE) == [at.path for at in reversed(keys)]
    late = key("A", 99)
    entities.apply([put(late, name=["x"], size=["0"]), Write(keys[3])])
    expected = [at.path for at in reversed(keys) if at != keys[3]]
    assert found(entities, NAME_AND_SIZE) == [*expected, late.path]
    entities.build_index("", "A", NAME_AND_SIZE)


def test_index_that_another_process_made_is_kept_up_and_used(open_entities):
    entities, others = open_entities(), open_entities()
    entities.apply([put(key("A", 1), name=["x"], size=["1"])])
    others.build_index("", "A", NAME_AND_SIZE)
    entities.apply([put(key("A", 2), name=["x"], size=["2"])])
    expected = [key("A", 2).path, key("A", 1).path]
    assert found(entities, NAME_AND_SIZE) == expected
    assert found(others, NAME_AND_SIZE) == expected


def test_held_snapshot_stays_at_its_moment(entities):
    entities.apply([put(key("A", 1), name=["x"], size=["1"])])
    old = entities.open()
    kind_id = old.kind_id("", "A")
    entities.build_index("", "A", NAME_AND_SIZE)
    entities.apply([put(key("A", 1), name=["y"]), put(key("A", 2)), put(key("New", 1))])
    assert found(entities, NAME_AND_SIZE) == []
    assert old.index(kind_id, NAME_AND_SIZE) is None
    assert old.kind_id("", "New") is None
    assert json.loads(old.get(key("A", 1))[1]) == {"name": ["x"], "size": ["1"]}
    assert old.get(key("A", 2)) is None
    assert old.count(Scan(kind_id), -1) == 1
    old.close()
    old.close()


def test_failed_write_does_not_leave_its_kind_in_memory(entities):
    entities.apply([put(key("B", 1), is_insert=True)])
    with pytest.raises(KeyTaken):
        entities.apply([put(key("New", 1)), put(key("B", 1), is_insert=True)])
    with entities.read() as snapshot:
        assert snapshot.kind_id("", "New") is None
    entities.apply([put(key("New", 1), name=["x"])])
    assert found(entities, IndexDefinition.single("name"), "New")


def test_repeated_values_are_noted(entities):
    entities.apply([put(key("A", 1), name=["x"])])
    single = IndexDefinition.single("name")
    with entities.read() as snapshot:
        kind_id = snapshot.kind_id("", "A")
        assert not snapshot.index(kind_id, single).is_repeated
    entities.apply([put(key("A", 2), name=["x", "y"])])
    entities.build_index("", "A", NAME_AND_SIZE)
    with entities.read() as snapshot:
        assert snapshot.index(kind_id, single).is_repeated


def test_building_notes_repeated_values_too(entities):
    entities.apply([put(key("A", 1), name=["x", "y"], size=["1"])])
    entities.build_index("", "A", NAME_AND_SIZE)
    with entities.read() as snapshot:
        kind_id = snapshot.kind_id("", "A")
        assert snapshot.index(kind_id, NAME_AND_SIZE).is_repeated


def test_ranges_of_numbers_never_meet(open_entities):
    entities, others = open_entities(), open_entities()
    assert [entities.allocate("ids", 10), others.allocate("ids", 5)] == [1, 11]
    assert entities.reserve("ids", 40) == (16, 41)
    assert others.reserve("ids", 7) == (41, 41)
    assert others.allocate("ids", 1) == 41
    assert others.allocate("others", 1, first=7) == 7


def test_summary_counts_and_clear_empties(open_entities):
    entities, others = open_entities(), open_entities()
    entities.apply(
        [put(key("A", 1)), put(key("A", 2)), put(key("B", 1, namespace="n"))]
    )
    entities.allocate("ids", 10)
    assert entities.summary() == {("", "A"): 2, ("n", "B"): 1}
    others.clear()
    assert entities.summary() == {}
    entities.apply([put(key("A", 1), name=["x"])])
    assert others.summary() == {("", "A"): 1}
    assert entities.allocate("ids", 1) == 11


def test_names_may_hold_any_text_that_utf_8_can_spell(open_entities):
    at = key("A\0é", "\0\U0001f600", namespace="n\0\uffff")
    open_entities().apply([put(at, **{"p\0\U0001f600": ["v\0"]})])
    single = IndexDefinition.single("p\0\U0001f600")
    again = open_entities()
    assert found(again, single, at.kind, at.namespace) == [at.path]
    assert again.summary() == {(at.namespace, at.kind): 1}
    again.build_index(at.namespace, at.kind, IndexDefinition(single.properties, True))
    with again.read() as snapshot:
        kind_id = snapshot.kind_id(at.namespace, at.kind)
        assert len(snapshot.indexes(kind_id)) == 2


def test_rows_are_read_after_others_have_written(open_entities):
    entities, others = open_entities(), open_entities()
    entities.apply([put(key("A", number)) for number in range(1, 6)])
    with entities.read() as snapshot:
        rows = snapshot.rows(Scan(snapshot.kind_id("", "A")), bodies=True)
        first = next(rows)
        others.apply([Write(key("A", number)) for number in range(1, 6)])
        assert [first[1], *(row[1] for row in rows)] == [
            key("A", number).path for number in range(1, 6)
        ]
    assert entities.summary() == {}


def test_writers_that_race_lose_no_update(open_entities):
    at = key("A", 1)

    def count_up(entities):
        for _ in range(20):
            while True:
                with entities.read() as snapshot:
                    found = snapshot.get(at)
                    version = snapshot.group_version(at.group)
                number = 0 if found is None else int(json.loads(found[1])["n"][0])
                write = put(at, n=[str(number + 1)])
                try:
                    entities.apply([write], {at.group: version})
                except Conflict:
                    continue
                break

    threads = [
        threading.Thread(target=count_up, args=(open_entities(),)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entities = open_entities()
    with entities.read() as snapshot:
        assert json.loads(snapshot.get(at)[1]) == {"n": ["80"]}
    assert rows_in(entities) == 1


def test_sizes_are_those_of_keys_and_bodies(open_entities):
    entities = open_entities()
    writes = [put(key("A", number), name=["x"]) for number in range(1, 4)]
    other = put(key("B", 1, namespace="n"))
    entities.apply([*writes, other])
    sizes = entities.sizes()
    assert set(sizes) == {("", "A"), ("n", "B")}
    expected = sum(len(each.key.path) + len(each.body) for each in writes)
    assert sizes["", "A"] == (3, expected)
    entities.apply([Write(other.key)])
    assert set(entities.sizes()) == {("", "A")}


def test_scan_is_explained_in_lines(open_entities):
    entities = open_entities()
    entities.apply([put(key("A", 1), name=["x"])])
    with entities.read() as snapshot:
        lines = snapshot.explain(Scan(snapshot.kind_id("", "A")))
    assert lines
    assert all(isinstance(line, str) and line for line in lines)
