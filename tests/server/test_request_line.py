"""Request lines that the parser would refuse, over raw sockets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.server.request_line import has_a_method, quoted
from tests.server.plain_site import PlainSite


@given(st.binary())
def test_quoted_line_is_ascii_and_the_rest_is_as_it_was(data: bytes) -> None:
    sent = b"GET /" + data.replace(b"\n", b"").replace(b"\r", b"") + b" HTTP/1.1\r\n"
    line, _, rest = quoted(sent + data).partition(b"\n")
    assert line.isascii()
    assert rest == data
    if sent.isascii():
        assert quoted(sent + data) == sent + data


@pytest.mark.parametrize(
    ("data", "is_method"),
    [
        (b"FOO / HTTP/1.1", True),
        (b"\r\n\nget /a", True),
        (b"OPTIONS *", True),
        (b"\x16\x03\x01", False),
        (b"GET", False),
        (b" GET /", False),
        (b"A" * 65 + b" /", False),
    ],
)
def test_what_begins_as_a_request(data: bytes, is_method: bool) -> None:
    assert has_a_method(data) is is_method


def answer(site: PlainSite, sent: bytes) -> bytes:
    with site.raw(sent) as peer:
        received = b""
        while piece := peer.recv(65536):
            received += piece
    return received


CLOSE = b"Host: localhost\r\nConnection: close\r\n\r\n"


def test_bytes_of_an_address_are_taken_as_they_are(site: PlainSite) -> None:
    line = "GET /é?é=é HTTP/1.1\r\n".encode()
    received = answer(site, line + CLOSE)
    assert received.startswith(b"HTTP/1.1 "), received
    assert not received.startswith(b"HTTP/1.1 400"), received
    # On a connection that goes on, too.
    kept = b"Host: localhost\r\n\r\n"
    with site.raw(line + kept) as peer:
        first = peer.recv(65536)
        peer.sendall(line + CLOSE)
        second = peer.recv(65536)
    assert first.split(b"\r\n")[0] == second.split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"FOO / HTTP/1.1\r\n", b"501"),
        (b"get / HTTP/1.1\r\n", b"501"),
        (b"GET / HTTP/2.0\r\n", b"505"),
        (b"GET / HTTP/0.9\r\n", b"505"),
        (b"\x16\x03\x01\r\n", b"400"),
        (b"F\xc3\xa9 / HTTP/1.1\r\n", b"501"),
    ],
)
def test_what_is_not_understood_is_refused(
    site: PlainSite, line: bytes, status: bytes
) -> None:
    assert answer(site, line + CLOSE).startswith(b"HTTP/1.1 " + status)


def test_1_0_needs_no_host(site: PlainSite) -> None:
    assert answer(site, b"GET / HTTP/1.0\r\n\r\n").split(b" ")[1] != b"400"
    assert answer(site, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")
