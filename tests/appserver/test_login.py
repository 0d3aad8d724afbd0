"""The login pages, without the original's holes (D8, D9)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webtest import TestApp

from channelshim.appserver.login import sessions
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appserver.request_urls import safe_destination
from channelshim.contracts.identity import LOGIN_SECONDS, User, user_id_of
from channelshim.contracts.store import Account
from channelshim.protocol.cookies import CookieClaims, CookieSigner

COOKIE = "dev_appserver_login"
SIGNER = CookieSigner([b"s" * 32])
IDENTITY = DevelopmentLogin(SIGNER)


class Logins:
    """Keeps what a store would."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.ended: dict[str, float] = {}

    def remember(self, account: Account) -> None:
        self.accounts.append(account)

    def end_login(self, number: str, expires_at: float, now: float) -> None:
        self.ended[number] = expires_at

    def ended_logins(self) -> Collection[str]:
        return self.ended


@pytest.fixture
def logins() -> Logins:
    return Logins()


@pytest.fixture
def client(logins: Logins) -> TestApp:
    return TestApp(DevelopmentLogin(SIGNER, logins))


def log_in(client: TestApp, query: str) -> str:
    """Return the Set-Cookie header that a login answers with."""
    answer = client.get(f"/_ah/login?action=Login&{query}", status=302)
    assert answer.status == "302 Redirecting to continue URL"
    return str(answer.headers.get("Set-Cookie", ""))


def test_form_has_the_inputs_that_drivers_fill(client: TestApp) -> None:
    page = client.get("/_ah/login?continue=http://localhost/x%22%3E")
    assert "Not logged in" in page.text
    assert "<title>Login</title>" in page.text
    form = page.forms[0]
    assert (form.method.lower(), form.action) == ("get", "http://localhost/_ah/login")
    assert form["email"].value == "test@example.com"
    assert form["continue"].value == 'http://localhost/x">'
    assert not form["admin"].checked
    for fragment in ('id="submit-login"', 'id="submit-logout"', 'id="admin"'):
        assert fragment in page.text


def test_login_is_remembered_and_shown(client: TestApp, logins: Logins) -> None:
    cookie = log_in(client, "email=Ann@example.com&admin=TRUE&continue=/")
    assert cookie.startswith('dev_appserver_login="Ann@example.com:True:1371248703')
    for attribute in ("Path=/", "HttpOnly", "SameSite=Lax"):
        assert attribute in cookie
    ann = User("Ann@example.com", True, user_id_of("ann@example.com"))
    assert [account.user for account in logins.accounts] == [ann]
    page = client.get("/_ah/login")
    assert "Logged in" in page.text
    assert page.forms[0]["email"].value == "Ann@example.com"
    assert page.forms[0]["admin"].checked


def test_cookie_of_a_secure_page_stays_secure(client: TestApp) -> None:
    path = "/_ah/login?action=Login&email=a@b"
    plain = client.get(path, status=302)
    secure = client.get(path, status=302, extra_environ={"wsgi.url_scheme": "https"})
    assert "Secure" not in plain.headers["Set-Cookie"]
    assert secure.headers["Set-Cookie"].endswith("; Secure")


@pytest.mark.parametrize("path", ["/_ah/logout", "/_ah/login?action=LOGOUT"])
def test_logout_clears_the_cookie(client: TestApp, path: str) -> None:
    log_in(client, "email=a@b")
    answer = client.get(path, status=302)
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert "Not logged in" in client.get("/_ah/login").text


def test_copy_of_a_cookie_ends_with_the_logout(client: TestApp, logins: Logins) -> None:
    log_in(client, "email=a@b&admin=True")
    copied = {"HTTP_COOKIE": f"{COOKIE}={client.cookies[COOKIE]}"}
    other = DevelopmentLogin(SIGNER, logins)
    login = DevelopmentLogin(SIGNER, logins)
    another = TestApp(other)
    log_in(another, "email=a@b")
    kept = {"HTTP_COOKIE": f"{COOKIE}={another.cookies[COOKIE]}"}
    client.get("/_ah/logout", status=302)
    assert login.user(copied) is None
    # The same person, in another browser.
    assert login.user(kept) is not None


def test_logout_during_a_look_at_the_ended_ones_is_not_missed() -> None:
    class SlowLogins(Logins):
        """Answers what was so before a logout that comes meanwhile."""

        meanwhile: Callable[[], object] | None = None

        def ended_logins(self) -> Collection[str]:
            before = set(self.ended)
            act, self.meanwhile = self.meanwhile, None
            if act is not None:
                act()
            return before

    logins = SlowLogins()
    login = DevelopmentLogin(SIGNER, logins)
    client = TestApp(login)
    log_in(client, "email=a@b")
    cookie = {"HTTP_COOKIE": f"{COOKIE}={client.cookies[COOKIE]}"}
    # Nothing has been read yet: this asks, and the logout comes while it waits.
    logins.meanwhile = lambda: client.get("/_ah/logout", status=302)
    login.user(cookie)
    assert logins.ended
    assert login.user(cookie) is None


def test_cookie_ends_by_itself(logins: Logins) -> None:
    now = 1_700_000_000.0
    login = DevelopmentLogin(SIGNER, logins, clock=lambda: now)
    client = TestApp(login)
    log_in(client, "email=a@b")
    cookie = {"HTTP_COOKIE": f"{COOKIE}={client.cookies[COOKIE]}"}
    now += LOGIN_SECONDS - 1
    assert login.user(cookie) is not None
    now += 1
    assert login.user(cookie) is None


def test_logout_of_nobody_is_not_kept(client: TestApp, logins: Logins) -> None:
    client.get("/_ah/logout", status=302)
    client.get("/_ah/logout", headers={"Cookie": f"{COOKIE}=x@y:True:1"}, status=302)
    assert logins.ended == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        # Another port of this machine.
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Referer": "http://localhost/"},
        {"Referer": "https://evil.example/"},
        {"Referer": "http://localhost:81/"},
        {"Referer": "http://[evil"},
        {"Origin": "null"},
    ],
)
def test_page_of_another_site_gets_the_form(
    client: TestApp, logins: Logins, headers: dict[str, str]
) -> None:
    for path in (
        "/_ah/login?action=Login&email=evil@x.y&admin=True&continue=/admin",
        "/_ah/login?action=Logout",
        "/_ah/logout?continue=/",
    ):
        answer = client.get(path, headers=headers, status=200)
        assert "Set-Cookie" not in answer.headers
        assert answer.forms[0].action == "http://localhost/_ah/login"
    assert logins.accounts == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Referer": "http://localhost/_ah/login"},
        {"Referer": "http://localhost/_ah/login"},
    ],
)
def test_own_page_and_a_script_log_in(client: TestApp, headers: dict[str, str]) -> None:
    path = "/_ah/login?action=Login&email=a@b"
    environ = {"HTTP_HOST": "localhost"}
    answer = client.get(path, headers=headers, extra_environ=environ, status=302)
    assert COOKIE in answer.headers["Set-Cookie"]


def test_no_cookie_for_no_email(client: TestApp) -> None:
    assert log_in(client, "email=") == ""


@pytest.mark.parametrize(
    "query", ["email=a:b@c", "email=a%0d%0ab@c", "email=" + "a" * 255]
)
def test_what_is_no_email_is_told(client: TestApp, query: str) -> None:
    page = client.get(f"/_ah/login?action=Login&{query}&continue=/there", status=400)
    assert "Set-Cookie" not in page.headers
    assert "Nobody was logged in" in page.text
    assert page.forms[0]["continue"].value == "/there"


def test_page_says_whose_it_is_and_logs_out_who_is_logged_in(client: TestApp) -> None:
    page = client.get("/_ah/login")
    assert "for localhost:80. It asks for no" in page.text
    assert 'id="email" autofocus' in page.text
    assert 'id="submit-logout" hidden' in page.text
    log_in(client, "email=a@b")
    assert 'id="submit-logout">' in client.get("/_ah/login").text


@pytest.mark.parametrize(
    "path",
    [
        "/_ah/login?continue=%ff",
        "/_ah/login?action=login&email=%ff",
        "/_ah/logout?continue=%ff",
    ],
)
def test_query_that_is_no_utf8_is_refused(client: TestApp, path: str) -> None:
    assert "no UTF-8" in client.get(path, status=400)


def test_email_without_an_at_sign_is_nobody(client: TestApp, logins: Logins) -> None:
    assert log_in(client, "email=ann") != ""
    assert "Not logged in" in client.get("/_ah/login").text
    assert logins.accounts == []


def test_unknown_action_redirects_without_a_cookie(client: TestApp) -> None:
    answer = client.get("/_ah/login?action=dance&email=a@b", status=302)
    assert "Set-Cookie" not in answer.headers
    assert answer.location == "http://localhost/_ah/login"


def test_only_get_on_the_exact_paths(client: TestApp) -> None:
    client.post("/_ah/login", status=405)
    client.get("/_ah/login/", status=404)
    client.get("/_ah/loginx", status=404)


@pytest.mark.parametrize(
    "destination",
    [
        "https://evil.example/",
        "http://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "http:/evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "http://localhost@evil.example/",
        "http://localhost.evil.example/",
        "http://evil.example#http://localhost/",
        "/x%0d%0aSet-Cookie: a=b".replace("%0d%0a", "\r\n"),
        "\thttp://evil.example/",
        "/\t/evil.example",
        "http://[evil",
        "relative",
    ],
)
def test_continue_stays_on_this_server(client: TestApp, destination: str) -> None:
    answer = client.get(
        "/_ah/login",
        {"action": "Login", "email": "a@b", "continue": destination},
        status=302,
    )
    assert answer.location == "http://localhost/"
    assert answer.headers.getall("Set-Cookie")[0].startswith("dev_appserver_login=")


@pytest.mark.parametrize(
    ("destination", "location"),
    [
        ("/a?b=c#d", "http://localhost/a?b=c#d"),
        ("http://localhost/a b".replace(" ", "%20"), "http://localhost/a%20b"),
        ("http://localhost:80/", "http://localhost:80/"),
        ("/é", "http://localhost/%C3%A9"),
    ],
)
def test_continue_on_this_server_is_followed(
    client: TestApp, destination: str, location: str
) -> None:
    host = "localhost:80" if ":80" in destination else "localhost"
    answer = client.get(
        "/_ah/logout", {"continue": destination}, headers={"Host": host}, status=302
    )
    assert answer.location.replace("localhost:80/", "localhost/") == location.replace(
        "localhost:80/", "localhost/"
    )


@given(st.text())
def test_no_destination_leaves_this_server(text: str) -> None:
    found = safe_destination(text, "localhost:8080")
    assert found.isascii()
    assert found.isprintable()
    assert found.startswith(("/", "http://localhost:8080", "https://localhost:8080"))
    assert not found.startswith(("//", "/\\"))


def test_forged_cookie_is_nobody() -> None:
    for value in (
        "x@y:True:1",
        '"x@y:True:1"',
        '"x@y:True:1:AAAA"',
        "",
        '"',
        "\\",
        "é",
    ):
        environ = {"HTTP_COOKIE": f"dev_appserver_login={value}"}
        assert IDENTITY.user(environ) is None


def test_value_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    class Counting(SimpleCookie):
        def __init__(self, text: str) -> None:
            read.append(len(text))
            super().__init__(text)

    monkeypatch.setattr(sessions, "SimpleCookie", Counting)
    user = User("ann@example.com", True, "1")
    value = SIGNER.sign(CookieClaims(user, 1 << 36, "0a"))
    quoted = "".join(f"\\{ord(character):03o}" for character in value)
    # However it is written: the library's reader takes the square of what is longer.
    found = IDENTITY.user({"HTTP_COOKIE": f'{COOKIE}="{quoted}"'})
    assert found is not None
    assert found.email == user.email
    nobody = {"HTTP_COOKIE": f'{COOKIE}="' + "\\" * 60_000 + '"'}
    assert IDENTITY.user(nobody) is None
    assert max(read) < 5000


def test_cookie_is_found_among_others() -> None:
    claims = CookieClaims(User("ann@example.com", True, "1"), 1 << 36, "0a")
    value = SIGNER.sign(claims)
    environ = {"HTTP_COOKIE": f'a=b; dev_appserver_login="{value}"; c="d; e"'}
    user = IDENTITY.user(environ)
    assert user == User("ann@example.com", True, user_id_of("ann@example.com"))


@given(st.text())
def test_any_cookie_header_is_read(header: str) -> None:
    assert IDENTITY.user({"HTTP_COOKIE": f"dev_appserver_login={header}"}) is None
    assert IDENTITY.user({"HTTP_COOKIE": header}) is None
