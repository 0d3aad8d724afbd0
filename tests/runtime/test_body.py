"""The request body: bytes that are text wherever old code took them for text."""

from __future__ import annotations

import pickle
from typing import Any

import jinja2
import pytest

from channelshim.runtime.body import RequestBody

TEXT = "Grüße, 中文 😀"
BODY: Any = RequestBody(TEXT.encode())


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
    body: Any = RequestBody(raw)
    assert body == raw
    assert body + b"x" == raw + b"x"
    assert bytes(body) == raw
    assert body[1:3] == b"\x01\x02"
    assert b"\x10\x11" in body
    assert 255 in body
    assert body.decode("latin-1") == raw.decode("latin-1")
    assert pickle.loads(pickle.dumps(body)) == raw


def test_what_is_not_utf8_is_replaced_and_never_raises() -> None:
    assert str(RequestBody(b"a\xffb")) == "a\ufffdb"


def test_it_compares_and_hashes_as_text_and_as_bytes() -> None:
    assert BODY == TEXT
    assert not BODY != TEXT
    assert BODY != "something else"
    assert "中文" in BODY
    assert "ja" not in BODY
    plain: Any = RequestBody(b"key")
    assert {"key": 1}[plain] == 1
    assert {b"key": 1}[plain] == 1


def test_what_it_cannot_be_added_to_is_a_type_error() -> None:
    body: Any = RequestBody(b"1")
    for other in (1, None):
        with pytest.raises(TypeError):
            body + other
        with pytest.raises(TypeError):
            other + body


def test_templates_escape_it() -> None:
    body = RequestBody(b"<b>&</b>")
    template = jinja2.Environment(autoescape=True).from_string("{{ body }}")
    assert template.render(body=body) == "&lt;b&gt;&amp;&lt;/b&gt;"
