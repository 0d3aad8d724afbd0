"""Which names of requests are taken over, and from whom."""

from __future__ import annotations

import re

import pytest

from channelshim.appserver.proxies import parse_networks
from channelshim.server.request import Request
from channelshim.server.request_ids import RequestIds, names_of

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def settled(peer: str | None, *headers: tuple[str, str]) -> tuple[str, str]:
    """Return id and traceparent of a request, once settled."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    raw.append((b"host", b"x"))
    client = None if peer is None else (peer, 1)
    request = Request("GET", "1.1", b"/", raw, client=client)
    ids = RequestIds(parse_networks(["10.0.0.0/8"]))
    ids.settle(request)
    names = [name for name, _ in request.headers]
    assert names.count(b"x-request-id") == 1
    assert names.count(b"traceparent") <= 1
    assert (b"host", b"x") in request.headers
    return names_of(request)


def is_new(request_id: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{32}", request_id) is not None


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3"])
def test_this_machine_and_trusted_proxies_are_believed(peer: str) -> None:
    sent = (("x-request-id", "Root=1-67891233-abc"), ("traceparent", TRACE))
    assert settled(peer, *sent) == ("Root=1-67891233-abc", TRACE)


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1", "", "odd", None])
def test_nobody_else_chooses_an_id(peer: str | None) -> None:
    request_id, trace = settled(peer, ("x-request-id", "a"), ("traceparent", TRACE))
    assert is_new(request_id)
    assert trace == ""


def test_each_request_without_an_id_has_another() -> None:
    found = {settled("127.0.0.1")[0] for _ in range(100)}
    assert len(found) == 100
    assert all(map(is_new, found))


@pytest.mark.parametrize(
    "value", ["", " ", 'a"b', "a b", "a\tb", "é", "-a", "a" * 129, "a\x7f", "a,b"]
)
def test_what_is_no_id_is_replaced(value: str) -> None:
    assert is_new(settled("127.0.0.1", ("x-request-id", value))[0])


def test_of_two_ids_neither_counts() -> None:
    sent = (("x-request-id", "a"), ("x-request-id", "b"))
    assert is_new(settled("127.0.0.1", *sent)[0])


@pytest.mark.parametrize(
    "value",
    [
        "",
        TRACE.upper(),
        TRACE[:-1],
        f"{TRACE}-00",
        TRACE.replace("00-", "ff-", 1),
        TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        TRACE.replace("00f067aa0ba902b7", "0" * 16),
    ],
)
def test_what_is_no_traceparent_is_taken_out(value: str) -> None:
    assert settled("127.0.0.1", ("traceparent", value))[1] == ""
