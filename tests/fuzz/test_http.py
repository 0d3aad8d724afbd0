"""The HTTP parser's front: the same requests, however the bytes come in.

Bytes that mean another thing to whoever cuts them elsewhere are how requests are
smuggled; so whole, in pieces and byte by byte the same must be seen.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.fuzzing import Fuzz, fuzzed
from tests.server.test_reading import Connection

MOST_TURNS = 2000
"""Of the loop after the last byte; each takes some of it."""

Seen = tuple[list[tuple[str, bytes, bytes, list[Any], bytes]], bytes]

WORDS = [
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"+1",
    b"\xc3\xa9",
    b"%00",
]


async def seen(data: bytes, size: int) -> Seen:
    """Return each request, and what was written beside the answers."""
    connection = Connection()
    requests = []

    def answer() -> None:
        for response in list(connection.begun):
            request = response.request
            upload = request.upload
            if upload is not None and not upload.is_whole:
                continue
            requests.append(
                (
                    request.method,
                    request.raw_path,
                    request.query,
                    request.headers,
                    b"" if upload is None else upload.take()[0].read(),
                )
            )
            # As an answer does that is the last one.
            connection.transport.is_closed |= not response.keeps_alive
            connection.answer_to(response)

    for at in range(0, len(data), size):
        if connection.transport.is_closed:
            # A loop reads no more of it, but to drop it.
            break
        connection.protocol.data_received(data[at : at + size])
        answer()
        await asyncio.sleep(0)
        answer()
    turns = 0
    while connection.protocol._unparsed and not connection.transport.is_closed:
        await asyncio.sleep(0)
        answer()
        turns += 1
        assert turns < MOST_TURNS, "what was read is never parsed"
    connection.protocol.connection_lost(None)
    return requests, connection.transport.written


def plain(what: Seen) -> Seen:
    """Leave out by which status it was refused.

    Of two faults in a head, the parser sees either first: it hands over a header when
    the next one begins, or when a piece ends.
    """
    return what[0], re.sub(rb"HTTP/1\.1 [45]\d\d [^\r]+", b"refused", what[1])


HEADERS = st.sampled_from(
    [
        b"Host: localhost",
        b"Content-Length: 3",
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Connection: close",
        b"Connection: Upgrade\r\nUpgrade: h2c",
        b"X: " + b"y" * 300,
        b"X:\r\n folded",
        b"X : y",
        b"Expect: 100-continue",
    ]
)


@st.composite
def request(draw: st.DrawFn) -> bytes:
    method = draw(
        st.sampled_from((b"GET", b"POST", b"HEAD", b"PATCH", b"get", b"CONNECT"))
    )
    target = draw(st.sampled_from((b"/", b"/a?b", b"*", b"http://localhost/", b"/%ff")))
    version = draw(st.sampled_from((b"1.1", b"1.1", b"1.0", b"2.0", b"9")))
    lines = [b"%s %s HTTP/%s" % (method, target, version)]
    lines += draw(st.lists(HEADERS, max_size=4))
    body = draw(st.sampled_from((b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n")))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@fuzzed("http", 60)
def test_requests_are_the_same_however_they_come(fuzz: Fuzz) -> None:
    loop = asyncio.new_event_loop()

    def claim(data: bytes) -> None:
        requests, written = loop.run_until_complete(seen(data, len(data) or 1))
        for size in (1, 13):
            if len(data) // size > 2000:
                continue
            again = loop.run_until_complete(seen(data, size))
            assert plain(again) == plain((requests, written))
        for line in re.findall(rb"^HTTP/.*$", written, re.MULTILINE):
            assert re.fullmatch(rb"HTTP/1\.1 [1-5]\d\d [ -~]+\r", line), line
        for method, path, query, headers, _ in requests:
            text = b" ".join((method.encode("ascii"), path, query))
            assert not re.search(rb"[\0\r\n]", text)
            for name, value in headers:
                assert re.fullmatch(rb"[!#$%&'*+.^_`|~0-9a-z-]+", name), name
                assert not re.search(rb"[\0\r\n]", value), value

    try:
        fuzz.check(claim, st.lists(request(), max_size=3).map(b"".join), words=WORDS)
    finally:
        loop.close()
