"""memcache's page, by what a person does on it."""

from __future__ import annotations

import pickle

import pytest
from google.appengine.api import memcache

from tests.console.services.conftest import HOSTILE, Visitor


class Bomb:
    """A value whose pickle runs code when it is read."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('the console has read a pickle')",))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "n\u00e4me\r\nline", "n\u00e4me\nline"),
        ("bytes", "AP8=", b"\x00\xff"),
        ("integer", " 12 ", 12),
        ("boolean", "true", True),
        ("python", "{'a': [1, 2.5, None]}", {"a": [1, 2.5, None]}),
    ],
)
def test_entry_is_written_with_its_type(visitor: Visitor, kind, text, value) -> None:
    sent = {"key": "k", "namespace": "n", "type": kind, "text": text}
    assert visitor.do("/memcache", "write", sent) == "Written."
    found = memcache.get("k", namespace="n")
    assert (found, type(found)) == (value, type(value))
    entry = visitor.json("/memcache?key=k&namespace=n")["entry"]
    assert entry["type"] == ("pickle" if kind == "python" else kind)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("n\u00e4me", "text", "n\u00e4me"),
        (b"\x00\xff", "bytes", "AP8="),
        (7, "integer", "7"),
        (False, "boolean", "false"),
    ],
)
def test_entry_of_the_app_is_looked_up(visitor: Visitor, value, kind, text) -> None:
    memcache.set("k", value)
    entry = visitor.json("/memcache?key=k")["entry"]
    assert (entry["type"], entry["text"]) == (kind, text)
    visitor.get("/memcache?key=k")


def test_pickle_is_shown_and_never_read(visitor: Visitor) -> None:
    memcache.set("bomb", Bomb())
    entry = visitor.json("/memcache?key=bomb")["entry"]
    assert entry["type"] == "pickle"
    assert "REDUCE" in entry["shown"]
    assert "SystemExit" in visitor.get("/memcache?key=bomb").text
    for broken in (b"", b"\x80\x05", pickle.dumps(list(range(5000)))):
        entry = shown_as(visitor, broken, memcache.TYPE_PICKLED)
        assert entry["type"] == "pickle"


def shown_as(visitor: Visitor, value: bytes, flags: int):
    from channelshim.contracts.cache import Entry

    with visitor.store.cache.write() as view:
        view.set("", b"odd", Entry(value, flags))
    visitor.get("/memcache?key=odd")
    return visitor.json("/memcache?key=odd")["entry"]


def test_strange_entries_are_shown(visitor: Visitor) -> None:
    for value, flags in (
        (b"\xff\xfe", memcache.TYPE_UNICODE),
        (b"no number", memcache.TYPE_INT),
        (b"maybe", memcache.TYPE_BOOL),
        (b"x", 7),
        (b"x", 1 << 31),
        (b"\x00" * 900_000, memcache.TYPE_STR),
        (HOSTILE.encode(), memcache.TYPE_UNICODE),
    ):
        assert shown_as(visitor, value, flags)["shown"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "x"),
        ("integer", "9" * 500),
        ("boolean", "?"),
        ("bytes", "?"),
        ("python", "open('x')"),
        ("python", "(" * 500),
        ("nonsense", ""),
        ("text", "x" * 2_000_000),
    ],
)
def test_wrong_value_is_refused(visitor: Visitor, kind: str, text: str) -> None:
    assert visitor.refuse(
        "/memcache", "write", {"key": "k", "type": kind, "text": text}
    )
    assert memcache.get("k") is None


def test_entry_is_deleted_and_all_are_flushed(visitor: Visitor) -> None:
    memcache.set_multi({"a": 1, "b": 2, "c": 3})
    assert visitor.do("/memcache", "delete", {"key": "a"}) == "Deleted."
    assert "no such entry" in visitor.refuse("/memcache", "delete", {"key": "a"})
    assert memcache.get_multi(["a", "b"]) == {"b": 2}
    facts = visitor.json("/memcache")["statistics"]
    assert (facts["items"], facts["hits"]) == (2, 1)
    visitor.do("/memcache", "flush")
    assert visitor.json("/memcache")["statistics"]["items"] == 0


def test_time_that_an_entry_stays_is_kept(visitor: Visitor) -> None:
    visitor.do(
        "/memcache", "write", {"key": "k", "type": "text", "text": "x", "seconds": "60"}
    )
    entry = visitor.json("/memcache?key=k")["entry"]
    assert 50 <= entry["expires_at"] - entry["written_at"] <= 61
    visitor.refuse("/memcache", "write", {"key": "k", "type": "text", "seconds": "-1"})


def test_keys_may_be_anything(visitor: Visitor) -> None:
    for key in (HOSTILE, "x" * 1000, "\u00e9", " "):
        visitor.do("/memcache", "write", {"key": key, "type": "text", "text": key})
        assert memcache.get(key) == key
        page = visitor.get("/memcache", params={"key": key})
        assert page.html.find("pre")
