"""HTTP on real sockets: bounds, bodies in pieces, streams, and too much at once."""

from __future__ import annotations

import json
import random
import select
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.server.plain_site import PlainSite, until, until_end
from tests.servers import Server

WaitUntil = Callable[..., Any]

MAXIMUM_BODY_BYTES = 1 << 20
"""As the fixture's server has it."""


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def test_long_head_is_refused(site: PlainSite) -> None:
    with site.raw(request("GET", "/seen", f"X-Long: {'x' * 70_000}")) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 431 ")


def test_long_address_is_refused(site: PlainSite) -> None:
    with site.raw(request("GET", f"/seen?{'x' * 70_000}")) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 431 ")


def test_too_many_headers_are_refused(site: PlainSite) -> None:
    few = [f"X-{number}: {number}" for number in range(400)]
    with site.raw(request("GET", "/seen", "Connection: close", *few)) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 200 ")
    with site.raw(request("GET", "/seen", *["a:b"] * 2000)) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 431 ")


def test_nonsense_is_bad(site: PlainSite) -> None:
    with site.raw(b"\x16\x03\x01\x02\x00\x01 hello\r\n\r\n") as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("hosts", [(), ("localhost", "localhost"), ("localhost", "x")])
def test_head_names_one_host(site: PlainSite, hosts: tuple[str, ...]) -> None:
    lines = [f"Host: {host}" for host in hosts]
    sent = "\r\n".join(["GET /seen HTTP/1.1", *lines, "", ""]).encode("ascii")
    with site.raw(sent) as peer:
        assert until_end(peer).startswith(b"HTTP/1.1 400 ")


def test_trailer_is_no_header(site: PlainSite) -> None:
    sent = request(
        "POST",
        "/seen",
        "Transfer-Encoding: chunked",
        "Connection: close",
        body=b"1\r\nx\r\n0\r\nX-Trailer: y\r\nHost: z\r\n\r\n",
    )
    with site.raw(sent) as peer:
        answer = until_end(peer)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"TRAILER" not in answer.upper()


def test_body_that_says_it_is_too_long_is_refused(site: PlainSite) -> None:
    length = f"Content-Length: {MAXIMUM_BODY_BYTES + 1}"
    with site.raw(request("POST", "/echo", length)) as peer:
        assert until(peer, b"\r\n").startswith(b"HTTP/1.1 413 ")


def test_chunks_that_grow_too_long_are_refused(site: PlainSite) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = request("POST", "/echo", "Transfer-Encoding: chunked", body=chunk * 17)
    with site.raw(sent) as peer:
        assert until(peer, b"\r\n").startswith(b"HTTP/1.1 413 ")


def test_longest_body_arrives_whole(site: PlainSite) -> None:
    body = bytes(range(256)) * (MAXIMUM_BODY_BYTES // 256)
    assert site.ask("/echo", body) == (200, body)


def test_chunks_arrive_as_one_body(site: PlainSite) -> None:
    chunks = b"5\r\nhello\r\n7;name=value\r\n, world\r\n0\r\nTrailer: x\r\n\r\n"
    sent = request("POST", "/echo", "Transfer-Encoding: chunked", body=chunks)
    with site.raw(sent) as peer:
        assert until(peer, b"world").endswith(b"\r\n\r\nhello, world")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("Content-Length: 3331", b"x" * 3330),
        ("Transfer-Encoding: chunked", b"d03\r\n" + b"x" * 3330),
    ],
)
def test_body_cut_short_never_reaches_the_app(
    site: PlainSite, wait_until: WaitUntil, header: str, part: bytes
) -> None:
    with site.raw(request("POST", "/echo", header, body=part)):
        pass
    # One that comes later is through: the one before has been given up.
    assert site.ask("/echo", b"y" * 77)[0] == 200
    wait_until(lambda: 77 in site.json("/bodies"))
    assert not {3330, 3331} & set(site.json("/bodies"))


def test_body_that_does_not_come_is_given_up(site: PlainSite) -> None:
    with site.raw(request("POST", "/echo", "Content-Length: 5", body=b"he")) as peer:
        assert until(peer, b"\r\n").startswith(b"HTTP/1.1 408 ")


def test_expectation_is_answered(site: PlainSite) -> None:
    head = request("POST", "/echo", "Content-Length: 5", "Expect: 100-continue")
    with site.raw(head) as peer:
        assert until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        peer.sendall(b"hello")
        assert until(peer, b"hello").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("version", "body"), [("1.0", b""), ("1.1", b"hello")])
def test_expectation_that_needs_no_answer_has_none(
    site: PlainSite, version: str, body: bytes
) -> None:
    head = request("POST", "/echo", "Content-Length: 5", "Expect: 100-continue")
    with site.raw(head.replace(b"HTTP/1.1", f"HTTP/{version}".encode()) + body) as peer:
        # Another one's answer: the server has read what came before.
        site.ask("/seen")
        peer.sendall(b"hello"[len(body) :])
        assert until(peer, b"hello").startswith(b"HTTP/1.1 200 ")


def test_requests_in_one_packet_are_answered_in_order(site: PlainSite) -> None:
    bodies = [f"body {number}.".encode("ascii") for number in range(10)]
    sent = [
        request("POST", "/echo", f"Content-Length: {len(body)}", body=body)
        for body in bodies
    ]
    with site.raw(b"".join(sent)) as peer:
        answers = until(peer, bodies[-1]).split(b"HTTP/1.1 200 OK")
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers[1:]] == bodies


def test_any_number_of_requests_in_any_cut_are_answered_in_order(
    site: PlainSite,
) -> None:
    random_source = random.Random(12)
    bodies = [
        f"{number}.".encode("ascii") * random_source.choice([1, 10, 3000])
        for number in range(400)
    ]
    sent = b"".join(
        request("POST", "/echo", f"Content-Length: {len(body)}", body=body)
        for body in bodies
    )
    with site.raw() as peer:

        def send() -> None:
            at = 0
            while at < len(sent):
                size = random_source.choice([1, 100, 5000, 300_000])
                peer.sendall(sent[at : at + size])
                at += size

        sender = threading.Thread(target=send)
        sender.start()
        file = peer.makefile("rb")
        for body in bodies:
            assert file.readline().startswith(b"HTTP/1.1 200 ")
            while file.readline() != b"\r\n":
                pass
            assert file.read(len(body)) == body
        sender.join()


def test_connection_is_kept_and_old_clients_are_closed(site: PlainSite) -> None:
    with site.raw(request("GET", "/seen")) as peer:
        assert b"connection: close" not in until(peer, b"}").lower()
        peer.sendall(request("GET", "/seen", "Connection: close"))
        assert until_end(peer).startswith(b"HTTP/1.1 200 ")
    with site.raw(b"GET /seen HTTP/1.0\r\nHost: localhost\r\n\r\n") as peer:
        assert until_end(peer).split()[1] == b"200"


def test_head_is_an_answer_without_its_body(site: PlainSite) -> None:
    sent = request("HEAD", "/seen") + request("GET", "/seen", "Connection: close")
    with site.raw(sent) as peer:
        first, second, _ = until_end(peer).split(b"\r\n\r\n")
    assert b"content-length" in first.lower()
    # What follows the head of the first is the second.
    assert second.startswith(b"HTTP/1.1 200 ")


def test_headers_reach_the_app_as_wsgi_says(site: PlainSite) -> None:
    sent = request(
        "GET",
        "/seen",
        "X-One-Two: a",
        "X-One-Two: b",
        "X_One_Two: forged",
        "Cookie: c=1",
        "Cookie: d=2",
        "Connection: close",
    )
    with site.raw(sent) as peer:
        seen = json.loads(until_end(peer).partition(b"\r\n\r\n")[2])
    assert seen["HTTP_X_ONE_TWO"] == "a,b"
    assert seen["HTTP_COOKIE"] == "c=1; d=2"
    assert seen["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_stream_goes_out_piece_by_piece(site: PlainSite) -> None:
    with site.raw(request("GET", "/stream", "Connection: close")) as peer:
        # The second piece waits for a request that comes after this.
        until(peer, b"first ")
        assert site.ask("/go")[0] == 200
        assert b"second" in until_end(peer)
    assert "stream" in site.json("/closed")


def test_stream_ends_when_its_reader_goes(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    with site.raw(request("GET", "/endless")) as peer:
        until(peer, b"xxx")
    wait_until(lambda: "endless" in site.json("/closed"))


def test_stream_ends_although_another_request_waits_behind_it(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    before = site.json("/closed").count("endless")
    with site.raw(request("GET", "/endless") + request("GET", "/seen")) as peer:
        until(peer, b"xxx")
    wait_until(lambda: site.json("/closed").count("endless") > before)


def test_too_many_waiting_are_told_to_try_again(
    own_server: Server, wait_until: WaitUntil
) -> None:
    site = PlainSite(own_server.url)
    with ExitStack() as stack:
        waiting = []
        for number in (1, 2):
            waiting.append(stack.enter_context(site.raw(request("GET", "/wait"))))
            wait_until(lambda n=number: own_server.output.count("a handler w") == n)
        # Both threads are taken now: four may wait and the rest is refused.
        peers = [
            stack.enter_context(site.raw(request("GET", "/go"))) for _ in range(4 + 2)
        ]
        wait_until(lambda: len(select.select(peers, [], [], 0)[0]) >= 2)
        # The seventh is judged after the six, so no more of them will be refused.
        with site.raw(request("GET", "/go")) as seventh:
            assert until(seventh, b"second.").startswith(b"HTTP/1.1 503 ")
        answered = select.select(peers, [], [], 0)[0]
        assert len(answered) == 2
        for peer in answered:
            answer = until(peer, b"second.")
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1\r\n" in answer.lower()
