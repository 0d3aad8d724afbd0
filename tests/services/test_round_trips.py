"""How often PostgreSQL is asked for one call of an app: each is a round trip.

A server that is told to writes down what it is asked before it answers, a line for each
message, however many statements are in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.appengine.api import datastore

from channelshim.services.datastore_v3.values import values_of_body
from tests.services import datastore_sides
from tests.services.datastore_sides import APP
from tests.store.backends import (
    give_back_schema,
    open_postgres_url,
    shared_server,
    take_schema,
)

pytestmark = pytest.mark.postgres

MESSAGE = re.compile(r" LOG:  (?:statement|execute [^:]*): (.*)")


class Asked:
    """A datastore on PostgreSQL, and what the server is asked."""

    def __init__(self, log: Path, run: Callable[[Callable[[], object]], object]):
        self._log = log
        self._run = run

    def by(self, call: Callable[[], object]) -> list[str]:
        """Return what a call asks, a line each, the second time that it is made."""
        self._run(call)
        start = self._log.stat().st_size
        self._run(call)
        text = self._log.read_bytes()[start:].decode()
        return MESSAGE.findall(text)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    monkeypatch.setenv("APPLICATION_ID", APP)
    server, schema = shared_server(), take_schema()
    # Of its own sessions alone: tests of other stores are in the same log.
    url = f"{server.url()}&options=-clog_statement%3Dall"
    store = open_postgres_url(url, schema, values_of_body)
    side = datastore_sides.ours(store.entities)

    def run(call: Callable[[], object]) -> object:
        with side.active():
            return call()

    yield Asked(server.folder / "log", run)
    store.close()
    give_back_schema(schema)


def note(number: int = 1) -> datastore.Entity:
    entity = datastore.Entity("Note", id=7, _app=APP)
    entity["number"] = number
    return entity


def test_get_is_one_round_trip(asked: Asked) -> None:
    datastore_key = note().key()
    asked.by(lambda: datastore.Put(note()))
    assert len(asked.by(lambda: datastore.Get(datastore_key))) == 1


def test_put_is_one_round_trip(asked: Asked) -> None:
    (call,) = asked.by(lambda: datastore.Put(note()))
    assert "apply_writes" in call


def test_query_is_three_round_trips(asked: Asked) -> None:
    asked.by(lambda: datastore.Put(note()))

    def find() -> None:
        query = datastore.Query("Note", {"number =": 1}, _app=APP)
        assert len(list(query.Run(limit=5))) == 1

    begin, select, end = asked.by(find)
    assert begin.startswith("BEGIN")
    assert "catalogue" in begin
    assert "index_row" in select
    assert end == "COMMIT"


def test_transaction_that_gets_and_puts_is_five_round_trips(asked: Asked) -> None:
    asked.by(lambda: datastore.Put(note()))

    def change() -> None:
        entity = datastore.Get(note().key())
        entity["number"] += 1
        datastore.Put(entity)

    begin, *reads, end, write = asked.by(lambda: datastore.RunInTransaction(change))
    assert begin.startswith("BEGIN")
    assert "catalogue" in begin
    assert len(reads) == 2
    assert end == "COMMIT"
    assert "apply_writes" in write
