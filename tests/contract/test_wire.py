"""Contract cases E, 29 to 38 over HTTP, and tokens as servers see them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import await_condition
from tests.contract.sites import PROBE, Site
from tests.servers import Servers

NewId = Callable[..., str]


@pytest.fixture(
    params=[
        "shim",
        "wrapped",
        pytest.param("original", marks=pytest.mark.original),
    ],
)
def site(request: pytest.FixtureRequest) -> Site:
    """Run a case against our server, a plain WSGI server and the original."""
    found: Site = request.getfixturevalue(f"{request.param}_site")
    return found


def test_case_067_connect_answers_one(site: Site, new_id: NewId) -> None:
    answer = site.dev("connect", site.token(new_id()))
    assert (answer.status, answer.body) == (200, b"1")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_case_068_poll_gives_one_message_then_none(site: Site, new_id: NewId) -> None:
    name = new_id()
    token = site.token(name)
    site.dev("connect", token)
    site.send(name, "zoë ☃ 😀 <b>&amp;")
    answer = site.dev("poll", token)
    assert answer.body.decode("utf-8") == "zoë ☃ 😀 <b>&amp;"
    assert answer.headers["Content-Type"] == "application/json"
    empty = site.dev("poll", token)
    assert (empty.status, empty.body) == (200, b"")


def test_case_029_order_is_kept(site: Site, new_id: NewId) -> None:
    name = new_id()
    token = site.token(name)
    site.dev("connect", token)
    texts = [f"m{number}" for number in range(6)]
    site.send(name, *texts)
    assert [site.dev("poll", token).body.decode() for _ in texts] == texts


def test_case_030_another_thread_sends_too(site: Site, new_id: NewId) -> None:
    name = new_id()
    token = site.token(name)
    site.dev("connect", token)
    form = {"id": name, "text": "x"}
    assert site.ask("/send-in-thread", form=form).json == "sent"
    assert site.dev("poll", token).body == b"x"


@pytest.mark.parametrize("command", ["connect", "poll"])
@pytest.mark.parametrize("token", ["nonsense", "", "a-b-c-d-e", "x" * 2000])
def test_case_069_bad_token_is_refused(site: Site, command: str, token: str) -> None:
    answer = site.dev(command, token)
    assert answer.status == 401
    # Where the server below carries no reason phrase, the body says it.
    said = answer.reason if site.is_original else answer.body.decode()
    assert said == "Invalid+token."
    if site.name == "wrapped":
        assert answer.reason == said


@pytest.mark.slow
def test_case_069_expired_token_is_refused(site: Site, new_id: NewId) -> None:
    token = site.token(new_id(), minutes=1)
    assert site.dev("connect", token).status == 200
    await_condition(lambda: site.dev("poll", token).status == 401, 65)
    answer = site.dev("poll", token)
    said = answer.reason if site.is_original else answer.body.decode()
    assert said == "Token+timed+out."


@pytest.mark.parametrize(
    "query",
    [
        {"command": "connect"},
        {"channel": "TOKEN"},
        {},
        {"command": "disconnect", "channel": "TOKEN"},
        {"command": "CONNECT", "channel": "TOKEN"},
    ],
)
def test_case_070_half_a_request_is_bad(
    site: Site, new_id: NewId, query: dict[str, str]
) -> None:
    if query.get("channel"):
        query = {**query, "channel": site.token(new_id())}
    assert site.ask("/_ah/channel/dev", query=query).status == 400


@pytest.mark.parametrize("path", ["/_ah/channel/dev", "/_ah/channel/jsapi"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS"])
def test_case_071_only_get(site: Site, path: str, method: str) -> None:
    answer = site.ask(path, method=method, body=b"" if method == "POST" else None)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET"


def test_case_072_all_else_is_the_apps(site: Site) -> None:
    assert site.ask("/_ah/channel/other").json == "app"


@pytest.mark.parametrize("path", ["/_ah/channel/jsapi/", "/_ah/channel/dev/"])
def test_case_072_a_slash_more_is_the_apps(site: Site, path: str) -> None:
    """D10: the original answers 404 itself, whatever app.yaml says."""
    answer = site.ask(path)
    if site.is_original:
        assert answer.status == 404
    else:
        assert answer.json == "app"


def test_client_parameter_is_ignored(site: Site, new_id: NewId) -> None:
    query = {"command": "poll", "channel": site.token(new_id()), "client": "1"}
    assert site.ask("/_ah/channel/dev", query=query).status == 200


def test_case_033_altered_token_is_invalid(site: Site, new_id: NewId) -> None:
    token = site.token(new_id())
    for place in (0, len(token) // 2, len(token) - 1):
        other = "a" if token[place] != "a" else "b"
        altered = token[:place] + other + token[place + 1 :]
        assert site.dev("connect", altered).status == 401


def test_case_037_token_is_used_again(site: Site, new_id: NewId) -> None:
    name = new_id()
    token = site.token(name)
    site.dev("connect", token)
    await_condition(lambda: "disconnected" in site.told(name), 15)
    assert site.dev("connect", token).status == 200
    site.send(name, "again")
    assert site.dev("poll", token).body == b"again"


def test_case_038_second_token_leaves_the_first_alone(
    site: Site, new_id: NewId
) -> None:
    name = new_id()
    first = site.token(name)
    site.dev("connect", first)
    second = site.token(name)
    assert second != first
    site.send(name, "x")
    assert site.dev("poll", first).body == b"x"


def test_case_002_both_tokens_connect(site: Site, new_id: NewId) -> None:
    name = new_id()
    for token in (site.token(name), site.token(name)):
        assert site.dev("connect", token).status == 200


def test_case_023_token_addresses_its_id(site: Site, new_id: NewId) -> None:
    token = site.token(new_id())
    site.dev("connect", token)
    site.send(token, "x")
    assert site.dev("poll", token).body == b"x"


def test_two_tokens_of_one_id_share_or_compete(site: Site, new_id: NewId) -> None:
    """D4: every token sees every message; with the original, one of them does."""
    name = new_id()
    first, second = site.token(name), site.token(name)
    site.dev("connect", first)
    site.dev("connect", second)
    site.send(name, "x")
    assert site.dev("poll", first).body == b"x"
    assert site.dev("poll", second).body == (b"" if site.is_original else b"x")


def test_message_between_creating_and_connecting(site: Site, new_id: NewId) -> None:
    """D12: it waits for the page; the original drops it."""
    name = new_id()
    token = site.token(name)
    site.send(name, "early")
    site.dev("connect", token)
    assert site.dev("poll", token).body == (b"" if site.is_original else b"early")


@pytest.mark.parametrize("suffix", ["&b=c", "+b", "%41b", "#b", ";b", "é", " b/c?"])
def test_case_039_every_id_is_spoken_for(
    shim_site: Site, new_id: NewId, suffix: str
) -> None:
    """D3: the original makes ids with & + % # ; unusable, and refuses é."""
    name = new_id() + suffix
    token = shim_site.token(name)
    # As the original's own script sends it: not quoted.
    url = f"/_ah/channel/dev?command=connect&channel={token}"
    assert shim_site.ask(url).status == 200
    shim_site.send(name, "x")
    assert shim_site.dev("poll", token).body == b"x"


@pytest.mark.original
def test_case_039_original_refuses_an_ampersand(
    original_site: Site, new_id: NewId
) -> None:
    token = original_site.token(f"{new_id()}&b=c")
    url = f"/_ah/channel/dev?command=connect&channel={token}"
    assert original_site.ask(url).status == 401


def test_case_036_token_outlives_a_restart(server: Servers, shim_site: Site) -> None:

    first = server(PROBE)
    token = Site("shim", first.port, lambda: "").token("survivor")
    first.stop()
    second = server(PROBE, storage_path=first.storage_path)
    assert Site("shim", second.port, lambda: "").dev("connect", token).status == 200
    # A server with another store has other secrets.
    assert shim_site.dev("connect", token).status == 401
