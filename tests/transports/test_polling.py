"""The poll fallback on real sockets: held, at once, left, hidden, refused."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.lanes import timeout_factor
from tests.server.plain_site import PlainSite, until, until_end
from tests.servers import Server
from tests.transports.test_websocket import signed

PATIENCE = 10 * timeout_factor()

WaitUntil = Callable[..., Any]


def held(site: PlainSite, token: str, **more: object) -> Future[dict[str, Any]]:
    """Start a poll that waits."""
    name = f"held-{threading.active_count()}"
    pool = ThreadPoolExecutor(1, thread_name_prefix=name)
    answer = pool.submit(site.poll, token, wait=20, **more)
    pool.shutdown(wait=False)
    return answer


def poll_that_waits(token: str) -> bytes:
    line = f"GET /_ah/channel/poll?token={token}&wait=20 HTTP/1.1\r\n"
    return f"{line}Host: localhost\r\n\r\n".encode("ascii")


def test_first_poll_tells_where_the_page_stands(site: PlainSite) -> None:
    token = site.token("first")
    answer = site.poll(token, wait=0)
    assert answer["messages"] == []
    site.send("first", "a", "b")
    again = site.poll(token, after=answer["id"], wait=0)
    assert again["messages"] == ["a", "b"]
    assert again["id"] == answer["id"] + 2
    assert again["retry_ms"] == 0


def test_poll_is_held_until_something_comes(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    token = site.token("held")
    answer = held(site, token)
    wait_until(lambda: site.told("held") == ["connected"])
    assert not answer.done()
    site.send("held", "zoë ☃ 😀")
    assert answer.result(PATIENCE)["messages"] == ["zoë ☃ 😀"]


def test_poll_without_after_goes_on_where_its_token_stands(site: PlainSite) -> None:
    token = site.token("token")
    site.send("token", "a")
    assert site.poll(token)["messages"] == ["a"]
    site.send("token", "b")
    assert site.poll(token)["messages"] == ["b"]


def test_answer_that_was_lost_comes_again(site: PlainSite) -> None:
    token = site.token("lost")
    number = site.poll(token)["id"]
    site.send("lost", "a")
    for _ in range(2):
        assert site.poll(token, after=number)["messages"] == ["a"]


def test_two_pages_both_get_all(site: PlainSite) -> None:
    tokens = [site.token("two"), site.token("two")]
    numbers = [site.poll(token)["id"] for token in tokens]
    site.send("two", "x", "y")
    for token, number in zip(tokens, numbers, strict=True):
        assert site.poll(token, after=number)["messages"] == ["x", "y"]


@pytest.mark.parametrize("wait", ["0", "-5", "nan", "x", ""])
def test_odd_wait_is_answered_at_once(site: PlainSite, wait: str) -> None:
    assert site.poll(site.token("odd"), wait=wait)["messages"] == []


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 2000])
def test_bad_token_is_refused_in_json(site: PlainSite, token: str) -> None:
    status, body = site.ask(f"/_ah/channel/poll?token={token}")
    assert status == 401
    assert json.loads(body) == {"code": 401, "description": "Invalid+token."}


@pytest.mark.parametrize("path", ["poll", "dev", "socket"])
def test_query_that_is_too_long_is_not_read(site: PlainSite, path: str) -> None:
    status, body = site.ask(f"/_ah/channel/{path}?token=x{'&a' * 3000}")
    assert (status, body) == (414, b"A query has 4,096 characters at most.\n")


def test_old_token_is_refused_in_json(site: PlainSite) -> None:
    status, body = site.ask(f"/_ah/channel/poll?token={signed('ann', -1)}")
    assert status == 401
    assert json.loads(body) == {"code": 401, "description": "Token+timed+out."}


def test_token_that_ends_ends_its_held_poll(site: PlainSite) -> None:
    token = signed("ends", 2)
    status, body = site.ask(f"/_ah/channel/poll?token={token}&wait=20")
    assert status == 401
    assert json.loads(body)["description"] == "Token+timed+out."


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_polls(site: PlainSite, method: str) -> None:
    assert site.ask("/_ah/channel/poll?token=x", b"", method)[0] == 405


def test_page_that_stops_polling_is_disconnected_unless_hidden(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    site.poll(site.token("tab-hidden"), hidden=1)
    site.poll(site.token("tab-seen"))
    wait_until(lambda: site.told("tab-seen") == ["connected", "disconnected"])
    assert site.told("tab-hidden") == ["connected"]


def test_page_that_leaves_is_disconnected(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    token = site.token("leaves")
    answer = held(site, token, hidden=1)
    wait_until(lambda: site.told("leaves") == ["connected"])
    site.poll(token, leave=1)
    assert answer.result(PATIENCE)["messages"] == []
    wait_until(lambda: site.told("leaves") == ["connected", "disconnected"])


def test_page_that_hangs_up_is_disconnected_and_loses_nothing(
    site: PlainSite, wait_until: WaitUntil
) -> None:
    token = site.token("hangs-up")
    number = site.poll(token)["id"]
    line = f"GET /_ah/channel/poll?token={token}&after={number}&wait=20 HTTP/1.1\r\n"
    with site.raw(f"{line}Host: localhost\r\n\r\n".encode("ascii")):
        # A slow machine may have it gone and back between the two polls.
        wait_until(lambda: site.told("hangs-up")[-1:] == ["connected"])
    site.send("hangs-up", "missed")
    assert site.poll(token, after=number)["messages"] == ["missed"]
    site.poll(token, leave=1)
    wait_until(lambda: site.told("hangs-up")[-1] == "disconnected")


def test_held_polls_cost_no_worker(site: PlainSite) -> None:
    token = site.token("many")
    sent = poll_that_waits(token)
    with ExitStack() as stack:
        peers = [stack.enter_context(site.raw(sent)) for _ in range(20)]
        # Two threads run the app: it answers while twenty polls are held.
        assert site.ask("/seen")[0] == 200
        site.send("many", "to all")
        for peer in peers:
            assert b'"messages": ["to all"]' in until(peer, b"retry_ms")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_polls_that_are_held_are_answered_at_the_stop(
    own_server: Server, wait_until: WaitUntil, number: signal.Signals
) -> None:
    site = PlainSite(own_server.url)
    token = site.token("stop")
    with ExitStack() as stack:
        # All have been sent before the server is asked again: it has them then.
        sent = poll_that_waits(token)
        peers = [stack.enter_context(site.raw(sent)) for _ in range(3)]
        wait_until(lambda: site.told("stop") == ["connected"])
        own_server.stop(number)
        for peer in peers:
            reply = json.loads(until_end(peer).partition(b"\r\n\r\n")[2])
            assert (reply["messages"], reply["retry_ms"]) == ([], 1000)
