"""How a query would be answered, over every back end of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.appengine.api import datastore
from google.appengine.ext import gql

from channelshim.contracts.store import Store
from channelshim.services.datastore_v3.explain import Explanation, count, explain
from channelshim.services.datastore_v3.values import values_of_body
from tests.services import datastore_sides
from tests.services.datastore_sides import APP

MANY = 60
"""More than are sorted in memory."""


class Side:
    """A datastore with notes in it."""

    def __init__(self, store: Store, notes: int) -> None:
        self.store = store
        self.side = datastore_sides.ours(store.entities)
        with self.side.active():
            for number in range(notes):
                entity = datastore.Entity("Note", id=number + 1, _app=APP)
                entity["a"], entity["b"] = number % 3, number
                datastore.Put(entity)

    def query(self, text: str) -> Any:
        with self.side.active():
            return gql.GQL(text, _app=APP).Bind([], {})._ToPb()

    def explain(self, text: str) -> Explanation:
        return explain(self.store.entities, self.query(text))

    def run(self, text: str) -> list[Any]:
        with self.side.active():
            return list(gql.GQL(text, _app=APP).Bind([], {}).Run())


@pytest.fixture
def make(
    open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Side]:
    monkeypatch.setenv("APPLICATION_ID", APP)
    return lambda notes: Side(open_store(values_of_body), notes)


def test_index_that_is_read_is_named(make: Callable[[int], Side]) -> None:
    side = make(MANY)
    found = side.explain("SELECT * FROM Note ORDER BY b DESC")
    assert (found.index, found.missing) == ("b", "")
    assert found.steps
    assert side.explain("SELECT * FROM Note WHERE a = 1").index == "a"
    assert side.explain("SELECT * FROM Note").sentence.startswith("The entities")
    assert side.explain("SELECT * FROM Nothing").sentence.startswith("Nothing")
    assert side.explain("SELECT * FROM Note WHERE c = 1").steps == []


def test_missing_index_is_named_until_it_is_built(make: Callable[[int], Side]) -> None:
    side = make(MANY)
    text = "SELECT * FROM Note WHERE a > 0 ORDER BY a DESC, b"
    found = side.explain(text)
    assert (found.index, found.missing) == ("", "a descending, b")
    assert "is built" in found.sentence
    # To look changes nothing.
    assert side.explain(text) == found
    assert len(side.run(text)) == MANY * 2 // 3
    found = side.explain(text)
    assert (found.index, found.missing) == ("a descending, b", "")
    (use,) = [
        use for use in side.side.service.index_uses() if not use.definition.is_built_in
    ]
    assert (use.kind, use.count) == ("Note", 1)
    side.run(text)
    assert use.count == 2


def test_few_entities_are_sorted_in_memory(make: Callable[[int], Side]) -> None:
    side = make(3)
    found = side.explain("SELECT * FROM Note WHERE a = 1 ORDER BY b DESC")
    assert found.missing == "a, b descending"
    assert "in memory" in found.sentence


def test_catalogue_and_unanswerable_queries_have_a_sentence(
    make: Callable[[int], Side],
) -> None:
    side = make(3)
    assert "catalogue" in side.explain("SELECT * FROM __kind__").sentence
    text = "SELECT * FROM Note WHERE a = 1 AND a > 0 ORDER BY a, b"
    assert "No index" in side.explain(text).sentence
    assert count(side.store.entities, side.query(text), 10) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM Note", 60),
        ("SELECT * FROM Note WHERE a = 1", 20),
        ("SELECT * FROM Note WHERE b >= 50", 10),
        ("SELECT * FROM Note ORDER BY b DESC", 60),
        ("SELECT * FROM Nothing", 0),
        ("SELECT * FROM __kind__", None),
    ],
)
def test_results_are_counted_where_rows_are_results(
    make: Callable[[int], Side], text: str, expected: int | None
) -> None:
    side = make(MANY)
    assert count(side.store.entities, side.query(text), 1000) == expected
    if expected:
        assert count(side.store.entities, side.query(text), 5) == 5
