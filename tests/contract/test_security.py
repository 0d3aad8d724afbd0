"""Contract cases G: what outsiders may not do. The original allowed most of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pytest

from tests.conftest import await_condition
from tests.contract.sites import PROBE, Site
from tests.servers import Servers

NewId = Callable[..., str]

PRESENCE = ("/_ah/channel/connected/", "/_ah/channel/disconnected/")


@pytest.mark.parametrize("path", PRESENCE)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-AppEngine-Remote-Addr": "0.1.0.10"},
        {"X-AppEngine-Fake-Is-Admin": "1"},
        {"X-AppEngine-Fake-Is-Admin": "1", "X_AppEngine_Remote_Addr": "0.1.0.10"},
        {"X-Forwarded-For": "0.1.0.10"},
    ],
)
def test_case_087_and_088_presence_from_outside_is_refused(
    site: Site, new_id: NewId, path: str, headers: dict[str, str]
) -> None:
    """D6: the original passes it on, and with it anybody's name."""
    name = new_id()
    answer = site.ask(path, form={"from": name}, headers=headers)
    if site.is_original:
        assert answer.status == 200
        assert len(site.told(name)) == 1
    else:
        assert answer.status in (403, 404)
        assert site.told(name) == []


@pytest.mark.parametrize("path", PRESENCE)
def test_presence_is_refused_to_every_method(shim_site: Site, path: str) -> None:
    for method in ("GET", "PUT", "HEAD", "OPTIONS"):
        assert shim_site.ask(path, method=method).status in (403, 404)


@pytest.mark.parametrize(
    "header",
    [
        "X-AppEngine-QueueName",
        "x-appengine-queuename",
        "X_APPENGINE_QUEUENAME",
        "X-APPENGINE_QueueName",
    ],
)
def test_case_089_platform_headers_are_taken_away(site: Site, header: str) -> None:
    """D7: the original passes them on."""
    seen = site.ask("/headers", headers={header: "default"}).json
    arrived = any("queue" in name.lower() for name, _ in seen)
    assert arrived == site.is_original


@pytest.mark.parametrize("value", ["x@y.z:True:1", "x@y.z:True:1:", "ann@example.com"])
def test_case_090_forged_cookie_is_nobody(site: Site, value: str) -> None:
    """D8: the original believes it."""
    cookie = f'dev_appserver_login="{value}"'
    answer = site.ask("/admin", headers={"Cookie": cookie})
    if site.is_original and "True" in value:
        assert answer.status == 200
    else:
        assert answer.status in (302, 401)
    if not site.is_original:
        assert site.who(cookie)["user"] is None


def test_altered_cookie_is_nobody(shim_site: Site) -> None:
    cookie = shim_site.log_in("ann@example.com")
    assert shim_site.who(cookie)["user"] is not None
    assert shim_site.who(cookie.replace("ann", "bob"))["user"] is None
    assert shim_site.who(cookie.replace("False", "True"))["admin"] is False


def _unkeyed_token(client_id: str) -> str:
    """Return a token as the original makes it: its hash has no key."""
    rest = f"channel-1234-{int(time.time()) + 600}-{client_id}"
    return f"{hashlib.md5(rest.encode()).hexdigest()}-{rest}"


def test_case_035_token_of_an_outsider_is_invalid(site: Site, new_id: NewId) -> None:
    """D1: the original takes it, and lets its owner read along."""
    answer = site.dev("connect", _unkeyed_token(new_id()))
    assert answer.status == (200 if site.is_original else 401)


def test_case_092_no_token_is_logged(shim_site: Site, new_id: NewId) -> None:
    name = new_id()
    token = shim_site.token(name)
    shim_site.dev("connect", token)
    shim_site.send(name, "x")
    shim_site.dev("poll", token)
    shim_site.ask("/_ah/channel/poll", query={"token": token, "wait": "0"})
    shim_site.ask("/who?mark=here")
    await_condition(lambda: "mark=here" in shim_site.output())
    assert token not in shim_site.output()
    # Nor the half of it that would open the channel.
    assert token[-30:] not in shim_site.output()


def test_foreign_host_is_refused(site: Site) -> None:
    for path in ("/", "/_ah/channel/jsapi", "/_ah/login"):
        answer = site.ask(path, headers={"Host": "evil.example.com"})
        assert answer.status == 400, path


def test_case_091_page_reports_are_a_setting(server: Servers, new_id: NewId) -> None:
    site = Site("shim", server(PROBE, "--allow_page_reports=yes").port, None)
    cookie = {"Cookie": site.log_in("ann@example.com")}
    ann, path = "137124870312556742271", "/_ah/channel/disconnected/"
    assert site.ask(path, form={"from": ann}, headers=cookie).status == 200
    assert site.told(ann) == ["disconnected"]
    token = site.token("room/1")
    assert site.ask(path, form={"from": "room/1", "token": token}).status == 200
    assert site.told("room/1") == ["disconnected"]
    for form in ({"from": "bob"}, {"from": "bob", "token": token}):
        assert site.ask(path, form=form, headers=cookie).status == 403
    assert site.ask(PRESENCE[0], form={"from": ann}, headers=cookie).status == 403
    assert site.told("bob") == []
