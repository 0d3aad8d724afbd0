"""Each rule of composition/rules.py at each door, tried on servers of every make."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from channelshim.composition.rules import RULES, Door
from tests.doors.test_refusals import refusal
from tests.lanes import timeout_factor
from tests.programs import running
from tests.servers import Servers

APP = Path(__file__).parent / "apps" / "ruled"
SERVING = Path(__file__).parent / "serving.py"

ALLOWED = "chat.example.com"
FOREIGN = "rebound.attacker.example"
ELSEWHERE = "203.0.113.5"
LOGIN = "/_ah/login?action=Login&email=eve@example.com&admin=True&continue=/"
COOKIE = "dev_appserver_login"
SECRET = "s" * 40

GUNICORN = ("-m", "gunicorn", "--worker-class=gthread", "--threads=4", "--workers=1")

SITES: dict[str, tuple[Door, str, tuple[str, ...]]] = {
    "serve": (Door.LOCAL, "127.0.0.1", ()),
    "serve, IPv6": (Door.LOCAL, "::1", ()),
    "serve, all addresses": (Door.REMOTE, "0.0.0.0", ()),
    "wrap, gunicorn": (
        Door.EMBEDDED,
        "127.0.0.1",
        (*GUNICORN, "--bind={host}:0", "wrapped:app"),
    ),
    **{
        f"wrap, {server}": (
            Door.EMBEDDED,
            "127.0.0.1",
            (str(SERVING), server, "wrapped", "{host}"),
        )
        for server in ("waitress", "paste", "werkzeug", "wsgiref")
    },
    "wrap, IPv6": (
        Door.EMBEDDED,
        "::1",
        (str(SERVING), "waitress", "wrapped", "{host}"),
    ),
    "application, gunicorn": (
        Door.EMBEDDED,
        "127.0.0.1",
        (*GUNICORN, "--bind={host}:0", "whole:app"),
    ),
    "application, paste": (
        Door.EMBEDDED,
        "127.0.0.1",
        (str(SERVING), "paste", "whole", "{host}"),
    ),
    "wrap, another address": (
        Door.EMBEDDED,
        "",
        (str(SERVING), "waitress", "wrapped", "{host}"),
    ),
}
"""Name, door, address to listen on ("" for this machine's own), and what runs it."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def seen(self) -> dict[str, Any]:
        """Return what the app saw of the request."""
        assert self.status == 200, (self.status, self.body)
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def cookie(self) -> str:
        """Return the login cookie that was set, for a Cookie header; "" for none."""
        header = self.headers["Set-Cookie"] or ""
        return header.partition(";")[0] if header.startswith(COOKIE) else ""


@dataclass(frozen=True)
class Site:
    """One running server.

    Attributes:
        name: one of SITES.
        door: of the rules.
        address: where it is reached.
        port: where it is reached.
    """

    name: str
    door: Door
    address: str
    port: int

    @property
    def is_on_loopback(self) -> bool:
        """Return whether who connects does so from this machine."""
        return self.address in ("127.0.0.1", "::1")

    @property
    def has_closed_login(self) -> bool:
        """Return whether nobody who connects directly may log in."""
        return not self.is_on_loopback and self.door is not Door.REMOTE

    def ask(self, path: str, host: str | None = "localhost", **headers: str) -> Answer:
        """Make one request; a host of None sends no Host, as HTTP/1.0 does."""
        seconds = 30 * timeout_factor()
        connection = http.client.HTTPConnection(
            self.address, self.port, timeout=seconds
        )
        if host is None:
            connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]
        connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        if host is not None:
            connection.putheader("Host", f"{host}:{self.port}")
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return Answer(answer.status, body, answer.headers)


class Sites:
    """Starts each server when it is first asked for."""

    def __init__(self, stack: ExitStack, new_folder: Callable[[str], Path]) -> None:
        self._stack = stack
        self._new_folder = new_folder
        self._servers = Servers(lambda: new_folder("storage"))
        stack.callback(self._servers.stop)
        self._started: dict[str, Site] = {}

    def __getitem__(self, name: str) -> Site:
        if name not in self._started:
            self._started[name] = self._start(name)
        return self._started[name]

    def other(self) -> Site:
        """Return a server of another app with the same secrets."""
        if "other" not in self._started:
            self._started["other"] = self._serve("other", Door.LOCAL, "127.0.0.1")
        return self._started["other"]

    def _folder(self) -> Path:
        folder = self._new_folder("site") / "app"
        shutil.copytree(APP, folder)
        (folder / "linked").symlink_to("data")
        return folder

    def _start(self, name: str) -> Site:
        door, host, command = SITES[name]
        if not command:
            return self._serve(name, door, host)
        address = host or own_address()
        filled = [part.format(host=address) for part in command]
        folder = self._folder()
        variables = {**settings(name), "CHANNELSHIM_STORAGE_PATH": "data"}
        if not host:
            # To see that a stranger may say any name.
            del variables["CHANNELSHIM_ALLOWED_HOSTS"]
        program = self._stack.enter_context(
            running([sys.executable, *filled], folder, variables)
        )
        port = int(program.wait_for_url().rpartition(":")[2])
        return Site(name, door, address, port)

    def _serve(self, name: str, door: Door, host: str) -> Site:
        folder = self._folder()
        arguments = [f"--host={host}", "--automatic_restart=no"]
        if door is Door.REMOTE:
            arguments.append("--allow-dev-login")
        server = self._servers(
            folder, *arguments, storage_path=folder / "data", env=settings(name)
        )
        return Site(name, door, "127.0.0.1" if host == "0.0.0.0" else host, server.port)


def settings(name: str) -> dict[str, str]:
    """Return what all servers are told."""
    return {
        "CHANNELSHIM_ALLOWED_HOSTS": ALLOWED,
        "CHANNELSHIM_APPLICATION": "other" if name == "other" else "ruled",
        "CHANNELSHIM_SIGNING_SECRETS": SECRET,
        "CHANNELSHIM_TRUSTED_PROXIES": "127.0.0.1,::1",
    }


def own_address() -> str:
    """Return an address of this machine that is not loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent; the kernel says from where it would be.
            probe.connect((ELSEWHERE, 9))
        except OSError:
            pytest.skip("this machine has no address but loopback's")
        return str(probe.getsockname()[0])


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with ExitStack() as stack:
        yield Sites(stack, tmp_path_factory.mktemp)


# --- A probe for each rule ------------------------------------------------------------


def try_start(site: Site, _: Sites) -> None:
    # The others have started.
    if site.door is Door.REMOTE:
        sentence = refusal(str(APP), "--port=0", "--host=0.0.0.0")
        assert "--allow_dev_login" in sentence


def try_host(site: Site, _: Sites) -> None:
    served = {"localhost": True, ALLOWED: True, None: True}
    served[FOREIGN] = served[f"localhost.{FOREIGN}"] = False
    served["192.0.2.7"] = served[socket.gethostname()] = site.door is Door.REMOTE
    if site.has_closed_login:
        served = dict.fromkeys(served, True)
    for host, is_served in served.items():
        for path in ("/", "/files/ruled.py", "/_ah/channel/jsapi"):
            status = site.ask(path, host).status
            assert status == (200 if is_served else 400), (host, path)
        poll = site.ask("/_ah/channel/poll?token=x&wait=0", host).status
        assert poll == (401 if is_served else 400), host


def try_login(site: Site, sites: Sites) -> None:
    cookie = sites["serve"].ask(LOGIN).cookie
    if site.has_closed_login:
        assert_closed(site, cookie)
        return
    assert site.ask("/", Cookie=site.ask(LOGIN).cookie).seen["admin"]
    through_proxy = {"X_Forwarded_For": ELSEWHERE}
    if site.door is Door.REMOTE:
        assert site.ask(LOGIN, **through_proxy).cookie
        assert site.ask("/", Cookie=cookie, **through_proxy).seen["admin"]
    else:
        assert_closed(site, cookie, **through_proxy)
        # Forwarded, and nobody says for whom.
        assert_closed(site, cookie, Forwarded="for=unknown")


def assert_closed(site: Site, cookie: str, **headers: str) -> None:
    refused = site.ask(LOGIN, **headers)
    assert (refused.status, refused.cookie) == (403, "")
    seen = site.ask("/", Cookie=cookie, **headers).seen
    assert (seen["user"], seen["admin"]) == (None, False)


def try_foreign_pages(site: Site, _: Sites) -> None:
    if site.has_closed_login:
        return
    cookie = site.ask(LOGIN).cookie
    page = f"http://{FOREIGN}/"
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Referer": page},
        {"Origin": "null"},
    ):
        for path in (LOGIN, "/_ah/logout", "/_ah/login?action=Logout"):
            answer = site.ask(path, Cookie=cookie, **headers)
            assert answer.status == 200, (path, headers)
            assert answer.headers["Set-Cookie"] is None
            assert b'id="submit-login"' in answer.body
    own = {"Referer": f"http://localhost:{site.port}/_ah/login"}
    for headers in ({"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}, own):
        assert site.ask(LOGIN, **headers).cookie


def try_reserved(site: Site, _: Sites) -> None:
    for path in (
        "/_ah/channel/connected/",
        "/_ah/channel/disconnected",
        "/_ah/channel/disconnectedX",
        "/_ah/channel/disconnected.",
        "/_ah/channel/disconnected%01",
        "/_ah/channel//disconnected/?from=x",
        "/_ah/channel/%64isconnected/",
        "/x/../_ah/queue/deferred",
        "/_ah/queueX",
        "/_ah/startX",
        "/_ah/cron",
        "/_ah/mail/a@b",
        "/_ah/xmpp/message/chat/",
    ):
        answer = site.ask(path, X_AppEngine_Cron="true")
        assert answer.status == 403, path
        assert b"reached" not in answer.body


def try_headers(site: Site, _: Sites) -> None:
    sent = {
        "X_AppEngine_User_Email": "eve@example.com",
        "X_AppEngine_User_Is_Admin": "1",
        "X_AppEngine_User_IP": "0.1.0.2",
        "X_Google_Internal_SkipAdminCheck": "1",
        "Proxy": "http://evil.example:1",
    }
    seen = site.ask("/", **sent).seen
    assert (seen["user"], seen["admin"]) == (None, False)
    # The country is the server's own word: nobody knows it.
    names = "".join(set(seen["names"]) - {"HTTP_X_APPENGINE_COUNTRY"})
    assert not any(part in names for part in ("APPENGINE", "GOOGLE", "HTTP_PROXY"))


def try_proxies(site: Site, _: Sites) -> None:
    sent = {"Forwarded": "for=192.0.2.9", "X_Real_IP": "192.0.2.9"}
    seen = site.ask("/", X_Forwarded_For=f"0.1.0.10, {ELSEWHERE}", **sent).seen
    is_believed = site.is_on_loopback
    assert seen["address"] == (ELSEWHERE if is_believed else site.address)
    assert not any("FORWARDED" in name or "REAL_IP" in name for name in seen["names"])
    platform = site.ask("/", X_Forwarded_For="0.1.0.10").seen["address"]
    assert platform == site.address


def try_store(site: Site, _: Sites) -> None:
    # So that it is there.
    site.ask("/token?id=a")
    assert site.ask("/files/ruled.py").status == 200
    for folder in ("data", "linked", "linked/../data", "%64ata"):
        for name in ("channelshim.sqlite3", "channelshim.lock"):
            assert site.ask(f"/files/{folder}/{name}").status == 404, folder


def try_signatures(site: Site, sites: Sites) -> None:
    def is_believed(token: str) -> bool:
        path = f"/_ah/channel/poll?token={token}&wait=0"
        return site.ask(path).status == 200

    assert is_believed(site.ask("/token?id=ann").body.decode())
    other = sites.other()
    assert not is_believed(other.ask("/token?id=ann").body.decode())
    assert site.ask("/", Cookie=other.ask(LOGIN).cookie).seen["user"] is None


def try_sniffing(site: Site, _: Sites) -> None:
    for path, host, status in (
        ("/_ah/login", "localhost", 403 if site.has_closed_login else 200),
        ("/_ah/channel/jsapi", "localhost", 200),
        ("/_ah/channel/poll?token=x", "localhost", 401),
        ("/_ah/channel/dev?command=poll&channel=x", "localhost", 401),
        ("/_ah/cron", "localhost", 403),
        ("/files/none", "localhost", 404),
        ("/raise", "localhost", 500),
    ):
        answer = site.ask(path, host)
        assert answer.status == status, path
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], path


def try_tracebacks(site: Site, _: Sites) -> None:
    is_shown = site.door is Door.LOCAL
    assert (b"a secret of the app" in site.ask("/raise").body) == is_shown
    through_proxy = site.ask("/raise", X_Forwarded_For=ELSEWHERE)
    assert b"a secret of the app" not in through_proxy.body
    assert b"a secret of the app" not in site.ask("/raise", ALLOWED).body


PROBES: dict[str, Callable[[Site, Sites], None]] = {
    "start": try_start,
    "host": try_host,
    "login": try_login,
    "foreign pages": try_foreign_pages,
    "reserved": try_reserved,
    "headers": try_headers,
    "proxies": try_proxies,
    "store": try_store,
    "signatures": try_signatures,
    "sniffing": try_sniffing,
    "tracebacks": try_tracebacks,
}


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("rule", PROBES)
def test_rule_holds_at_every_door(sites: Sites, name: str, rule: str) -> None:
    PROBES[rule](sites[name], sites)


@pytest.mark.parametrize("place", ["beside", "around"])
def test_app_in_its_store_is_served_without_it(
    server: Servers, tmp_path: Path, place: str
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(APP, folder)
    storage = folder if place == "beside" else tmp_path
    (folder / "linked").symlink_to(storage)
    running = server(folder, "--automatic_restart=no", storage_path=storage)
    site = Site("app", Door.LOCAL, "127.0.0.1", running.port)
    site.ask("/token?id=a")
    assert site.ask("/files/ruled.py").status == 200
    for name in ("channelshim.sqlite3", "channelshim.lock"):
        assert (storage / name).is_file()
        for path in (name, f"linked/{name}", f"linked/./{name}"):
            assert site.ask(f"/files/{path}").status == 404, path


def test_every_rule_is_tried_and_every_door() -> None:
    assert list(PROBES) == [rule.name for rule in RULES]
    assert {door for door, _, _ in SITES.values()} == set(Door)
    assert os.path.isfile(SERVING)
