"""Contract cases H: users, the login page and the URLs that lead to it."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.contract.sites import Site


def test_case_093_nobody_without_a_cookie(site: Site) -> None:
    seen = site.who()
    assert seen["user"] is None
    assert seen["admin"] is False
    assert seen["environ"]["USER_EMAIL"] == ""


def test_case_094_form_without_an_action(site: Site) -> None:
    answer = site.ask("/_ah/login?continue=/here")
    page = answer.body.decode()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    for part in (
        'name="email"',
        'value="test@example.com"',
        'name="admin"',
        'value="Login"',
        'value="Logout"',
        'id="submit-login"',
        'name="continue"',
        'value="/here"',
        "<title>Login</title>",
    ):
        assert part in page.replace("'", '"'), part


def test_case_095_login_redirects_and_sets_the_cookie(site: Site) -> None:
    home = f"http://{site.host}/"
    query = {"email": "ann@example.com", "action": "Login", "continue": home}
    answer = site.ask("/_ah/login", query=query)
    assert answer.status == 302
    assert answer.headers["Location"] == home
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("dev_appserver_login=")
    assert "path=/" in cookie.lower()
    # D8: signed, and out of reach of scripts.
    assert ("HttpOnly" in cookie) == (not site.is_original)
    assert ("SameSite" in cookie) == (not site.is_original)


@pytest.mark.parametrize(
    ("email", "nickname", "user_id"),
    [
        ("ann@example.com", "ann@example.com", "137124870312556742271"),
        ("bob@gmail.com", "bob", "112165421861692522257"),
        ("Test.User@Example.com", "Test.User@Example.com", "116711784110907874198"),
        ("a@b.c", "a@b.c", "193962122261281022233"),
    ],
)
def test_case_096_to_098_user_is_who_logged_in(
    site: Site, email: str, nickname: str, user_id: str
) -> None:
    seen = site.who(site.log_in(email))
    assert seen["user"] == [email, nickname, user_id]
    assert seen["admin"] is False
    assert seen["environ"]["USER_NICKNAME"] == email.partition("@")[0]
    assert seen["environ"]["USER_ORGANIZATION"] == email.partition("@")[2]
    assert seen["environ"]["AUTH_DOMAIN"] == "gmail.com"


@pytest.mark.parametrize("value", ["True", "true", "TRUE"])
def test_case_099_admin_is_who_says_so(site: Site, value: str) -> None:
    cookie = site.log_in("ann@example.com", admin=value)
    assert site.who(cookie)["admin"] is True
    assert site.ask("/admin", headers={"Cookie": cookie}).status == 200


@pytest.mark.parametrize("path", ["/_ah/logout", "/_ah/login?action=logout"])
def test_case_100_logout_clears_the_cookie(site: Site, path: str) -> None:
    home = f"http://{site.host}/"
    joint = "&" if "?" in path else "?"
    answer = site.ask(f"{path}{joint}continue={quote(home, safe='')}")
    assert answer.status == 302
    assert answer.headers["Location"] == home
    assert "max-age=0" in answer.headers["Set-Cookie"].lower()
    assert "path=/" in answer.headers["Set-Cookie"].lower()


def test_case_101_login_url_of_an_absolute_one(site: Site) -> None:
    login, logout = site.ask("/urls", query={"to": "http://localhost:9100/"}).json
    assert login == "/_ah/login?continue=http%3A//localhost%3A9100/"
    assert logout == "/_ah/logout?continue=http%3A//localhost%3A9100/"


@pytest.mark.parametrize(
    ("to", "path"),
    [("/x?y=1", "/x?y=1"), ("rel", "/rel"), ("", "/"), ("//h/x", "/x")],
)
def test_case_102_login_url_of_a_path(site: Site, to: str, path: str) -> None:
    expected = quote(f"http://{site.host}{path}", safe="/")
    login, _ = site.ask("/urls", query={"to": to}).json
    assert login == f"/_ah/login?continue={expected}"


def test_case_103_federated_identity_is_not_allowed(site: Site) -> None:
    login, _ = site.ask("/urls", query={"to": "/", "federated": "x"}).json
    assert login == "NotAllowedError"


@pytest.mark.parametrize("path", ["/_ah/login", "/_ah/logout"])
def test_case_106_login_page_is_get_only(site: Site, path: str) -> None:
    assert site.ask(path, body=b"").status == 405


def test_case_106_longer_paths_are_not_the_login_page(site: Site) -> None:
    answer = site.ask("/_ah/loginX")
    assert b"Sign in as Administrator" not in answer.body


def test_empty_email_sets_no_cookie(site: Site) -> None:
    answer = site.ask("/_ah/login?email=&action=Login&continue=/")
    assert answer.status == 302
    assert "Set-Cookie" not in answer.headers


def test_email_without_an_at_sign_is_nobody(site: Site) -> None:
    answer = site.ask("/_ah/login?email=ann&action=Login&continue=/")
    cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
    assert site.who(cookie)["user"] is None


def test_login_required(site: Site) -> None:
    answer = site.ask("/required?a=b")
    assert answer.status == 302
    here = quote(f"http://{site.host}/required?a=b", safe="/")
    assert answer.headers["Location"] == (
        f"http://{site.host}/_ah/login?continue={here}"
    )
    assert site.ask("/unauthorized").status == 401


def test_login_admin(site: Site) -> None:
    assert site.ask("/admin").status == 302
    cookie = site.log_in("ann@example.com")
    answer = site.ask("/admin", headers={"Cookie": cookie})
    assert answer.status == 401
    assert b"ann" in answer.body


def test_continue_elsewhere_is_not_followed(site: Site) -> None:
    """D9: the original redirects anywhere."""
    query = {"action": "logout", "continue": "https://evil.example.com/"}
    location = site.ask("/_ah/login", query=query).headers["Location"]
    if site.is_original:
        assert location == "https://evil.example.com/"
    else:
        assert "evil" not in location
