"""Whose pages may open WebSockets, and whose may read polls."""

from __future__ import annotations

import pytest

from channelshim.transports.origins import Origins

ALLOWED = "https://chat.example"


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (None, True),
        ("http://here:8080", True),
        ("HTTPS://HERE:8080", True),
        (ALLOWED, True),
        ("https://Chat.Example", True),
        ("http://chat.example", False),
        ("https://chat.example.evil", False),
        ("http://here", False),
        ("null", False),
        ("", False),
    ],
)
def test_origin_of_a_websocket(origin: str | None, is_allowed: bool) -> None:
    assert Origins([f"{ALLOWED}/"]).allows(origin, "here:8080") == is_allowed


def test_star_allows_all() -> None:
    origins = Origins(["*"])
    assert origins.allows("http://any.example", "here")
    assert dict(origins.headers("http://any.example")) == {
        "Access-Control-Allow-Origin": "http://any.example",
        "Vary": "Origin",
    }


def test_only_the_allowed_read() -> None:
    origins = Origins([ALLOWED])
    allowed = dict(origins.headers(ALLOWED))
    assert allowed == {"Access-Control-Allow-Origin": ALLOWED, "Vary": "Origin"}
    for other in (None, "null", "https://chat.example.evil", "http://chat.example"):
        assert dict(origins.headers(other)) == {"Vary": "Origin"}
    assert Origins().headers(ALLOWED) == ()
