"""Our own addresses: which requests count as opening a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from channelshim import limits
from channelshim.appserver.client_limits import ClientLimit
from channelshim.transports import routes as routes_module
from channelshim.transports.origins import Origins
from channelshim.transports.polling import PATH_POLL
from channelshim.transports.routes import Request, Routes


def limited(
    goes_on: Callable[[str], bool | None] = lambda token: False, *, connects: int = 1
) -> Routes:
    """Return routes that let one address open so many channels in a minute."""
    poller: Any = None
    return Routes(
        poller,
        lambda host, peer: "",
        Origins(),
        has_sockets=True,
        limit=ClientLimit(connects, "connects"),
        goes_on=goes_on,
    )


def is_refused(routes: Routes, path: str, query: str) -> bool:
    request = Request(path, "GET", "localhost", None, query, "192.0.2.1")
    reply = routes.reply_at_once(request)
    if reply is None:
        return False
    assert reply.status == 429
    return True


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (PATH_POLL, "token=x"),
        (PATH_POLL, "token=x&hereafter=1"),
        (PATH_POLL, "token=x&after="),
        (PATH_POLL, "token=x&after=now"),
        (PATH_POLL, "token=x&after=1&after=x"),
        (limits.PATH_DEV, "command=connect&channel=x"),
        (limits.PATH_DEV, "command=%63onnect&channel=x"),
        (limits.PATH_DEV, "comm%61nd=connect&channel=x"),
        (limits.PATH_DEV, "command=poll&command=connect&channel=x"),
        (limits.PATH_DEV, "command=connect&channel=x&after=1"),
    ],
)
def test_what_opens_a_channel_counts_however_it_is_spelled(
    path: str, query: str
) -> None:
    routes = limited(lambda token: True)
    assert not is_refused(routes, path, query)
    assert is_refused(routes, path, query)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (PATH_POLL, "token=x&after=3"),
        (PATH_POLL, "token=x&%61fter=3"),
        (limits.PATH_DEV, "command=poll&channel=x"),
        (limits.PATH_DEV, "command=connect&command=poll&channel=x"),
    ],
)
def test_what_goes_on_with_a_channel_does_not_count(path: str, query: str) -> None:
    known = limited(lambda token: token == "x")
    assert not any(is_refused(known, path, query) for _ in range(3))
    # It says so, and no page of the token was ever here: it is counted, once.
    unknown = limited()
    assert not any(is_refused(unknown, path, query) for _ in range(3))
    assert is_refused(unknown, path, query.replace("=x", "=y"))
    # What was refused is not remembered, nor what is no token.
    assert is_refused(unknown, path, query.replace("=x", "=y"))
    invalid = limited(lambda token: None)
    assert not is_refused(invalid, path, query)
    assert is_refused(invalid, path, query)


def test_what_was_counted_longest_ago_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes_module, "MAXIMUM_COUNTED", 2)
    routes = limited(connects=4)
    for name in ("a", "b", "c"):
        assert not is_refused(routes, PATH_POLL, f"token={name}&after=1")
    # The fourth; "b" goes for it.
    assert not is_refused(routes, PATH_POLL, "token=a&after=1")
    assert not is_refused(routes, PATH_POLL, "token=c&after=1")
    assert is_refused(routes, PATH_POLL, "token=b&after=1")


def test_what_is_no_token_pushes_out_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_module, "MAXIMUM_COUNTED", 1)
    routes = limited(lambda token: None if token == "junk" else False, connects=3)
    assert not is_refused(routes, PATH_POLL, "token=a")
    for query in ("token=junk", "token=junk&after=1"):
        assert not is_refused(routes, PATH_POLL, query)
    assert is_refused(routes, PATH_POLL, "token=junk")
    assert not is_refused(routes, PATH_POLL, "token=a&after=1")
