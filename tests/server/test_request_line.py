"""Request lines that the parser would refuse, over raw sockets."""

from __future__ import annotations

import asyncio
import itertools

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.server.refusals import BadTarget
from channelshim.server.request import split_target
from channelshim.server.request_line import has_unknown_method, quoted
from tests.server.plain_site import PlainSite
from tests.server.test_reading import Connection


def quoted_in_pieces(data: bytes, cuts: list[int]) -> bytes:
    found = b""
    start: bytes | None = b""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(places):
        piece, start = quoted(data[begin:end], start)
        found += piece
    return found


@given(st.binary(), st.lists(st.integers(0, 1000), max_size=4))
def test_quoted_line_is_ascii_and_the_rest_is_as_it_was(
    data: bytes, cuts: list[int]
) -> None:
    line = data.replace(b"\n", b"").replace(b"\r", b"")
    sent = b"\r\n\nGET /" + line + b" HTTP/1.1\r\n"
    whole, start = quoted(sent + data, b"")
    assert start is None
    head, rest = whole[: len(whole) - len(data)], whole[len(whole) - len(data) :]
    assert head.isascii()
    assert rest == data
    if sent.isascii():
        assert whole == sent + data
    assert quoted_in_pieces(sent + data, cuts) == whole


@pytest.mark.parametrize(
    ("line", "is_unknown"),
    [
        (b"FOO / HTTP/1.1", True),
        (b"\r\n\nget /a", True),
        (b"GE / HTTP/1.1", True),
        (b"GETS / HTTP/1.1", True),
        (b"G%C3 /", True),
        (b"A" * 65 + b" /", True),
        (b"OPTIONS *", False),
        (b"GET/ HTTP/1.1", False),
        (b"\x16\x03\x01", False),
        (b"GET", False),
        (b" GET /", False),
    ],
)
def test_unknown_method_is_told_from_nonsense(line: bytes, is_unknown: bool) -> None:
    assert has_unknown_method(line) is is_unknown


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"get / HTTP/1.1", b"501"),
        (b"FOO / HTTP/1.1", b"501"),
        (b"F\xc3\xa9 / HTTP/1.1", b"501"),
        (b"\x16\x03\x01", b"400"),
        (b"GET /\xc3\xa9?\xe9 HTTP/1.1", b""),
    ],
)
def test_line_that_comes_in_pieces_is_read_as_the_whole(
    line: bytes, status: bytes, size: int
) -> None:
    async def run() -> None:
        connection = Connection()
        sent = line + b"\r\nHost: localhost\r\n\r\n"
        for at in range(0, len(sent), size):
            connection.protocol.data_received(sent[at : at + size])
        assert connection.transport.written[9:12] == status
        if not status:
            (response,) = connection.begun
            assert response.request.raw_path == b"/%C3%A9"
            assert response.request.query == b"%E9"

    asyncio.run(run())


@given(st.from_regex(rb"/[!-~]*", fullmatch=True))
def test_target_is_split_as_the_parser_splits_it(target: bytes) -> None:
    try:
        parsed = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        return
    assert split_target(target) == (parsed.path, parsed.query or b"")


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"http://localhost/a?b", (b"/a", b"b")),
        (b"/a#b?c", (b"/a", b"")),
        (b"//a?b?c", (b"//a", b"b?c")),
    ],
)
def test_target_in_parts(target: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split_target(target) == parts


@pytest.mark.parametrize("target", [b"localhost:80", b"http://localhost", b""])
def test_target_without_a_path_is_refused(target: bytes) -> None:
    with pytest.raises(BadTarget):
        split_target(target)


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
