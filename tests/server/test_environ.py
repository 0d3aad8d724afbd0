"""The WSGI environment of a request."""

from __future__ import annotations

import io

import pytest

from channelshim.appserver.guard import is_from_loopback, why_no_dev_login
from channelshim.appserver.proxies import header_of_proxy, parse_networks
from channelshim.server.environ import environ_of
from channelshim.server.request import Request


def test_peer_that_has_gone_is_not_this_machine() -> None:
    headers = [(b"host", b"localhost"), (b"x-forwarded-email", b"boss@example.com")]
    request = Request("GET", "1.1", b"/", headers, client=None)
    environ = environ_of(request, io.BytesIO(), 0)
    assert environ["REMOTE_ADDR"] == ""
    assert not is_from_loopback(environ)
    assert why_no_dev_login(environ, ())
    proxies = parse_networks(["127.0.0.1", "0.0.0.0/0", "::/0"])
    assert header_of_proxy(environ, "HTTP_X_FORWARDED_EMAIL", proxies) == ""


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://app.example/a?b=http://c", "app.example"),
        (b"https://app.example:8080/a", "app.example:8080"),
        (b"http://user:word@app.example/@b", "app.example"),
        (b"http://[::1]:80/a", "[::1]:80"),
        (b"//app.example/a", "header.example"),
        (b"/http://app.example/a", "header.example"),
    ],
)
def test_host_of_an_absolute_target_counts(target: bytes, host: str) -> None:
    headers = [(b"host", b"header.example"), (b"x-a", b"b")]
    request = Request("GET", "1.1", target, headers)
    environ = environ_of(request, io.BytesIO(), 0)
    assert (environ["HTTP_HOST"], environ["HTTP_X_A"]) == (host, "b")
    assert request.header(b"host") == host
