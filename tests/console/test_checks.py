"""Who may use the console: this machine, by its own names and its own pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from channelshim.console.checks import Forms
from channelshim.console.menu import PAGES
from channelshim.contracts.identity import User
from tests.console.site import HERE, Site

ADDRESSES = [page.path for page in PAGES]
FURTHER = ["/static/look.css", "/favicon.ico", "/nothing"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"HTTP_HOST": "evil.example"}, 400),
        ({"HTTP_HOST": "localhost.evil.example:8000"}, 400),
        ({"HTTP_HOST": "192.0.2.1"}, 400),
        ({"HTTP_HOST": "localhost\u00e9"}, 400),
        ({"REMOTE_ADDR": "192.0.2.1"}, 403),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
        ({"HTTP_FORWARDED": "for=127.0.0.1"}, 403),
    ],
)
def test_only_this_machine_by_its_own_names_is_answered(
    site: Site, changed: dict[str, str], status: int
) -> None:
    asked = {**HERE, **changed}
    for path in (*ADDRESSES, *FURTHER):
        answer = site.client.get(path, status=status, extra_environ=asked)
        assert "token" not in answer.text
        assert "closed" in answer.text


def test_any_name_of_loopback_is_answered(site: Site) -> None:
    for host in ("127.0.0.1:8000", "[::1]:8000", "app.localhost:8000"):
        site.client.get("/", extra_environ={**HERE, "HTTP_HOST": host})


def test_names_that_are_allowed_to_the_app_do_not_reach_the_console(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, allowed_hosts="*,chat.example")
    for host in ("chat.example", "evil.example"):
        site.client.get("/", status=400, extra_environ={**HERE, "HTTP_HOST": host})
    site.close()


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "null"},
        {"Referer": "http://evil.example/"},
    ],
)
def test_form_of_another_site_is_refused(site: Site, sent: dict[str, str]) -> None:
    fields = {"token": site.token(), "action": "send_all", "message": "x"}
    site.client.post("/channels", fields, headers=sent, status=403)


@pytest.mark.parametrize(
    ("mode", "destination", "site_of", "status"),
    [
        ("no-cors", "image", "cross-site", 403),
        ("navigate", "iframe", "same-site", 403),
        ("cors", "empty", "cross-site", 403),
        ("navigate", "document", "cross-site", 200),
        ("no-cors", "image", "same-origin", 200),
        ("navigate", "document", "none", 200),
    ],
)
def test_pages_are_no_part_of_other_sites(
    site: Site, mode: str, destination: str, site_of: str, status: int
) -> None:
    sent = {
        "Sec-Fetch-Mode": mode,
        "Sec-Fetch-Dest": destination,
        "Sec-Fetch-Site": site_of,
    }
    answer = site.client.get("/datastore/statistics", headers=sent, status=status)
    if status == 200:
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("token", ["", "x", "\u00e9", None])
def test_form_without_its_token_is_refused(site: Site, token: str | None) -> None:
    fields = {"action": "send_all", "message": "x"}
    if token is not None:
        fields["token"] = token
    answer = site.client.post("/channels", fields, status=403)
    assert "load the page again" in answer.text


def test_token_may_come_as_a_header(site: Site) -> None:
    answer = site.client.post(
        "/channels?format=json",
        {"action": "send_all", "message": "x"},
        headers={"X-Console-Token": site.token()},
    )
    assert answer.json["message"] == "Sent to 0 client ids."


def test_forms_survive_a_rotation_of_secrets() -> None:
    before, after = Forms([b"a"]), Forms([b"a", b"b"])
    assert before.token() != after.token()
    assert after.is_own(before.token())
    assert not before.is_own(after.token())


def test_other_methods_are_refused(site: Site) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        site.client.request("/", method=method, status=405)
    assert site.client.head("/").status_int == 200


def test_nothing_is_cached_framed_or_run(site: Site) -> None:
    for path in (*ADDRESSES, "/static/look.css", "/nothing"):
        query = "?id=x" if path.endswith("/id") else ""
        headers = site.client.get(path + query, expect_errors=True).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]


class ProvenLogin:
    """A login that asks for proof, which the test gives."""

    asks_no_proof = False
    paths = frozenset({"/_ah/login"})

    def __init__(self) -> None:
        self.who: User | None = None

    def user(self, environ: Any) -> User | None:
        return self.who

    def login_url(self, destination: str) -> str:
        return "/_ah/login"

    def logout_url(self, destination: str) -> str:
        return "/_ah/logout"

    def __call__(self, environ: Any, start_response: Any) -> Any:
        raise AssertionError("the console has no login page")


def test_beyond_this_machine_administrators_are_answered(tmp_path: Path) -> None:
    login = ProvenLogin()
    site = Site(tmp_path, login, "0.0.0.0")
    there = {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "192.0.2.1:8000"}
    answer = site.client.get("/", status=401, extra_environ=there)
    assert "/_ah/login" in answer.text
    login.who = User("bob@example.com", False, "1")
    assert (
        "no administrator" in site.client.get("/", status=401, extra_environ=there).text
    )
    login.who = User("ann@example.com", True, "1")
    assert "steered" in site.client.get("/", extra_environ=there).text
    other = {**there, "HTTP_HOST": "evil.example"}
    site.client.get("/", status=400, extra_environ=other)
    site.close()
