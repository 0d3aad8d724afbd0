"""Python 2.7's str: bytes that are text wherever old code took them for text."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import jinja2
import pytest

from channelshim.compat.legacy_str import LegacyStr, legacy_name

TEXT = "Grüße, 中文 😀"
BODY: Any = LegacyStr(TEXT.encode())


@pytest.mark.parametrize(
    "formatted",
    [
        "%s: %s" % ("ann", BODY),  # noqa: UP031 -- the tutorial's own words
        f"ann: {BODY}",
        "{}: {}".format("ann", BODY),
        "ann: " + BODY,
        "ann: " + str(BODY),
    ],
)
def test_it_formats_as_its_text(formatted: str) -> None:
    assert formatted == f"ann: {TEXT}"


def test_text_may_follow_it_too() -> None:
    assert BODY + "!" == TEXT + "!"
    assert f"{BODY:>20}" == f"{TEXT:>20}"


def test_it_is_bytes_for_whoever_asks_for_bytes() -> None:
    raw = bytes(range(256))
    body: Any = LegacyStr(raw)
    assert body == raw
    assert body + b"x" == raw + b"x"
    assert bytes(body) == raw
    assert body[1:3] == b"\x01\x02"
    assert b"\x10\x11" in body
    assert 255 in body
    assert body.decode("latin-1") == raw.decode("latin-1")
    assert pickle.loads(pickle.dumps(body)) == raw


def test_what_is_not_utf8_survives_the_way_through_text() -> None:
    raw = bytes(range(256))
    body: Any = LegacyStr(raw)
    text = "%s" % body  # noqa: UP031 -- the legacy apps' own words
    assert text.encode("utf-8", "surrogateescape") == raw
    assert str(LegacyStr(b"a\xffb")) == "a\udcffb"


def test_two_of_them_make_one() -> None:
    both: Any = LegacyStr(b"\xff") + LegacyStr(b"a")
    assert type(both) is LegacyStr
    assert f"{both[1:]}" == "a"
    assert type(LegacyStr(b"a") + b"b") is LegacyStr


def test_it_compares_and_hashes_as_text_and_as_bytes() -> None:
    assert BODY == TEXT
    assert not BODY != TEXT
    assert BODY != "something else"
    assert "中文" in BODY
    assert "ja" not in BODY
    plain: Any = LegacyStr(b"key")
    assert {"key": 1}[plain] == 1
    assert {b"key": 1}[plain] == 1
    assert {TEXT: 1}[BODY] == {BODY: 1}[TEXT] == 1


def test_what_it_cannot_be_added_to_is_a_type_error() -> None:
    body: Any = LegacyStr(b"1")
    for other in (1, None):
        with pytest.raises(TypeError):
            body + other
        with pytest.raises(TypeError):
            other + body


def test_templates_escape_it() -> None:
    body = LegacyStr(b"<b>&</b>")
    template = jinja2.Environment(autoescape=True).from_string("{{ body }}")
    assert template.render(body=body) == "&lt;b&gt;&amp;&lt;/b&gt;"


def test_methods_take_text_and_answer_with_text() -> None:
    body: Any = LegacyStr("move:é,2".encode())
    assert body.split(":") == ["move", "é,2"]
    assert body.partition(",") == ("move:é", ",", "2")
    assert body.replace("é", "e") == "move:e,2"
    assert body.startswith("move")
    assert body.startswith(("turn", "move"))
    assert body.find("é") == 5
    assert body.strip("m2") == "ove:é,"
    assert body.join(["a", LegacyStr(b"b")]) == "amove:é,2b"
    assert type(body.split(":")[0]) is str


def test_methods_take_bytes_and_answer_with_bytes_that_are_text() -> None:
    body: Any = LegacyStr(b" Ann Bob\n")
    assert [f"{part}" for part in body.split()] == ["Ann", "Bob"]
    assert body.split(b" ") == [b"", b"Ann", b"Bob\n"]
    assert f"{body.strip().upper()}" == "ANN BOB"
    assert f"{body[1:4]}" == "Ann"
    assert f"{body[1:4] * 2}" == "AnnAnn"
    assert b"-".join(body.split()) == b"Ann-Bob"
    assert body[1] == 65
    assert list(body)[:2] == [32, 65]


def test_it_is_sorted_among_text_and_among_bytes() -> None:
    body: Any = LegacyStr(b"b")
    assert sorted(["c", body, "a"]) == ["a", "b", "c"]
    assert sorted([b"c", body, b"a"]) == [b"a", b"b", b"c"]
    assert body <= "b"
    assert body >= b"b"
    with pytest.raises(TypeError):
        body < 1  # noqa: B015


def test_it_is_a_template_and_is_encoded() -> None:
    body: Any = LegacyStr("%s: é".encode())
    assert body % "ann" == "ann: é"
    assert body.encode("latin-1") == b"%s: \xe9"


def test_an_identifier_is_one_too() -> None:
    name: Any = legacy_name(b"name")
    kind: Any = type(name)
    assert issubclass(kind, LegacyStr)
    assert [name.__class__] == [LegacyStr]
    assert {"name": 1}[name] == {name: 1}["name"] == {b"name": 1}[name] == 1
    assert f"{name}: {name + '!'}, {name.decode()}" == "name: name!, name"
    for copied in (pickle.loads(pickle.dumps(name)), copy.deepcopy(name)):
        assert copied == name
        assert type(copied) is LegacyStr
    beyond: Any = legacy_name("é".encode())
    assert {"é": 1}[beyond] == 1
