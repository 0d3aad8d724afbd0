"""The login by a password: who gets in, who does not, and what outsiders learn."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any

import argon2
import pytest
import webtest
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.hosts import HostRule
from channelshim.appserver.login import accounts as accounts_login
from channelshim.appserver.login import passwords as hashing
from channelshim.appserver.login.accounts import AccountsLogin
from channelshim.appserver.login.addresses import Admins
from channelshim.appserver.proxies import parse_networks
from channelshim.contracts.identity import LOGIN_SECONDS, User, user_id_of
from channelshim.contracts.store import Password
from channelshim.protocol.cookies import CookieClaims, CookieSigner
from channelshim.runtime.variables import Application
from tests.store.dict_store import DictStore, Disk

COOKIE = "dev_appserver_login"
HOST = "chat.example.com"
OWN = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery"
SIGNER = CookieSigner([b"s" * 32], "t", "accounts")


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("USER_EMAIL", "USER_ID", "USER_IS_ADMIN")
    return [" ".join(os.environ[name] for name in names).encode()]


class Site:
    """A server with one account, and a clock."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.store = DictStore(Disk())
        self.add("Ann@example.com", PASSWORD)
        self.login = self.new_login()

    def new_login(self) -> AccountsLogin:
        return AccountsLogin(
            SIGNER,
            self.store.accounts,
            self.store.passwords,
            Admins(["ann@EXAMPLE.com"]),
            lambda: [b"n" * 32],
            clock=lambda: self.now,
        )

    def add(self, email: str, password: str) -> None:
        hashed = hashing.hash_of(password)
        self.store.passwords.put(Password(email, hashed, self.now))

    def mark_of(self, email: str) -> str:
        found = self.store.passwords.get(email)
        assert found is not None
        return hashing.mark_of_hash(found.hash)

    def client(
        self,
        address: str = "203.0.113.5",
        *,
        logins_per_minute: int = 0,
        **environ: str,
    ) -> TestApp:
        exposure = Exposure(
            hosts=HostRule(frozenset({"*"})),
            trusted_proxies=parse_networks(["10.0.0.1"]),
            logins_per_minute=logins_per_minute,
        )
        server = AppServer(
            None, None, Application("t"), self.login, wsgi_app=app, exposure=exposure
        )
        extra = {"REMOTE_ADDR": address, "HTTP_HOST": HOST, **environ}
        return TestApp(server, extra_environ=extra)


def cheap_hasher() -> argon2.PasswordHasher:
    return argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a hash cost next to nothing."""
    monkeypatch.setattr(hashing, "PasswordHasher", cheap_hasher)


@pytest.fixture
def site() -> Site:
    return Site()


def send(
    client: TestApp,
    email: str = "ann@example.com",
    password: str = PASSWORD,
    status: int = 303,
    headers: dict[str, str] = OWN,
    destination: str = "/",
) -> Any:
    """Send the form."""
    form = {"email": email, "password": password, "continue": destination}
    return client.post("/_ah/login", form, headers=headers, status=status)


def who(client: TestApp, cookie: str | None = None) -> str:
    headers = {} if cookie is None else {"Cookie": cookie}
    return str(client.get("/", headers=headers).text.partition(" ")[0])


def test_form_logs_in_and_goes_on(site: Site) -> None:
    client = site.client()
    page = client.get("/_ah/login?continue=/a%3Fb%3D%C3%A4")
    form = page.forms[0]
    assert form.method.lower() == "post"
    assert form["password"].attrs["autocomplete"] == "current-password"
    form["email"] = "ann@example.com"
    form["password"] = PASSWORD
    answer = form.submit(headers=OWN, status=303)
    assert answer.headers["Location"] == f"http://{HOST}/a?b=%C3%A4"
    seen = client.get("/").text
    # The account's own spelling; an administrator in any case.
    assert seen == f"Ann@example.com {user_id_of('ann@example.com')} 1"
    assert [one.user.email for one in site.store.accounts.all()] == ["Ann@example.com"]


def test_cookie_is_for_this_server_and_https_alone_where_it_was_set_so(
    site: Site,
) -> None:
    cookie = send(site.client()).headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    proxied = site.client("10.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    assert "; Secure" in send(proxied).headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@example.com", "wrong password"),
        ("ann@example.com", ""),
        ("ann@example.com", PASSWORD + " "),
        ("ann@example.com", PASSWORD.upper()),
        (
            "ann@example.com",
            "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        ),
        ("ann@example.com", "x" * 5000),
        ("bob@example.com", PASSWORD),
        ("", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("ann@example.com\0", PASSWORD),
    ],
)
def test_wrong_password_and_unknown_account_answer_alike(
    site: Site, email: str, password: str
) -> None:
    client = site.client()
    answer = send(client, email, password, status=422)
    assert "The email or the password is wrong." in answer.text
    assert "Set-Cookie" not in answer.headers
    assert password not in answer.text or not password.strip()
    assert who(client) == ""


def test_unknown_account_costs_a_hash_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    verify = argon2.PasswordHasher.verify

    def count(self: Any, known: str, password: Any) -> bool:
        hashed.append(known)
        return verify(self, known, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", count)
    send(site.client(), "nobody@example.com", status=422)
    send(site.client(), "no address", status=422)
    assert len(hashed) == 2


# --- Other sites, and sessions that are not one's own ---------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://{HOST}.evil.example"},
        {"Referer": "http://evil.example/"},
    ],
)
@pytest.mark.parametrize("path", ["/_ah/login", "/_ah/logout"])
def test_form_of_another_site_is_not_taken(
    site: Site, path: str, headers: dict[str, str]
) -> None:
    client = site.client()
    send(client)
    form = {"email": "ann@example.com", "password": PASSWORD}
    answer = client.post(path, form, headers=headers, status=403)
    assert "Set-Cookie" not in answer.headers
    assert who(client) == "Ann@example.com"


@pytest.mark.parametrize("path", ["/_ah/login", "/_ah/logout"])
@pytest.mark.parametrize("charset", ["latin-1", "no-such-charset", "utf-16"])
def test_form_in_another_charset_is_not_taken(
    site: Site, path: str, charset: str
) -> None:
    client = site.client()
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    answer = client.post(path, "a=b", {**OWN, "Content-Type": kind}, status=400)
    assert "no login form" in answer.text


def test_form_that_names_its_charset_is_taken(site: Site) -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    send(site.client(), headers={**OWN, "Content-Type": kind})


def test_password_in_the_place_of_the_address_is_not_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    send(site.client(), PASSWORD, PASSWORD, status=422)
    send(site.client(), "eve@example.com", PASSWORD, status=422)
    first, second = caplog.messages
    assert first == "a wrong password for what is no address, from 203.0.113.5"
    assert "'eve@example.com'" in second


@pytest.mark.parametrize("headers", [{"Origin": f"http://{HOST}"}, OWN])
def test_form_of_our_own_is_taken(site: Site, headers: dict[str, str]) -> None:
    send(site.client(), headers=headers)


def test_link_of_another_site_logs_nobody_out(site: Site) -> None:
    client = site.client()
    send(client)
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.get("/_ah/logout", headers=headers, status=200)
    assert "Set-Cookie" not in answer.headers
    assert who(client) == "Ann@example.com"
    answer.forms[0].submit(headers=OWN, status=303)
    assert who(client) == ""


@pytest.mark.parametrize(
    "where",
    ["http://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"],
)
def test_nobody_is_sent_elsewhere(site: Site, where: str) -> None:
    answer = send(site.client(), destination=where)
    assert answer.headers["Location"] == f"http://{HOST}/"


def test_session_of_before_the_login_is_not_the_one_after(site: Site) -> None:
    site.add("eve@example.com", "the attacker's own")
    attacker = site.client()
    planted = send(attacker, "eve@example.com", "the attacker's own").headers
    fixed = planted["Set-Cookie"].partition(";")[0]
    victim = site.client()
    answer = send(victim, headers={**OWN, "Cookie": fixed})
    fresh = answer.headers["Set-Cookie"].partition(";")[0]
    assert fresh != fixed
    # What was planted has ended, and names nobody.
    assert who(site.client(), fixed) == ""
    assert who(site.client(), fresh) == "Ann@example.com"


def test_each_login_has_a_number_of_its_own(site: Site) -> None:
    first, second = (send(site.client()).headers["Set-Cookie"] for _ in range(2))
    assert first != second
    cookie = first.partition(";")[0]
    client = site.client()
    client.get("/_ah/logout", headers={"Cookie": cookie}, status=303)
    assert who(site.client(), cookie) == ""
    assert who(site.client(), second.partition(";")[0]) == "Ann@example.com"


def test_session_expires(site: Site) -> None:
    cookie = send(site.client()).headers["Set-Cookie"].partition(";")[0]
    site.now += LOGIN_SECONDS - 1
    assert who(site.client(), cookie) == "Ann@example.com"
    site.now += 1
    assert who(site.client(), cookie) == ""


def test_changed_or_removed_account_ends_its_sessions(site: Site) -> None:
    cookie = send(site.client()).headers["Set-Cookie"].partition(";")[0]
    site.add("ann@example.com", "another password")
    # As another process, which has remembered nothing.
    site.login = site.new_login()
    assert who(site.client(), cookie) == ""
    newer = send(site.client(), password="another password").headers
    cookie = newer["Set-Cookie"].partition(";")[0]
    assert who(site.client(), cookie) == "ann@example.com"
    site.store.passwords.remove("ann@example.com")
    site.login = site.new_login()
    assert who(site.client(), cookie) == ""


def test_new_password_counts_at_once(site: Site) -> None:
    send(site.client())
    site.add("Ann@example.com", "another password")
    client = site.client()
    send(client, password="another password")
    assert who(client) == "Ann@example.com"


def test_cookies_of_other_logins_are_not_believed(site: Site) -> None:
    email = "Ann@example.com"
    mark = site.mark_of(email)
    claims = CookieClaims(
        User(email, True, user_id_of(email)), 1 << 36, "0" * 24 + mark
    )
    for signer in (
        CookieSigner([b"s" * 32], "t"),
        CookieSigner([b"s" * 32], "t", "oidc"),
        CookieSigner([b"s" * 32], "u", "accounts"),
        CookieSigner([b"r" * 32], "t", "accounts"),
    ):
        assert who(site.client(), f'{COOKIE}="{signer.sign(claims)}"') == ""
    assert who(site.client(), f'{COOKIE}="{SIGNER.sign(claims)}"') == email
    unmarked = CookieClaims(claims.user, 1 << 36, "0" * 24)
    assert who(site.client(), f'{COOKIE}="{SIGNER.sign(unmarked)}"') == ""


def test_cookie_makes_nobody_an_administrator(site: Site) -> None:
    site.add("bob@example.com", PASSWORD)
    mark = site.mark_of("bob@example.com")
    user = User("bob@example.com", True, "1")
    value = SIGNER.sign(CookieClaims(user, 1 << 36, "0" * 24 + mark))
    headers = {"Cookie": f'{COOKIE}="{value}"'}
    seen = site.client().get("/", headers=headers).text
    assert seen == f"bob@example.com {user_id_of('bob@example.com')} 0"


# --- Guessing -------------------------------------------------------------------------


def guess(client: TestApp, email: str, **environ: str) -> int:
    form = {"email": email, "password": "a wrong one"}
    answer = client.post(
        "/_ah/login", form, headers=OWN, extra_environ=environ, expect_errors=True
    )
    if answer.status_int == 429:
        assert int(answer.headers["Retry-After"]) > 0
        assert "too many" in answer.text.lower()
    return int(answer.status_int)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have hashing cost nothing: these tests count."""
    monkeypatch.setattr(hashing.Verifier, "is_right", lambda *_: False)


def test_guesses_of_one_address_are_slowed(site: Site, quick: None) -> None:
    client = site.client(logins_per_minute=3)
    statuses = [guess(client, f"user{n}@example.com") for n in range(5)]
    assert statuses == [422, 422, 422, 429, 429]
    other = {"REMOTE_ADDR": "203.0.113.6"}
    assert guess(client, "ann@example.com", **other) == 422
    # Before anything else is looked at, the page that asks for it included.
    assert client.get("/_ah/login", expect_errors=True).status_int == 429


def test_guesses_on_one_account_are_slowed_wherever_they_come_from(
    site: Site, quick: None
) -> None:
    statuses = [
        guess(
            site.client(f"203.0.113.{n}"),
            "ANN@example.com" if n % 2 else "ann@example.com",
        )
        for n in range(accounts_login.ACCOUNT_AT_ONCE + 2)
    ]
    assert statuses[-3:] == [422, 429, 429]
    # And those on one that there is not, or the answer would tell.
    statuses = [
        guess(site.client(f"203.0.113.{n}"), "none@example.com")
        for n in range(100, accounts_login.ACCOUNT_AT_ONCE + 102)
    ]
    assert statuses[-3:] == [422, 429, 429]


@pytest.mark.parametrize("peer", ["203.0.113.5", "127.0.0.1"])
def test_forwarded_addresses_of_strangers_do_not_spread_guesses(
    site: Site, quick: None, peer: str
) -> None:
    client = site.client(peer, logins_per_minute=3)
    statuses = [
        guess(client, f"u{n}@example.com", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}")
        for n in range(4)
    ]
    assert statuses == [422, 422, 422, 429]


def test_addresses_that_a_trusted_proxy_forwards_are_counted_each(
    site: Site, quick: None
) -> None:
    client = site.client("10.0.0.1", logins_per_minute=1)
    statuses = [
        guess(client, "u@example.com", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}")
        for n in (1, 2, 1)
    ]
    assert statuses == [422, 422, 429]


def test_right_password_waits_too_and_is_then_forgiven(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_login, "ACCOUNT_AT_ONCE", 3)
    for _ in range(3):
        assert guess(site.client(), "ann@example.com") == 422
    send(site.client(), status=429)
    site.now += accounts_login.ACCOUNT_SECONDS
    send(site.client())
    for _ in range(3):
        assert guess(site.client(), "ann@example.com") == 422


def test_guesses_do_not_hold_up_a_browser_that_has_logged_in_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_login, "ACCOUNT_AT_ONCE", 3)
    known = site.client()
    for header in send(known).headers.getall("Set-Cookie"):
        if header.startswith(accounts_login.BROWSER_COOKIE):
            assert "Path=/_ah/login; " in header
            assert "HttpOnly; SameSite=Strict" in header
    known.get("/_ah/logout", status=303)
    for _ in range(3):
        guess(site.client(), "ann@example.com")
    send(site.client(), status=429)
    # Its own attempts are counted apart.
    for _ in range(2):
        send(known, password="a wrong one", status=422)
    send(known)
    assert who(known) == "Ann@example.com"
    for _ in range(3):
        send(known, password="a wrong one", status=422)
    send(known, status=429)


def test_changed_or_removed_password_makes_browsers_unknown(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_login, "ACCOUNT_AT_ONCE", 3)
    known = site.client()
    send(known)
    site.add("ann@example.com", "another password")
    # As after the seconds for which the one before is remembered.
    site.login = site.new_login()
    headers = {**OWN, "Cookie": f"{accounts_login.BROWSER_COOKIE}={note_of(known)}"}
    assert [guess(site.client(), "ann@example.com") for _ in range(3)] == [422] * 3
    send(site.client(), headers=headers, status=429)
    site.store.passwords.remove("ann@example.com")
    site.login = site.new_login()
    send(site.client(), headers=headers, status=429)


def note_of(client: TestApp) -> str:
    """Return the cookie by which a browser is known."""
    return str(client.cookies[accounts_login.BROWSER_COOKIE]).strip('"')


def test_known_browser_is_known_for_one_account(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_login, "ACCOUNT_AT_ONCE", 3)
    site.add("eve@example.com", "the attacker's own")
    attacker = site.client()
    send(attacker, "eve@example.com", "the attacker's own")
    assert [guess(attacker, "ann@example.com") for _ in range(4)] == [422] * 3 + [429]
    name = accounts_login.BROWSER_COOKIE
    for value in ("", "x", note_of(attacker)[:-1]):
        headers = {**OWN, "Cookie": f"{name}={value}"}
        send(site.client(), headers=headers, status=429)


def test_nobody_waits_where_too_many_do(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_login, "ACCOUNT_AT_ONCE", 1)
    entry = site.login._pages.registry["entry"]
    with contextlib.ExitStack() as stack:
        for _ in range(hashing.AT_ONCE + hashing.WAITING):
            stack.enter_context(entry._verifier.place())
        answer = send(site.client(), status=429)
        assert "Too many people" in answer.text
    # It has counted for nothing, and the places are free again.
    assert guess(site.client(), "ann@example.com") == 422


def test_letter_is_the_same_however_a_keyboard_makes_it(site: Site) -> None:
    site.add("ann@example.com", "gr\u00fc\u00dfe, \u212bngstr\u00f6m")
    send(site.client(), password="gru\u0308\u00dfe, A\u030angstro\u0308m")
    send(site.client(), password="gr\u00fc\u00dfe, \u00c5ngstrom", status=422)


def test_hash_is_renewed_unless_the_password_was_changed_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = argon2.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    site.store.passwords.put(Password("ann@example.com", weak.hash(PASSWORD), site.now))
    client = site.client()
    send(client)
    assert who(client) == "ann@example.com"
    renewed = site.store.passwords.get("ann@example.com")
    assert renewed is not None
    assert not cheap_hasher().check_needs_rehash(renewed.hash)
    # Between the look at the old password and the new hash of it.
    site.store.passwords.put(Password("ann@example.com", weak.hash(PASSWORD), site.now))
    new_hash = hashing.Verifier.new_hash

    def change_first(self: Any, hashed: str, password: str) -> str:
        site.add("ann@example.com", "another password")
        return new_hash(self, hashed, password)

    monkeypatch.setattr(hashing.Verifier, "new_hash", change_first)
    client = site.client()
    send(client)
    assert who(client) == ""
    send(site.client(), status=422)
    send(site.client(), password="another password")


# --- Bad requests ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"--a\r\n\r\n--a--", "multipart/form-data; boundary=a"),
    ],
)
def test_what_is_no_form_is_refused(site: Site, body: bytes, kind: str) -> None:
    headers = {**OWN, "Content-Type": kind}
    site.client().post("/_ah/login", body, headers=headers, status=400)


@pytest.mark.parametrize("length", ["", "9" * 40, "0" * 20 + "9" * 9])
def test_form_whose_end_nobody_knows_is_refused(site: Site, length: str) -> None:
    client = site.client(CONTENT_LENGTH=length)
    form = {"email": "ann@example.com", "password": PASSWORD}
    request = webtest.TestRequest.blank("/_ah/login", POST=form, headers=OWN)
    request.environ.update(client.extra_environ)
    assert client.do_request(request, expect_errors=True).status_int == 400


def test_form_that_is_not_utf8_is_refused(site: Site) -> None:
    headers = {**OWN, "Content-Type": "application/x-www-form-urlencoded"}
    body = b"email=%FF%FE&password=%FF"
    answer = site.client().post("/_ah/login", body, headers=headers, expect_errors=True)
    assert answer.status_int in (400, 422)


def test_answers_are_not_kept_framed_or_guessed(site: Site) -> None:
    answer = site.client().get("/_ah/login")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("password", ["short", " " * 12, "x" * 2000])
def test_bad_new_password_is_named(password: str) -> None:
    assert hashing.complaint(password)
    assert not hashing.complaint(PASSWORD)


def test_hash_is_that_of_rfc_9106_for_little_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hashing, "PasswordHasher", argon2.PasswordHasher)
    assert hashing.hash_of(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
