"""Our own addresses: which requests count as opening a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from channelshim import limits
from channelshim.appserver.client_limits import ClientLimit
from channelshim.transports.origins import Origins
from channelshim.transports.polling import PATH_POLL
from channelshim.transports.routes import Request, Routes


def refused(
    path: str, query: str, goes_on: Callable[[str], bool] | None = None
) -> bool:
    """Return whether a second such request within a minute is refused."""
    poller: Any = None
    limit = ClientLimit(1, "connects")
    routes = Routes(
        poller,
        lambda host, peer: "",
        Origins(),
        has_sockets=True,
        limit=limit,
        goes_on=goes_on,
    )
    request = Request(path, "GET", "localhost", None, query, "192.0.2.1")
    assert routes.reply_at_once(request) is None
    reply = routes.reply_at_once(request)
    return reply is not None and reply.status == 429


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
    assert refused(path, query)


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
    assert not refused(path, query)
    assert not refused(path, query, lambda token: token == "x")
    # It says so, and no page of the token was ever here.
    assert refused(path, query, lambda token: token != "x")
