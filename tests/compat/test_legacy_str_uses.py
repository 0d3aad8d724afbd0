"""A LegacyStr where json and Google's SDK want text: as Python 2.7 had it."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from channelshim.cli.testing import install

install(python27=False)

from google.appengine.api import datastore_errors, memcache, urlfetch  # noqa: E402
from google.appengine.ext import db, ndb, testbed  # noqa: E402

from channelshim.compat.legacy_str import LegacyStr  # noqa: E402

TEXT = "ann,é"
BODY: Any = LegacyStr(TEXT.encode())


class Old(db.Model):
    name = db.StringProperty()
    text = db.TextProperty()
    names = db.StringListProperty()
    blob = db.BlobProperty()


class OldExpando(db.Expando):
    pass


class New(ndb.Model):
    name = ndb.StringProperty()
    text = ndb.TextProperty()
    names = ndb.StringProperty(repeated=True)
    blob = ndb.BlobProperty()
    record = ndb.JsonProperty()


@pytest.fixture(autouse=True)
def bed() -> Iterator[Any]:
    bed = testbed.Testbed()
    bed.activate()
    bed.init_datastore_v3_stub()
    bed.init_memcache_stub()
    ndb.get_context().clear_cache()
    yield bed
    bed.deactivate()


def test_json_writes_it_as_text() -> None:
    assert json.loads(json.dumps({"said": BODY})) == {"said": TEXT}
    assert json.loads(json.dumps([BODY], indent=1)) == [TEXT]
    assert json.loads(LegacyStr(b'{"a": 1}')) == {"a": 1}
    with pytest.raises(TypeError):
        json.dumps({"said": b"bytes"})


def test_a_query_in_it_is_read_as_text() -> None:
    query: Any = LegacyStr(b"from=ann&text=%C3%A9")
    assert urllib.parse.parse_qs(query) == {"from": ["ann"], "text": ["é"]}
    assert urllib.parse.parse_qsl(query)[0] == ("from", "ann")


def test_memcache_gives_it_back() -> None:
    memcache.set("one", BODY)
    memcache.set_multi({"two": BODY, "bytes": b"bytes", "pair": [BODY]})

    for value in (memcache.get("one"), memcache.get_multi(["two"])["two"]):
        assert isinstance(value, LegacyStr)
        assert f"{value}" == TEXT
    assert type(memcache.get("bytes")) is bytes
    assert f"{memcache.get('pair')[0]}" == TEXT
    memcache.set(BODY, 1)
    assert memcache.get(BODY) == memcache.get(TEXT) == 1


def test_old_models_take_it() -> None:
    key = Old(name=BODY, text=BODY, names=[BODY], blob=BODY).put()

    old: Any = db.get(key)
    assert (old.name, old.text, old.names) == (TEXT, TEXT, [TEXT])
    assert old.blob == TEXT.encode()
    assert Old.all().filter("name =", BODY).count() == 1
    assert db.GqlQuery("SELECT * FROM Old WHERE name = :1", BODY).count() == 1
    assert db.GqlQuery("SELECT * FROM Old WHERE name = :n", n=BODY).count() == 1
    assert db.get(OldExpando(name=BODY).put()).name == TEXT


def test_it_names_an_old_entity() -> None:
    key = Old(key_name=BODY).put()

    assert key.name() == TEXT
    assert Old.get_by_key_name(BODY).key() == key
    assert db.Key.from_path("Old", BODY) == key
    assert db.get(LegacyStr(str(key).encode())).key() == key


def test_an_old_key_still_wants_a_name() -> None:
    with pytest.raises(datastore_errors.BadArgumentError):
        db.Key.from_path("Old", 1.5)


def test_new_models_take_it() -> None:
    key = New(name=BODY, text=BODY, names=[BODY], blob=BODY, record={"x": BODY}).put()

    new = key.get(use_cache=False)
    assert (new.name, new.text, new.names) == (TEXT, TEXT, [TEXT])
    assert new.blob == TEXT.encode()
    assert new.record == {"x": TEXT}
    assert New.query(New.name == BODY).count() == 1
    assert ndb.gql("SELECT * FROM New WHERE name = :1", BODY).count() == 1


def test_it_names_a_new_entity() -> None:
    key = New(id=BODY).put()

    assert key.id() == TEXT
    assert New.get_by_id(BODY).key == key
    assert ndb.Key("New", BODY) == ndb.Key(pairs=[("New", BODY)]) == key
    assert hash(ndb.Key("New", BODY)) == hash(key)


def test_urlsafe_is_text_in_an_address_and_bytes_for_who_decodes() -> None:
    key = ndb.Key("New", "x")

    assert "/edit?key=" + key.urlsafe() == f"/edit?key={key.urlsafe().decode()}"
    assert json.loads(json.dumps(key.urlsafe())) == key.urlsafe().decode()
    assert ndb.Key(urlsafe=key.urlsafe()) == key


def test_fetched_content_is_text_and_bytes(
    bed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.appengine.api import apiproxy_stub, apiproxy_stub_map

    class Web(apiproxy_stub.APIProxyStub):
        def _Dynamic_Fetch(self, request: Any, response: Any) -> None:
            response.StatusCode = 200
            response.Content = b"1\n2\xff"

    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("urlfetch", Web("urlfetch"))
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)

    content = urlfetch.fetch("http://example.com/").content

    assert content == b"1\n2\xff"
    assert content.split("\n")[0] == "1"
    assert f"{content[:1]}" == "1"
