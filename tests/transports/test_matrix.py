"""One page's life under each server and over each way of receiving."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Servers
from tests.lanes import timeout_factor
from tests.lines import connect
from tests.programs import running
from tests.server.plain_site import APP, PlainSite

PATIENCE = 10 * timeout_factor()

OURS, PASTE, GUNICORN = "ours", "paste.httpserver", "gunicorn gthread"

COMMANDS = {
    PASTE: [sys.executable, "wrapped.py"],
    GUNICORN: [
        *[sys.executable, "-m", "gunicorn", "--worker-class=gthread", "--threads=8"],
        *["--workers=1", "--bind=127.0.0.1:0", "--graceful-timeout=1", "wrapped:app"],
    ],
}


@pytest.fixture(scope="module", params=[OURS, PASTE, GUNICORN])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, PlainSite]]:
    """Return the server's name and a client of the app that it runs."""
    name: str = request.param
    storage = tmp_path_factory.mktemp("storage")
    grace = {"CHANNELSHIM_GRACE_SECONDS": "0.3"}
    if name == OURS:
        servers = Servers(lambda: storage)
        yield name, PlainSite(servers(APP, "--automatic_restart=no", env=grace).url)
        servers.stop()
        return
    variables = {"CHANNELSHIM_STORAGE_PATH": str(storage), **grace}
    with running(COMMANDS[name], APP, variables) as program:
        yield name, PlainSite(program.wait_for_url())


@dataclass
class Page:
    """What a page has of a channel.

    Attributes:
        receive: returns so many messages.
        leave: says or does what ends its presence.
    """

    receive: Callable[[int], list[str]]
    leave: Callable[[], Any]


@contextmanager
def by_websocket(site: PlainSite, token: str) -> Iterator[Page]:
    with connect(site.socket_url(token)) as socket:
        assert "id" in json.loads(socket.recv(PATIENCE))
        yield Page(
            lambda count: [str(socket.recv(PATIENCE)) for _ in range(count)],
            socket.close,
        )


@contextmanager
def by_poll(site: PlainSite, token: str) -> Iterator[Page]:
    number = site.poll(token)["id"]

    def receive(count: int) -> list[str]:
        nonlocal number
        texts: list[str] = []
        while len(texts) < count:
            answer = site.poll(token, after=number, wait=5)
            number = answer["id"]
            texts += answer["messages"]
        return texts

    yield Page(receive, lambda: site.poll(token, leave=1))


@contextmanager
def by_old_wire(site: PlainSite, token: str) -> Iterator[Page]:
    path = f"/_ah/channel/dev?channel={token}&command="
    assert site.ask(f"{path}connect") == (200, b"1")

    def receive(count: int) -> list[str]:
        texts: list[str] = []
        while len(texts) < count:
            status, body = site.ask(f"{path}poll")
            assert status == 200
            texts += [body.decode("utf-8")] if body else []
        return texts

    # It has no word for leaving: it just polls no more.
    yield Page(receive, lambda: None)


WAYS = [by_websocket, by_poll, by_old_wire]


@pytest.mark.parametrize("way", WAYS)
def test_page_comes_receives_and_goes(
    served: tuple[str, PlainSite],
    wait_until: Callable[..., Any],
    way: Callable[[PlainSite, str], AbstractContextManager[Page]],
) -> None:
    name, site = served
    if way is by_websocket and name != OURS:
        # A WSGI server carries none, and says so rather than hang.
        assert site.ask("/_ah/channel/socket?token=x")[0] == 501
        return
    client_id = f"matrix-{way.__name__}"
    texts = ["first", "zoë ☃ 😀", "x" * 32767, *map(str, range(20))]
    with way(site, site.token(client_id)) as page:
        # By now it may have left: who only asks at times is slow on a slow machine.
        wait_until(lambda: site.told(client_id)[:1] == ["connected"])
        site.send(client_id, *texts)
        assert page.receive(len(texts)) == texts
        site.send(client_id, "last")
        assert page.receive(1) == ["last"]
        page.leave()
    wait_until(lambda: site.told(client_id)[-1] == "disconnected")


@pytest.mark.parametrize("path", ["poll?token=x", "dev?command=poll&channel=x"])
def test_bad_token_is_401(served: tuple[str, PlainSite], path: str) -> None:
    status, body = served[1].ask(f"/_ah/channel/{path}")
    assert status == 401
    assert b"Invalid+token." in body


def test_form_is_counted_before_the_app_has_it(served: tuple[str, PlainSite]) -> None:
    site = served[1]
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n\r\n'
    whole = part * 1000 + b"--b--\r\n"
    assert site.ask("/echo", whole, headers=headers) == (200, whole)
    status, sentence = site.ask("/echo", part + whole, headers=headers)
    assert (status, sentence) == (400, b"A form may have 1000 parts at most.\n")


def test_probe_of_a_load_balancer_is_answered(served: tuple[str, PlainSite]) -> None:
    site = served[1]
    assert site.ask("/_ah/health") == (200, b"")
    # Probes ask by address.
    headers = {"Host": "192.0.2.7:8080"}
    assert site.ask("/_ah/health?x", headers=headers) == (200, b"")
    assert site.ask("/_ah/health", b"")[0] == 405
    assert site.ask("/_ah/health/more")[0] == 404


def test_all_else_is_the_apps(served: tuple[str, PlainSite]) -> None:
    site = served[1]
    assert site.ask("/echo", b"\x00\xff" * 5000) == (200, b"\x00\xff" * 5000)
    assert site.ask("/_ah/channel/connected/", b"from=eve")[0] in (403, 404)
    assert site.told("eve") == []


OURS_PATHS = ["jsapi", "socket", "poll", "dev"]


@pytest.mark.parametrize("path", OURS_PATHS)
def test_every_server_has_the_same_routes(
    served: tuple[str, PlainSite], path: str
) -> None:
    name, site = served
    whole = f"/_ah/channel/{path}"
    assert site.ask(whole, b"")[0] == 405
    expected = {"jsapi": 200, "socket": 426 if name == OURS else 501, "poll": 401}
    assert site.ask(whole)[0] == expected.get(path, 400)
    # What is longer is the app's.
    assert site.ask(f"{whole}/more")[0] == 404


@pytest.mark.parametrize("path", [*OURS_PATHS, "connected/", "elsewhere"])
def test_foreign_host_gets_one_sentence_from_our_server(
    served: tuple[str, PlainSite], path: str
) -> None:
    name, site = served
    if name != OURS:
        # Such a server may have any name.
        return
    status, body = site.ask(f"/_ah/channel/{path}", headers={"Host": "evil.example"})
    assert status == 400
    assert body == (
        b"This server does not answer for the host 'evil.example'. Name it with "
        b"allowed_hosts (--allowed-hosts=NAME).\n"
    )
