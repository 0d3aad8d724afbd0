"""Whatever comes over the wire, no 500, no hang, no traceback."""

from __future__ import annotations

import errno
import http.client
import re
import socket
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Servers
from tests.lanes import ROOT, timeout_factor
from tests.servers import Server

HANDSHAKE = (
    "GET /_ah/channel/socket?token={token}{more} HTTP/1.1\r\n"
    "Host: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

fuzzed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
lingering = settings(fuzzed, max_examples=20)
"""For what the server waits a second for; tests/fuzz tries far more frames."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    server = servers(ROOT, "--automatic_restart=no")
    yield server
    output = server.output
    servers.stop()
    assert "Traceback" not in output


@pytest.fixture(scope="module")
def token(running: Server) -> str:
    login = ask(running, "/_ah/login?action=Login&email=fuzz@example.com&continue=/")
    cookie = str(login.getheader("Set-Cookie")).partition(";")[0]
    page = ask(running, "/", {"Cookie": cookie})
    match = re.search(rb"Channel\('([^']+)'\)", page.read())
    assert match is not None
    return match[1].decode("ascii")


def ask(
    running: Server, path: str, headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    seconds = 10 * timeout_factor()
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=seconds)
    connection.request("GET", path, headers=headers or {})
    return connection.getresponse()


_NAMES = st.sampled_from(
    ["token", "after", "wait", "hidden", "command", "channel", "x"]
)
_VALUES = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["connect", "poll", "0", "-1", "1e999", "%00", "a" * 3000]),
)
_QUERIES = st.lists(st.tuples(_NAMES, _VALUES), max_size=5).map(
    lambda pairs: "&".join(
        f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in pairs
    )
)


@fuzzed
@given(path=st.sampled_from(["poll", "dev", "socket", "jsapi"]), query=_QUERIES)
def test_any_poll_query_is_answered(running: Server, path: str, query: str) -> None:
    assert ask(running, f"/_ah/channel/{path}?{query}").status < 500


@fuzzed
@given(after=_VALUES, wait=st.sampled_from(["0", "-1", "x", "nan", ""]))
def test_any_numbers_with_a_genuine_token_are_answered(
    running: Server, token: str, after: str, wait: str
) -> None:
    number = quote(after.encode("utf-8", "replace"))
    path = f"/_ah/channel/poll?token={token}&after={number}&wait=0"
    assert ask(running, path).status in (200, 400)
    # A wait that cannot be read may be held: whoever asks goes away.
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        line = f"GET /_ah/channel/poll?token={token}&wait={wait} HTTP/1.1\r\n"
        connection.sendall(f"{line}Host: localhost\r\n\r\n".encode("ascii"))


@lingering
@given(
    frames=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(
                lambda first, length, rest: bytes([first, length]) + rest,
                st.integers(0, 255),
                st.integers(0, 255),
                st.binary(max_size=140),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    is_genuine=st.booleans(),
)
def test_any_frames_end_or_are_ignored(
    running: Server, token: str, frames: list[bytes], is_genuine: bool
) -> None:
    opened = HANDSHAKE.format(
        token=token if is_genuine else "nonsense", more="", port=running.port
    )
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.settimeout(10 * timeout_factor())
        connection.sendall(opened.encode("ascii"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 101")
        try:
            for frame in frames:
                connection.sendall(frame)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError as error:
            # The server has ended it, as it may: cut, reset or gone already.
            if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise
    assert ask(running, "/_ah/channel/jsapi").status == 200
