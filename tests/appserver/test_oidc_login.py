"""The login by an OpenID provider: every answer that is not quite right is refused."""

from __future__ import annotations

import logging
import os
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import trustme
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.hosts import HostRule
from channelshim.appserver.login import keys, oidc, provider
from channelshim.appserver.login.addresses import Admins
from channelshim.appserver.login.oidc import OidcLogin
from channelshim.appserver.login.provider import Client, Provider
from channelshim.appserver.proxies import parse_networks
from channelshim.contracts.identity import user_id_of
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime.variables import Application
from tests.appserver.openid import CLIENT_ID, SECRET, OpenIdProvider
from tests.appserver.signing import Signing
from tests.lanes import timeout_factor
from tests.store.dict_store import DictStore, Disk

HOST = "chat.example.com"
SIGNER = CookieSigner([b"s" * 32], "t", "oidc")


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("USER_EMAIL", "USER_ID", "USER_IS_ADMIN")
    return [" ".join(os.environ[name] for name in names).encode()]


class Site:
    """A server of ours, and the provider that it asks."""

    def __init__(self, openid: OpenIdProvider) -> None:
        self.openid = openid
        self.store = DictStore(Disk())
        self.skew = 0.0
        self.login = self.new_login()

    def new_login(self, secret: str = SECRET, **options: Any) -> OidcLogin:
        self.login = OidcLogin(
            SIGNER,
            self.store.accounts,
            Client(self.openid.url, CLIENT_ID, secret),
            lambda: [b"o" * 32],
            Admins(["boss@example.com"]),
            clock=lambda: time.time() + self.skew,
            **options,
        )
        return self.login

    def client(self, **environ: str) -> TestApp:
        exposure = Exposure(
            hosts=HostRule(frozenset({"*"})),
            trusted_proxies=parse_networks(["10.0.0.1"]),
        )
        server = AppServer(
            None, None, Application("t"), self.login, wsgi_app=app, exposure=exposure
        )
        extra = {"REMOTE_ADDR": "10.0.0.1", "HTTP_HOST": HOST, **environ}
        return TestApp(server, extra_environ=extra)


@pytest.fixture
def openid() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as made:
        yield made


@pytest.fixture
def site(openid: OpenIdProvider) -> Site:
    return Site(openid)


def begin(client: TestApp, destination: str = "/") -> str:
    """Return the URL at the provider where the browser is sent."""
    answer = client.get("/_ah/login", {"continue": destination}, status=303)
    return str(answer.headers["Location"])


def come_back(client: TestApp, url: str, status: int = 303) -> Any:
    """Follow the provider's redirect."""
    parts = urlsplit(url)
    assert parts.netloc == HOST
    return client.get(f"{parts.path}?{parts.query}", status=status)


def log_in(client: TestApp, openid: OpenIdProvider, status: int = 303) -> Any:
    return come_back(client, openid.authorize(begin(client)), status)


def who(client: TestApp) -> str:
    return str(client.get("/").text.partition(" ")[0])


def assert_refused(client: TestApp, openid: OpenIdProvider, status: int = 403) -> str:
    answer = log_in(client, openid, status)
    assert who(client) == ""
    # The page gives nothing away.
    assert openid.url not in answer.text
    assert SECRET not in answer.text
    assert "example.com" not in answer.text.replace(HOST, "")
    return str(answer.text)


def test_visitor_is_logged_in_and_goes_on(site: Site) -> None:
    client = site.client()
    url = site.openid.authorize(begin(client, f"http://{HOST}/a?b=c"))
    answer = come_back(client, url)
    assert answer.headers["Location"] == f"http://{HOST}/a?b=c"
    seen = client.get("/").text
    assert seen == f"ann@example.com {user_id_of('ann@example.com')} 0"
    assert [one.user.email for one in site.store.accounts.all()] == ["ann@example.com"]


def test_administrators_are_those_that_are_named(site: Site) -> None:
    site.openid.claims = {"email": "Boss@EXAMPLE.com"}
    client = site.client()
    log_in(client, site.openid)
    assert client.get("/").text.endswith(" 1")


def test_cookies_are_for_https_alone_behind_https(site: Site) -> None:
    client = site.client(HTTP_X_FORWARDED_PROTO="https")
    answer = client.get("/_ah/login", status=303)
    asked = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert asked["redirect_uri"] == f"https://{HOST}/_ah/login/callback"
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    # The browser of the tests sends such cookies by https alone, as any other.
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    url = urlsplit(site.openid.authorize(answer.headers["Location"]))
    back = client.get(f"{url.path}?{url.query}", headers={"Cookie": cookie}, status=303)
    for cookie in back.headers.getall("Set-Cookie"):
        assert "; Secure" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


# --- What the provider says -----------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email_verified": 1},
        {"email": None},
        {"email": ["boss@example.com"]},
        {"email": "boss@example.com,ann@example.com"},
        # The Kelvin sign is k without case.
        {"email": "\u212aim@example.com"},
        {"aud": "another app"},
        {"aud": [CLIENT_ID, "another app"]},
        {"aud": [CLIENT_ID, "another app"], "azp": "another app"},
        {"azp": "another app"},
        {"iss": "https://evil.example"},
        {"nonce": "another login's"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": 1 << 40},
        {"sub": None},
    ],
)
def test_id_token_that_is_not_right_is_refused(
    site: Site, claims: dict[str, Any]
) -> None:
    site.openid.claims = {"email": "boss@example.com", **claims}
    assert_refused(site.client(), site.openid)


def test_nobody_is_an_administrator_by_an_address_that_is_not_verified(
    site: Site,
) -> None:
    site.openid.claims = {"email": "boss@example.com", "email_verified": False}
    assert_refused(site.client(), site.openid)
    # Unless the operator says that the provider lets nobody choose one.
    site.new_login(trusts_email=True)
    client = site.client()
    log_in(client, site.openid)
    assert who(client) == "boss@example.com"


@pytest.mark.parametrize(
    "forge", ["unsigned", "signed_with_the_public_key", "with_a_key_of_its_own"]
)
def test_id_token_that_the_provider_has_not_signed_is_refused(
    site: Site, forge: str
) -> None:
    site.openid.sign = getattr(site.openid.signing, forge)
    assert_refused(site.client(), site.openid)


def test_new_key_of_the_provider_is_asked_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(site.client(), site.openid)
    site.openid.signing = Signing()
    site.openid.published = [site.openid.signing]
    # So soon after the last question it is not asked again, whoever wants it.
    asked = site.openid.asked.count("/keys")
    assert_refused(site.client(), site.openid)
    assert site.openid.asked.count("/keys") == asked
    monkeypatch.setattr(keys, "PAUSE_SECONDS", 0)
    client = site.client()
    log_in(client, site.openid)
    assert who(client) == "ann@example.com"


def test_nobody_waits_for_a_newer_document_of_the_provider(
    openid: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Provider(Client(openid.url, CLIENT_ID, SECRET), time.time)
    known = asked.facts()
    monkeypatch.setattr(provider, "REFRESH_SECONDS", -1)
    began, go_on = threading.Event(), threading.Event()

    def slow(url: str) -> dict[str, Any]:
        began.set()
        assert go_on.wait(10 * timeout_factor())
        return openid.discovery()

    monkeypatch.setattr(provider, "fetch_json", slow)
    refreshing = threading.Thread(target=asked.facts)
    refreshing.start()
    others: list[Any] = []
    other = threading.Thread(target=lambda: others.append(asked.facts()))
    try:
        assert began.wait(10 * timeout_factor())
        other.start()
        other.join(10 * timeout_factor())
        assert others == [known]
    finally:
        go_on.set()
        refreshing.join()


def test_address_may_stand_in_userinfo(site: Site) -> None:
    site.openid.claims = {"email": None, "email_verified": None}
    site.openid.userinfo = {
        "sub": "1",
        "email": "bob@example.com",
        "email_verified": True,
    }
    client = site.client()
    log_in(client, site.openid)
    assert who(client) == "bob@example.com"


@pytest.mark.parametrize(
    "changed", [{"sub": "2"}, {"sub": None}, {"email_verified": False}, {"email": 3}]
)
def test_userinfo_that_is_not_right_is_refused(
    site: Site, changed: dict[str, Any]
) -> None:
    # What the id_token has verified is no address of the userinfo.
    site.openid.claims = {"email": None, "email_verified": True}
    site.openid.userinfo = {
        "sub": "1",
        "email": "boss@example.com",
        "email_verified": True,
        **changed,
    }
    assert_refused(site.client(), site.openid)


# --- Whose answer it is ---------------------------------------------------------------


def test_answer_counts_in_the_browser_that_has_begun(site: Site) -> None:
    attacker, victim = site.client(), site.client()
    url = site.openid.authorize(begin(attacker))
    come_back(victim, url, status=403)
    assert who(victim) == ""
    # Nor does a victim who has begun a login of his own finish the attacker's.
    begin(victim)
    come_back(victim, url, status=403)
    assert who(victim) == ""
    come_back(attacker, url)
    assert who(attacker) == "ann@example.com"


def test_answer_counts_once(site: Site) -> None:
    client = site.client()
    url = site.openid.authorize(begin(client))
    come_back(client, url)
    client.get("/_ah/logout", status=303)
    come_back(client, url, status=403)
    assert who(client) == ""


def test_code_of_another_login_is_refused(site: Site) -> None:
    attacker, victim = site.client(), site.client()
    stolen = dict(parse_qsl(urlsplit(site.openid.authorize(begin(victim))).query))[
        "code"
    ]
    own = urlsplit(site.openid.authorize(begin(attacker)))
    fields = dict(parse_qsl(own.query))
    attacker.get(own.path, {**fields, "code": stolen}, status=403)
    assert who(attacker) == ""


@pytest.mark.parametrize("state", ["", "x", "\xe9", "x" * 5000])
def test_answer_without_its_state_is_refused(site: Site, state: str) -> None:
    client = site.client()
    url = urlsplit(site.openid.authorize(begin(client)))
    fields = {**dict(parse_qsl(url.query)), "state": state}
    client.get(url.path, fields, status=403)
    assert who(client) == ""


def test_login_that_takes_too_long_is_refused(site: Site) -> None:
    client = site.client()
    url = site.openid.authorize(begin(client))
    site.skew = oidc.ATTEMPT_SECONDS + 1
    come_back(client, url, status=403)


@pytest.mark.parametrize("issuer", ["https://evil.example", ""])
def test_answer_of_another_provider_is_refused(site: Site, issuer: str) -> None:
    client = site.client()
    url = f"{site.openid.authorize(begin(client))}&iss={issuer}"
    come_back(client, url, status=403)
    site.openid.facts = {"authorization_response_iss_parameter_supported": True}
    site.new_login()
    client = site.client()
    url = site.openid.authorize(begin(client))
    come_back(client, url, status=403)
    client = site.client()
    url = site.openid.authorize(begin(client))
    come_back(client, f"{url}&iss={site.openid.url}")
    assert who(client) == "ann@example.com"


def test_tabs_can_log_in_side_by_side(site: Site) -> None:
    client = site.client()
    first, second = (site.openid.authorize(begin(client)) for _ in range(2))
    come_back(client, second)
    come_back(client, first)
    for _ in range(10):
        begin(client)
    names = [name for name in client.cookies if name.startswith(oidc.COOKIE_PREFIX)]
    assert len(names) <= oidc.ATTEMPTS_AT_ONCE


@pytest.mark.parametrize(
    "where", ["http://evil.example/", "//evil.example/", "/\\evil.example", "x:y"]
)
def test_nobody_is_sent_elsewhere(site: Site, where: str) -> None:
    client = site.client()
    answer = come_back(client, site.openid.authorize(begin(client, where)))
    assert answer.headers["Location"] == f"http://{HOST}/"


def test_session_of_before_the_login_ends(site: Site) -> None:
    client = site.client()
    log_in(client, site.openid)
    before = client.cookies["dev_appserver_login"]
    log_in(client, site.openid)
    assert client.cookies["dev_appserver_login"] != before
    stolen = site.client()
    headers = {"Cookie": f"dev_appserver_login={before}"}
    assert stolen.get("/", headers=headers).text.startswith(" ")


# --- A provider in trouble ------------------------------------------------------------


def trouble_of(
    site: Site, caplog: pytest.LogCaptureFixture, *, at_begin: bool = True
) -> str:
    """Return what the log says when nobody can log in."""
    client = site.client()
    with caplog.at_level(logging.ERROR, "channelshim.login"):
        if at_begin:
            answer = client.get("/_ah/login", status=503)
        else:
            answer = log_in(client, site.openid, status=503)
    assert "does not work at the moment" in answer.text
    assert site.openid.url not in answer.text
    assert who(client) == ""
    return caplog.text


def test_provider_that_is_down_is_named_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.openid.stop()
    assert "cannot be reached" in trouble_of(site, caplog)
    # Who comes next does not wait for it again.
    site.client().get("/_ah/login", status=503)


@pytest.mark.parametrize(
    ("days", "sentence"), [(30, ""), (-1, "certificate has expired")]
)
def test_certificate_that_has_expired_is_named_in_the_log(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    sentence: str,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    now = datetime.now(timezone.utc)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        "127.0.0.1",
        not_before=now - timedelta(days=60),
        not_after=now + timedelta(days=days),
    ).configure_cert(tls)
    with OpenIdProvider(tls) as openid:
        site = Site(openid)
        if not sentence:
            client = site.client()
            log_in(client, openid)
            assert who(client) == "ann@example.com"
            return
        assert sentence in trouble_of(site, caplog)


def test_certificate_of_a_stranger_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with OpenIdProvider(tls) as openid:
        assert "certificate verify failed" in trouble_of(Site(openid), caplog)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((500, b""), "status 500"),
        ((302, b""), "status 302"),
        ((200, b"<html>"), "JSON object"),
        ((200, b"[]"), "JSON object"),
        ((200, b"{}"), "calls itself None"),
        ((200, b"[" * 100_000), "JSON object"),
        ((200, b" " * (2 << 20)), "bytes"),
    ],
)
def test_bad_discovery_document_is_named_in_the_log(
    site: Site,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, bytes],
    sentence: str,
) -> None:
    site.openid.answers["/.well-known/openid-configuration"] = answer
    assert sentence in trouble_of(site, caplog)


@pytest.mark.parametrize(
    "facts",
    [
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"token_endpoint": 3},
        {"issuer": "https://evil.example"},
    ],
)
def test_addresses_without_https_are_not_asked(
    site: Site, caplog: pytest.LogCaptureFixture, facts: dict[str, Any]
) -> None:
    site.openid.facts = facts
    trouble_of(site, caplog)


def test_wrong_client_secret_is_named_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.new_login("a wrong secret")
    text = trouble_of(site, caplog, at_begin=False)
    assert "client secret" in text
    assert "a wrong secret" not in text


@pytest.mark.parametrize("seconds", [-400, 400])
def test_clock_that_is_wrong_is_named_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    site.skew = seconds
    with caplog.at_level(logging.WARNING, "channelshim.login"):
        assert_refused(site.client(), site.openid)
    assert "is this machine's clock right?" in caplog.text


def test_keys_that_cannot_be_had_are_named_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.openid.answers["/keys"] = (500, b"")
    assert "keys" in trouble_of(site, caplog, at_begin=False)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"access_token": "x"}', b"\xff", b'{"id_token": 3}']
)
def test_token_that_is_none_is_a_trouble(
    site: Site, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    site.openid.answers["/token"] = (200, body)
    client = site.client()
    log_in(client, site.openid, status=503)
    assert who(client) == ""


def test_visitor_who_refuses_at_the_provider_can_try_again(site: Site) -> None:
    client = site.client()
    url = urlsplit(site.openid.authorize(begin(client, "/a")))
    state = dict(parse_qsl(url.query))["state"]
    answer = client.get(
        url.path,
        {"error": "access_denied", "error_description": "<b>no\n", "state": state},
        status=403,
    )
    assert "<b>" not in answer.text
    assert "/_ah/login?continue=" in answer.text
    assert who(client) == ""


# --- Logout ---------------------------------------------------------------------------


def test_logout_is_at_the_provider_too(site: Site) -> None:
    client = site.client()
    log_in(client, site.openid)
    answer = client.get("/_ah/logout?continue=/bye%3Fa", status=303)
    assert who(client) == ""
    url = urlsplit(answer.headers["Location"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{site.openid.url}/end"
    asked = dict(parse_qsl(url.query))
    back = asked["post_logout_redirect_uri"]
    assert (asked["client_id"], back) == (CLIENT_ID, f"http://{HOST}/_ah/logout/done")
    done = client.get("/_ah/logout/done", {"state": asked["state"]}, status=303)
    assert done.headers["Location"] == f"http://{HOST}/bye?a"
    done = client.get("/_ah/logout/done", {"state": "//evil.example"}, status=303)
    assert done.headers["Location"] == f"http://{HOST}/"


def test_logout_of_nobody_asks_no_provider(site: Site) -> None:
    answer = site.client().get("/_ah/logout?continue=/x", status=303)
    assert answer.headers["Location"] == f"http://{HOST}/x"
    assert site.openid.asked == []


def test_link_of_another_site_logs_nobody_out(site: Site) -> None:
    client = site.client()
    log_in(client, site.openid)
    headers = {"Sec-Fetch-Site": "cross-site"}
    client.get("/_ah/logout", headers=headers, status=200)
    assert who(client) == "ann@example.com"


def test_provider_without_a_logout_is_left_alone(site: Site) -> None:
    site.openid.facts = {"end_session_endpoint": None}
    client = site.client()
    log_in(client, site.openid)
    answer = client.get("/_ah/logout", status=303)
    assert answer.headers["Location"] == f"http://{HOST}/"
