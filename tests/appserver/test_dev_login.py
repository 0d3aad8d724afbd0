"""Who may use the login that asks for no proof: one rule for every door."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.hosts import HostRule, is_loopback_address
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appserver.proxies import parse_networks
from channelshim.contracts.identity import User, user_id_of
from channelshim.protocol.cookies import CookieClaims, CookieSigner
from channelshim.runtime.variables import Application

SIGNER = CookieSigner([b"s" * 32])
EMAIL = "eve@example.com"
USER = User(EMAIL, True, user_id_of(EMAIL))
COOKIE = SIGNER.sign(CookieClaims(USER, 1 << 36, "0a"))
LOGIN = f"/_ah/login?action=Login&email={EMAIL}&admin=True&continue=/"


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    import os

    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["USER_EMAIL"].encode() or b"nobody"]


def make_client(
    address: str = "127.0.0.1",
    host: str = "localhost:8080",
    *names: str,
    **options: Any,
) -> TestApp:
    """Return a client of a server that answers for these names, and strangers."""
    rule = HostRule(frozenset(names), is_open_elsewhere=True)
    server = AppServer(
        None,
        None,
        Application("t"),
        DevelopmentLogin(SIGNER),
        wsgi_app=app,
        exposure=Exposure(hosts=rule, **options),
    )
    environ = {"REMOTE_ADDR": address, "HTTP_HOST": host}
    return TestApp(server, extra_environ=environ)


def assert_open(client: TestApp, headers: dict[str, str] | None = None) -> None:
    headers = headers or {}
    client.get("/_ah/login", headers=headers, status=200)
    client.get("/_ah/logout", headers=headers, status=302)
    answer = client.get(LOGIN, headers=headers, status=302)
    assert "dev_appserver_login" in answer.headers["Set-Cookie"]
    cookie = {**headers, "Cookie": f'dev_appserver_login="{COOKIE}"'}
    assert client.get("/", headers=cookie).text == EMAIL


def assert_closed(
    client: TestApp, setting: str, headers: dict[str, str] | None = None
) -> None:
    headers = headers or {}
    for path in ("/_ah/login", "/_ah/logout", LOGIN):
        answer = client.get(path, headers=headers, status=403)
        assert "Set-Cookie" not in answer.headers
        assert setting in answer.text
        assert "--allow-dev-login" in answer.text
    cookie = {**headers, "Cookie": f'dev_appserver_login="{COOKIE}"'}
    assert client.get("/", headers=cookie).text == "nobody"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:7f00:1"])
@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_this_machine_logs_in(address: str, host: str) -> None:
    assert_open(make_client(address, host))


@pytest.mark.parametrize(
    "address",
    [
        *("203.0.113.5", "10.0.0.1", "::", "2001:db8::1", "::ffff:10.0.0.1", ""),
        *("127.office.example", "127.0.0.1.example", "localhost", "::127.0.0.1"),
    ],
)
def test_another_address_does_not(address: str) -> None:
    # Whatever host it names.
    for host in ("localhost:8080", "chat.example.com"):
        assert_closed(make_client(address, host), "allow_dev_login")


@pytest.mark.parametrize("host", ["rebound.attacker.example:8080", "a b", "*"])
def test_a_name_that_was_pointed_at_this_machine_is_not_served(host: str) -> None:
    client = make_client(host=host)
    for path in ("/", "/_ah/login", LOGIN):
        assert "allowed_hosts" in client.get(path, status=400).text


def test_no_name_and_any_name_do_not() -> None:
    # HTTP/1.0 need not name a host, and "*" leaves names to a proxy.
    assert_closed(make_client(host=""), "allowed_hosts")
    assert_closed(make_client("127.0.0.1", "evil.example", "*"), "allowed_hosts")
    assert_closed(make_client("127.0.0.1", "*", "*"), "allowed_hosts")


def test_an_allowed_host_does() -> None:
    name = "chat.example.com"
    assert_open(make_client("127.0.0.1", f"{name}:80", name))
    assert_closed(make_client("203.0.113.5", name, name), "allow_dev_login")


@pytest.mark.parametrize("address", ["203.0.113.5", "127.0.0.1", ""])
@pytest.mark.parametrize("host", ["localhost", "chat.example.com"])
def test_the_setting_opens_it_to_all(address: str, host: str) -> None:
    client = make_client(address, host, "chat.example.com", allows_dev_login=True)
    assert_open(client)
    assert_open(client, {"X-Forwarded-For": "203.0.113.5"})


@pytest.mark.parametrize("forwarded", ["127.0.0.1", "::1", "203.0.113.5, 127.0.0.1"])
def test_a_proxy_forwards_the_login_of_this_machine(forwarded: str) -> None:
    proxies = parse_networks(["10.0.0.1"])
    client = make_client("10.0.0.1", trusted_proxies=proxies)
    assert_open(client, {"X-Forwarded-For": forwarded})


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.5"},
        {"X-Forwarded-For": "127.0.0.1, 203.0.113.5"},
        # No address to judge is no address of this machine.
        {"X-Forwarded-For": "203.0.113.5:50000"},
        {"X-Forwarded-For": "unknown"},
        {"X-Forwarded-For": "203.0.113.5, unknown, 127.0.0.1"},
        {"X-Forwarded-For": "0.1.0.10"},
        {"X-Forwarded-For": ""},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=203.0.113.5"},
        {"X-Real-IP": "203.0.113.5"},
    ],
)
@pytest.mark.parametrize("trusted", [["127.0.0.1"], []])
def test_a_proxy_on_this_machine_does_not_lend_its_address(
    headers: dict[str, str], trusted: list[str]
) -> None:
    """Neither one that is named nor one that nobody has named."""
    client = make_client(trusted_proxies=parse_networks(trusted))
    assert_closed(client, "allow_dev_login", headers)


def test_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    client = make_client("203.0.113.5")
    client.get("/")
    assert not caplog.records
    for _ in range(3):
        assert_closed(client, "allow_dev_login")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "203.0.113.5" in record.getMessage()
    assert "--allow-dev-login" in record.getMessage()


@given(st.ip_addresses(v=4))
def test_loopback_is_a_network(address: ipaddress.IPv4Address) -> None:
    is_loopback = address in ipaddress.ip_network("127.0.0.0/8")
    for text in (str(address), f"::ffff:{address}"):
        assert is_loopback_address(text) is is_loopback


@given(st.text() | st.from_regex(r"127\..*|::1.+", fullmatch=True))
def test_any_text_is_judged(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        assert not is_loopback_address(text)
