"""No request hangs or costs a worker, whatever its handler raises."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.conftest import Servers
from tests.programs import running
from tests.server.plain_site import PlainSite, until_end
from tests.server.test_http import request
from tests.servers import Server

APP = Path(__file__).parent / "apps" / "failing"

WORKERS = 2

FAULTS = [
    *("exit", "exit0", "interrupt", "generator-exit", "cancelled", "deadline", "odd"),
    *("recursion", "memory", "value"),
]
"""What apps/failing/failing.py can raise; StopIteration is not always a fault."""

BAD_HEADS = [
    *("space in a name", "empty name", "NUL", "line break", "line break in a name"),
    *("other alphabet", "bytes", "number", "None", "no pair", "no list"),
    *("length that is none", "two lengths", "status without a number"),
    *("status of bytes", "number as status", "status with a line break"),
    *("status too high", "status that announces another"),
]

MISUSES = [
    *("none", "twice", "number in the body", "number in the stream", "no iterable"),
]

WaitUntil = Callable[..., Any]


@pytest.fixture(scope="module")
def failing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start the module's server."""
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    yield servers(
        APP, "--automatic_restart=no", f"--threads={WORKERS}", "--grace_seconds=0.2"
    )
    servers.stop()


@pytest.fixture
def site(failing_server: Server) -> PlainSite:
    return PlainSite(failing_server.url)


def log_of(server: Server, site: PlainSite, seen: int, wait_until: WaitUntil) -> str:
    """Return what the server has logged since, all of what happened before this."""
    mark = f"/told?mark={seen}"
    assert site.ask(mark)[0] == 200
    wait_until(lambda: mark in server.output[seen:])
    return server.output[seen:]


def assert_all_workers_answer(site: PlainSite) -> None:
    for _ in range(WORKERS + 1):
        assert site.ask("/told")[0] == 200


@pytest.mark.parametrize("place", ["call", "started", "iter", "next", "list-close"])
@pytest.mark.parametrize("fault", [*FAULTS, "stop"])
def test_whatever_is_raised_before_the_answer_is_a_500(
    site: PlainSite,
    failing_server: Server,
    wait_until: WaitUntil,
    fault: str,
    place: str,
) -> None:
    path = f"/fail?how={fault}&at={place}"
    if (fault, place) == ("stop", "next"):
        # That is how an iterator ends.
        assert site.ask(path) == (200, b"")
        return
    seen = len(failing_server.output)
    for _ in range(WORKERS + 1):
        status, body = site.ask(path)
        assert (status, b"500 Internal Server Error" in body) == (500, True)
    assert_all_workers_answer(site)
    log = log_of(failing_server, site, seen, wait_until)
    assert log.count("GET /fail failed") == log.count("ERROR") == WORKERS + 1
    assert log.count("Traceback") >= WORKERS + 1
    assert log.count(f'"GET {path}" 500') == WORKERS + 1


@pytest.mark.parametrize("length", ["", "&length=36"])
@pytest.mark.parametrize("place", ["middle", "close"])
@pytest.mark.parametrize("fault", FAULTS)
def test_answer_that_breaks_off_never_looks_whole(
    site: PlainSite,
    failing_server: Server,
    wait_until: WaitUntil,
    fault: str,
    place: str,
    length: str,
) -> None:
    seen = len(failing_server.output)
    for _ in range(WORKERS + 1):
        path = f"/fail?how={fault}&at={place}{length}"
        with site.raw(request("GET", path)) as peer:
            answer = until_end(peer)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"piece." in answer
        if place == "middle" or not length:
            assert is_cut(site, path)
    assert_all_workers_answer(site)
    log = log_of(failing_server, site, seen, wait_until)
    assert "GET /fail broke off" in log
    assert log.count("ERROR") == log.count("GET /fail broke off")


def test_answer_that_ends_with_its_connection_is_reset(site: PlainSite) -> None:
    path = "/fail?how=value&at=middle"
    line = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
    with site.raw(line.encode("ascii")) as peer, pytest.raises(ConnectionResetError):
        b"".join(iter(lambda: peer.recv(65536), b""))


def is_cut(site: PlainSite, path: str) -> bool:
    """Return whether a client notices that its answer is not whole."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except (http.client.IncompleteRead, ConnectionError):
        return True
    finally:
        connection.close()
    return False


@pytest.mark.parametrize("what", BAD_HEADS)
def test_head_that_cannot_be_sent_is_a_500(
    site: PlainSite, failing_server: Server, wait_until: WaitUntil, what: str
) -> None:
    seen = len(failing_server.output)
    with site.raw(
        request("GET", f"/head?what={quote(what)}", "Connection: close")
    ) as peer:
        answer = until_end(peer)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"500 Internal Server Error</h1>" in answer
    assert b"set-cookie" not in answer.partition(b"\r\n\r\n")[0].lower()
    log = log_of(failing_server, site, seen, wait_until)
    assert log.count("GET /head failed") == 1


@pytest.mark.parametrize("what", MISUSES)
def test_misuse_of_wsgi_is_a_500(site: PlainSite, what: str) -> None:
    assert site.ask(f"/misuse?what={quote(what)}")[0] == 500


def test_start_response_after_the_first_piece_cuts_the_answer(site: PlainSite) -> None:
    assert is_cut(site, "/late")


@pytest.mark.parametrize("how", ["list", "text", "stream", "write"])
def test_text_is_answered_as_utf_8(site: PlainSite, how: str) -> None:
    # The app counts characters, as it could when text was bytes.
    assert site.ask(f"/text?how={how}") == (200, b"\xe4\xb8\xad \xff")


@pytest.mark.parametrize("more", ["", "&stream", "&length", "&stream&length"])
@pytest.mark.parametrize(
    ("line", "method"),
    [("204 No Content", "GET"), ("304 Not Modified", "GET"), ("200 OK", "HEAD")],
)
def test_answer_without_a_body_has_none(
    site: PlainSite, line: str, method: str, more: str
) -> None:
    address = f"/status?line={quote(line)}{more}"
    both = request(method, address) + request("GET", "/told", "Connection: close")
    with site.raw(both) as peer:
        first, _, rest = until_end(peer).partition(b"\r\n\r\n")
    assert rest.startswith(b"HTTP/1.1 200 OK")
    assert b"transfer-encoding" not in first
    if method == "GET":
        assert b"content-length" not in first


def test_platform_goes_on_after_tasks_and_presence_that_raise(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    queries = "&".join(f"n={fault} {n}" for n in range(3) for fault in FAULTS)
    assert site.ask(f"/add?{quote(queries, safe='&=')}")[0] == 200
    assert site.ask("/add?n=good")[0] == 200
    for number in range(2):
        for fault in FAULTS:
            poll(site, f"{fault} {number}")
    poll(site, "good")
    for word in ("/work", "/_ah/channel/connected/", "/_ah/channel/disconnected/"):
        wait_until(lambda word=word: f"{word} good" in told(site), 30)
    wait_until(lambda: "/_ah/channel/disconnected/ odd 1" in told(site), 30)


def told(site: PlainSite) -> list[str]:
    words: list[str] = json.loads(site.ask("/told")[1])
    return words


def poll(site: PlainSite, client_id: str) -> None:
    """Be connected for a moment."""
    token = site.ask(f"/token?id={quote(client_id)}")[1].decode("ascii")
    assert site.ask(f"/_ah/channel/poll?token={token}&wait=0")[0] == 200
    assert site.ask(f"/_ah/channel/poll?token={token}&leave=1")[0] in (200, 204)


@pytest.mark.parametrize("server_name", ["paste", "wsgiref"])
def test_other_servers_go_on_too(server_name: str) -> None:
    command = [sys.executable, str(APP / "wrapped.py"), server_name]
    with running(command, APP) as program:
        site = PlainSite("http://127.0.0.1:0")
        site.port = urlsplit(program.wait_for_url()).port or 0
        for fault in FAULTS:
            for place in ("call", "started", "iter", "next", "list-close"):
                status, body = site.ask(f"/fail?how={fault}&at={place}")
                assert status == 500, (fault, place)
                assert b"500 Internal Server Error" in body
            assert is_cut(site, f"/fail?how={fault}&at=middle&length=36")
        for what in BAD_HEADS:
            assert site.ask(f"/head?what={quote(what)}")[0] == 500, what
        assert site.ask("/status?line=204%20No%20Content&length") == (204, b"")
        for how in ("list", "text", "stream", "write"):
            assert site.ask(f"/text?how={how}") == (200, b"\xe4\xb8\xad \xff")
