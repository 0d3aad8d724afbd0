"""Query cursors: pages hand them to apps, so anybody writes them.

Whatever a cursor says, a query answers with entities of its own kind and namespace, in
its order, or refuses it by the errors that apps expect.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map, datastore_errors
from google.appengine.ext import ndb
from google.appengine.runtime import apiproxy_errors

from channelshim import appengine
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore
from tests.fuzz.fuzzing import Fuzz, bent, fuzzed

APP = "dev~app"

EXPECTED = (datastore_errors.Error, apiproxy_errors.ApplicationError)

appengine.install()


class CursorEntry(ndb.Model):
    author = ndb.StringProperty()
    number = ndb.IntegerProperty()


class Secret(ndb.Model):
    author = ndb.StringProperty()


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("APPLICATION_ID", APP)
    monkeypatch.setenv("AUTH_DOMAIN", "gmail.com")
    store: Any = SqliteStore(tmp_path / "store", values_of_body, takes_lease=False)
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("datastore_v3", DatastoreService(store.entities, APP))
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)
    ndb.tasklets._state.reset(None)
    ndb.get_context().set_cache_policy(False)
    ndb.get_context().set_memcache_policy(False)
    ndb.put_multi(
        [CursorEntry(id=n + 1, author=f"é{n % 3}", number=n) for n in range(9)]
        + [Secret(id=n + 1, author="x") for n in range(3)]
        + [CursorEntry(id=n + 1, namespace="other", number=-1) for n in range(3)]
    )
    yield
    store.close()


def queries() -> list[Any]:
    return [
        CursorEntry.query(),
        CursorEntry.query().order(CursorEntry.author, -CursorEntry.number),
        CursorEntry.query(CursorEntry.number > 2).order(-CursorEntry.number),
    ]


def as_websafe(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data)


@fuzzed("cursors", 60)
def test_cursor_shows_nothing_of_others(fuzz: Fuzz, filled: None) -> None:
    def claim(data: bytes) -> None:
        try:
            cursor = ndb.Cursor.from_websafe_string(data.decode("latin-1"))
        except EXPECTED:
            return
        for query in queries():
            for more in ({"start_cursor": cursor}, {"end_cursor": cursor}):
                try:
                    found, following, _ = query.fetch_page(4, **more)
                except EXPECTED:
                    continue
                for entity in found:
                    # Not by its class: other tests have a kind of this name too.
                    assert entity.key.kind() == "CursorEntry", "of another kind"
                    assert entity.key.namespace() == "", "of another namespace"
                if following is not None:
                    query.fetch_page(2, start_cursor=following)

    genuine = [
        query.fetch_page(size)[1].to_bytes() for query in queries() for size in (1, 4)
    ]
    made = bent(tuple(genuine)).map(as_websafe)
    fuzz.check(claim, made, words=[b"=", b"-", b"_", b"A", b"\xff"])
