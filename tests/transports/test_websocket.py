"""The WebSocket on real sockets: handshake, frames, every way to end, and resuming."""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from channelshim.protocol.tokens import TokenClaims, TokenSigner
from tests.lanes import timeout_factor
from tests.lines import connect
from tests.server.plain_site import (
    ACCEPTED,
    APPLICATION_ID,
    SECRET,
    PlainSite,
    masked,
    until,
    until_end,
)
from tests.servers import Server

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9

PATIENCE = 10 * timeout_factor()


def signed(client_id: str, seconds: float) -> str:
    """Return a token that ends so many seconds from now."""
    claims = TokenClaims(client_id, int(time.time() + seconds), 0, b"nonce890")
    return TokenSigner([SECRET.encode("utf-8")], APPLICATION_ID).sign(claims)


def hello(page: ClientConnection) -> int:
    number: int = json.loads(page.recv(PATIENCE))["id"]
    return number


def ended(page: ClientConnection) -> tuple[int, str]:
    """Return code and reason of the server's close frame."""
    with pytest.raises(ConnectionClosed) as closed:
        page.recv(PATIENCE)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def close_code(data: bytes) -> int:
    """Return the code of the close frame with which data ends."""
    assert data[-4:-2] == b"\x88\x02", data
    return int.from_bytes(data[-2:], "big")


# --- The handshake --------------------------------------------------------------------


def test_the_answer_proves_that_the_key_was_read(site: PlainSite) -> None:
    with site.raw(site.handshake(site.token("ann"))) as peer:
        answer = until(peer, b'{"id": ')
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert ACCEPTED in answer


@pytest.mark.parametrize(
    "replaced",
    [
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Key": "!" * 24},
        {"Sec_WebSocket_Version": None},
        {"Sec_WebSocket_Version": "8"},
    ],
)
def test_half_a_handshake_is_bad(
    site: PlainSite, replaced: dict[str, str | None]
) -> None:
    with site.raw(site.handshake("x", **replaced)) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, b"101"),
        ("http://localhost:PORT", b"101"),
        ("HTTP://LOCALHOST:PORT", b"101"),
        ("http://localhost", b"403"),
        ("http://evil.example", b"403"),
        ("http://localhost:PORT.evil.example", b"403"),
        ("null", b"403"),
    ],
)
def test_only_our_own_pages_open_channels(
    site: PlainSite, origin: str | None, status: bytes
) -> None:
    said = origin and origin.replace("PORT", str(site.port))
    with site.raw(site.handshake("x", Origin=said)) as peer:
        assert until(peer, b"\r\n").split()[1] == status


def test_no_upgrade_is_asked_to_upgrade(site: PlainSite) -> None:
    assert site.ask("/_ah/channel/socket?token=x")[0] == 426


def test_no_socket_elsewhere(site: PlainSite) -> None:
    sent = site.handshake("x").replace(b"/socket?", b"/poll?", 1)
    with site.raw(sent) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 404 ")


def test_query_that_is_too_long_is_not_read(site: PlainSite) -> None:
    with site.raw(site.handshake("x" + "&a" * 3000)) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 414 ")


@pytest.mark.parametrize("token", ["", "nonsense", "a.b", "x" * 2000])
def test_bad_token_is_accepted_and_told(site: PlainSite, token: str) -> None:
    with connect(site.socket_url(token)) as page:
        assert ended(page) == (4401, "Invalid+token.")


def test_old_token_is_accepted_and_told(site: PlainSite) -> None:
    with connect(site.socket_url(signed("ann", -1))) as page:
        assert ended(page) == (4401, "Token+timed+out.")


def test_token_that_ends_ends_its_socket(site: PlainSite) -> None:
    # On a slow machine the first may have ended before its page is there.
    lives = (2, 5 * timeout_factor())
    assert any(is_open_until_its_token_ends(site, seconds) for seconds in lives)


def is_open_until_its_token_ends(site: PlainSite, seconds: float) -> bool:
    is_open = False
    with connect(site.socket_url(signed("ann", seconds))) as page:
        with contextlib.suppress(ConnectionClosed):
            hello(page)
            is_open = True
        assert ended(page) == (4401, "Token+timed+out.")
    return is_open


# --- Messages -------------------------------------------------------------------------


def test_hello_then_each_message_as_it_was(site: PlainSite) -> None:
    texts = ["one", "zoë ☃ 😀 \x00", "x" * 32767, '{"id": 5}']
    with connect(site.socket_url(site.token("hello"))) as page:
        hello(page)
        site.send("hello", *texts)
        assert [page.recv(PATIENCE) for _ in texts] == texts


def test_messages_from_before_the_page_was_there(site: PlainSite) -> None:
    token = site.token("early")
    site.send("early", "a", "b")
    with connect(site.socket_url(token)) as page:
        hello(page)
        assert [page.recv(PATIENCE) for _ in "ab"] == ["a", "b"]


def test_page_resumes_after_the_number_it_names(site: PlainSite) -> None:
    token = site.token("resume")
    with connect(site.socket_url(token)) as page:
        first = hello(page)
        site.send("resume", "a", "b", "c")
        assert [page.recv(PATIENCE) for _ in "abc"] == ["a", "b", "c"]
    with connect(site.socket_url(token, after=first + 1)) as page:
        assert hello(page) == first + 1
        assert [page.recv(PATIENCE) for _ in "bc"] == ["b", "c"]


def test_number_ahead_means_from_now(site: PlainSite) -> None:
    token = site.token("ahead")
    with connect(site.socket_url(token, after=1 << 52)) as page:
        assert hello(page) < 1 << 52
        site.send("ahead", "new")
        assert page.recv(PATIENCE) == "new"


def test_every_tab_gets_every_message(site: PlainSite) -> None:
    address = site.socket_url(site.token("tabs"))
    with connect(address) as one, connect(address) as two:
        hello(one), hello(two)
        site.send("tabs", "to both")
        assert one.recv(PATIENCE) == two.recv(PATIENCE) == "to both"


# --- What pages send ------------------------------------------------------------------


@pytest.fixture
def opened(site: PlainSite) -> Iterator[socket.socket]:
    """Return a raw socket whose hello has come."""
    with site.raw(site.handshake(site.token("raw"))) as peer:
        until(peer, b"}")
        yield peer


def test_ping_is_answered_with_its_own_words(opened: socket.socket) -> None:
    opened.sendall(masked(PING, b"are you there"))
    assert until(opened, b"there") == b"\x8a\x0dare you there"


def test_frames_arrive_in_any_cut(opened: socket.socket) -> None:
    for byte in masked(TEXT, b"ignored") + masked(PING, b"slow"):
        opened.sendall(bytes([byte]))
    assert until(opened, b"slow") == b"\x8a\x04slow"


def test_ping_between_fragments_is_answered(opened: socket.socket) -> None:
    opened.sendall(
        masked(TEXT, b"one ", is_final=False)
        + masked(PING, b"in between")
        + masked(0, b"two")
    )
    assert until(opened, b"between") == b"\x8a\x0ain between"


def test_what_pages_say_is_ignored(site: PlainSite, opened: socket.socket) -> None:
    opened.sendall(masked(TEXT, b"hello?") + masked(BINARY, b"\xff\xfe"))
    site.send("raw", "still here")
    assert until(opened, b"here") == b"\x81\x0astill here"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (b"\xf1\x80\0\0\0\0", 1002),  # reserved bits
        (b"\x83\x80\0\0\0\0", 1002),  # no such opcode
        (b"\x09\x80\0\0\0\0", 1002),  # a control frame in fragments
        (masked(PING, b"x" * 126), 1002),
        (masked(TEXT, b"x" * 5000), 1009),
        (b"\x82\xff" + (1 << 62).to_bytes(8, "big") + b"\0\0\0\0", 1009),
    ],
)
def test_broken_frame_ends_with_its_code(
    opened: socket.socket, frame: bytes, code: int
) -> None:
    opened.sendall(frame)
    until(opened, b"\x88\x02" + struct.pack(">H", code))


# --- Ways to end ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (struct.pack(">H", 1000) + b"bye", 1000),
        (struct.pack(">H", 1001), 1001),
        (struct.pack(">H", 4999), 4999),
        (b"", 1000),
        (struct.pack(">H", 1005), 1002),
        (struct.pack(">H", 0), 1002),
        (b"\x03", 1002),
    ],
)
def test_close_is_answered(opened: socket.socket, said: bytes, answered: int) -> None:
    opened.sendall(masked(CLOSE, said))
    assert close_code(until_end(opened)) == answered


def end_politely(peer: socket.socket) -> None:
    peer.sendall(masked(CLOSE, struct.pack(">H", 1001)))
    until_end(peer)
    peer.close()


def end_of_stream(peer: socket.socket) -> None:
    peer.shutdown(socket.SHUT_WR)
    until_end(peer)
    peer.close()


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@pytest.mark.parametrize("end", [end_politely, end_of_stream, reset])
def test_app_hears_of_every_end(
    site: PlainSite,
    wait_until: Callable[..., Any],
    end: Callable[[socket.socket], None],
) -> None:
    name = end.__name__
    peer = site.raw(site.handshake(site.token(name)))
    until(peer, b"}")
    wait_until(lambda: site.told(name) == ["connected"])
    end(peer)
    wait_until(lambda: site.told(name) == ["connected", "disconnected"])


def test_log_says_who_comes_and_goes_and_what_the_platform_asks(
    plain_server: Server, site: PlainSite, wait_until: Callable[..., Any]
) -> None:
    token = site.token("logged")
    with connect(site.socket_url(token)) as page:
        hello(page)
    lines = [
        r"page \d+: logged connected by websocket",
        r"page \d+: logged disconnected, by websocket",
        r'0\.1\.0\.10 "POST /_ah/channel/connected/" 200',
        r'0\.1\.0\.10 "POST /_ah/channel/disconnected/" 200',
    ]
    for line in lines:
        wait_until(lambda wanted=line: re.search(wanted, plain_server.output))
    assert token not in plain_server.output


def test_frames_behind_the_handshake_are_read(site: PlainSite) -> None:
    sent = site.handshake(site.token("raw")) + masked(PING, b"at once")
    with site.raw(sent) as peer:
        assert b"\x8a\x07at once" in until(peer, b"at once")


# --- Lines that break -----------------------------------------------------------------


class CutPage(threading.Thread):
    """A page whose line is cut again and again, and which says how far it got."""

    def __init__(self, site: PlainSite, client_id: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.received: list[str] = []
        self.cuts = 0
        self.failure: BaseException | None = None
        # Before anything is sent: the token says from where on it is owed messages.
        self._address = (site, site.token(client_id))
        self._random = random.Random(seed)

    def run(self) -> None:
        try:
            number: int | None = None
            while "end" not in self.received:
                number = self._visit(number)
                self.cuts += 1
        except BaseException as error:
            self.failure = error

    def _visit(self, number: int | None) -> int:
        site, token = self._address
        with connect(site.socket_url(token, number), close_timeout=0) as page:
            said = hello(page)
            # A number that is not its own would be a gap.
            assert number in (None, said)
            for _ in range(self._random.randrange(1, 40)):
                self.received.append(str(page.recv(PATIENCE)))
                said += 1
                if self.received[-1] == "end":
                    break
            if self._random.random() < 0.7:
                # The page's side is away without a word, whatever is on its way.
                page.socket.shutdown(socket.SHUT_RDWR)
        return said


def test_random_cuts_lose_and_repeat_nothing(site: PlainSite) -> None:
    pages = [CutPage(site, "cut", seed) for seed in range(3)]
    for page in pages:
        page.start()
    texts = [f"message {number}" for number in range(400)]
    for start in range(0, len(texts), 10):
        site.send("cut", *texts[start : start + 10])
    site.send("cut", "end")
    for page in pages:
        page.join(3 * PATIENCE)
        assert page.failure is None
        assert page.received == [*texts, "end"]
        assert page.cuts > 3


def test_slow_reader_comes_back_and_holds_up_nobody(site: PlainSite) -> None:
    token = site.token("slow")
    texts = [f"{number} ".ljust(30_000, "x") for number in range(300)]
    with site.raw(receive_buffer=4096) as slow, connect(site.socket_url(token)) as fast:
        slow.sendall(site.handshake(token))
        hello(fast)
        for start in range(0, len(texts), 20):
            site.send("slow", *texts[start : start + 20])
            assert [fast.recv(PATIENCE) for _ in range(20)] == texts[start : start + 20]
        got = until_end(slow)
    # What it was sent before it was cut, and then the rest by number.
    assert len(got) < sum(map(len, texts))
    first = int(got.partition(b'{"id": ')[2].partition(b"}")[0])
    whole = got.count(b"\x81\x7e") - 1
    assert 0 <= whole < len(texts)
    with connect(site.socket_url(token, after=first + whole)) as page:
        assert hello(page) == first + whole
        rest = [page.recv(PATIENCE) for _ in texts[whole:]]
    assert rest == texts[whole:]
