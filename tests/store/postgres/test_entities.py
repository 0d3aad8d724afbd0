"""What is this engine's own: plans without statistics, pages of rows, long keys."""

from __future__ import annotations

import random

import pytest

from channelshim.contracts.index_definitions import IndexDefinition
from channelshim.contracts.ordering import TOP, encode_bytes
from channelshim.contracts.scan import Scan
from channelshim.errors import StorageError
from channelshim.store.postgres import scan as scans
from channelshim.store.postgres.catalogue import EPOCH_QUESTION
from tests.store.json_entities import found, key, put, values_of


@pytest.fixture
def store(open_store):
    return open_store(values_of, clock=lambda: 1.0)


def test_rows_come_in_pages(store, monkeypatch):
    monkeypatch.setattr(scans, "STORE_FIRST_PAGE", 3)
    monkeypatch.setattr(scans, "STORE_PAGE", 4)
    keys = [key("A", number) for number in range(1, 26)]
    store.entities.apply([put(at, n=[f"{n % 3}", "x"]) for n, at in enumerate(keys)])
    with store.entities.read() as snapshot:
        kind_id = snapshot.kind_id("", "A")
        index = snapshot.index(kind_id, IndexDefinition.single("n"))
        for down in (False, True):
            for path_down in (False, True):
                whole = Scan(
                    kind_id,
                    index.id,
                    b"",
                    TOP,
                    is_descending=down,
                    is_path_descending=path_down,
                )
                rows = list(snapshot.rows(whole, bodies=True))
                assert len(rows) == 50
                expected = sorted(rows, key=lambda row: row[1], reverse=path_down)
                expected.sort(key=lambda row: row[0], reverse=down)
                assert rows == expected
                for limit, offset in ((7, 0), (8, 5), (50, 0), (60, 1), (0, 0)):
                    part = list(
                        snapshot.rows(whole, bodies=True, limit=limit, offset=offset)
                    )
                    assert part == rows[offset : offset + limit]
        equal = Scan(kind_id, index.id, encode_bytes(b"x"), None)
        assert len(list(snapshot.rows(equal, bodies=False))) == 25
        assert len(list(snapshot.rows(Scan(kind_id), bodies=True))) == 25


def plan_of(store, scan):
    """Return how the server reads the rows of a scan with their bodies."""
    with store.entities.read() as snapshot:
        return "\n".join(snapshot.explain(scan))


def test_plans_read_indexes_in_their_order_though_nothing_was_analyzed(store):
    store.entities.apply([put(key("A", number), n=["x"]) for number in range(1, 200)])
    with store.entities.read() as snapshot:
        kind_id = snapshot.kind_id("", "A")
        index = snapshot.index(kind_id, IndexDefinition.single("n"))
    code = encode_bytes(b"x")
    for scan in (
        Scan(kind_id),
        Scan(kind_id, index.id, code),
        Scan(kind_id, index.id, b"", TOP),
        Scan(kind_id, index.id, b"", TOP, is_descending=True, is_path_descending=True),
        Scan(kind_id, index.id, b"", TOP, probes=((index.id, code),)),
    ):
        plan = plan_of(store, scan)
        assert "Seq Scan" not in plan, plan
        assert "Sort" not in plan.replace("Incremental Sort", ""), plan
        assert "Bitmap" not in plan, plan


def test_key_with_long_values_is_kept_up_to_what_an_index_takes(store):
    chance = random.Random(1)
    # Text of 1,500 bytes, the most that is indexed, which does not compress.
    text, longer = (
        "".join(chance.choice("0123456789abcdef") for _ in range(length))
        for length in (1500, 3000)
    )
    at = key("A", text[:500])
    store.entities.apply([put(at, n=[text])])
    assert found(store.entities, IndexDefinition.single("n")) == [at.path]
    with pytest.raises(StorageError, match="too long for PostgreSQL's indexes"):
        store.entities.apply([put(at, n=[longer])])
    assert store.entities.get_many([at])[0] is not None


def test_other_processes_find_kinds_that_are_new(open_store):
    one, two = open_store(values_of), open_store(values_of)
    one.entities.apply([put(key("A", 1), n=["x"])])
    two.entities.apply([put(key("A", 2), m=["x"])])
    one.entities.apply([put(key("A", 3), n=["x", "y"], m=["z"])])
    two.entities.apply([put(key("A", 1), m=["w"])])
    for store in (one, two):
        keys = [key("A", number) for number in (1, 2, 3, 4)]
        rows = store.entities.get_many(keys)
        assert [row is not None for row in rows] == [True, True, True, False]
        assert len(found(store.entities, IndexDefinition.single("m"))) == 3
        assert len(found(store.entities, IndexDefinition.single("n"))) == 2


def test_another_question_of_a_transaction_is_not_taken_for_the_epoch(store):
    store.entities.apply([put(key("A", 1), n=["x"])])
    with store.database.read("SELECT 7") as connection:
        state = store.entities._catalogue.state(connection)
        assert (state.epoch,) == connection.row(EPOCH_QUESTION)
        assert connection.answer("SELECT 7") == (7,)
        assert connection.answer("SELECT 8") == (8,)


def test_catalogue_that_a_failover_has_moved_back_is_read_again(store):
    for kind in ("A", "C", "D", "E"):
        store.entities.apply([put(key(kind, 1), n=["x"])])
    with store.database.write() as connection:
        # As a standby that lags has it: without the kind, under an earlier epoch.
        connection.run("DELETE FROM index_row")
        connection.run("DELETE FROM entity")
        connection.run("DELETE FROM index_definition")
        connection.run("DELETE FROM kind")
        connection.run("UPDATE counter SET next = 1 WHERE name = 'catalogue'")
    store.entities.apply([put(key("B", 1), n=["y"]), put(key("A", 2), n=["x"])])
    with store.entities.read() as snapshot:
        for kind, value in (("A", b"x"), ("B", b"y")):
            kind_id = snapshot.kind_id("", kind)
            index = snapshot.index(kind_id, IndexDefinition.single("n"))
            scan = Scan(kind_id, index.id, encode_bytes(value), None)
            assert len(list(snapshot.rows(scan, bodies=True))) == 1
