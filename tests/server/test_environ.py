"""The WSGI environment of a request."""

from __future__ import annotations

import io

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
