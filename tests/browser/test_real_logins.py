"""Real logins in a real browser, with its own word on where a form comes from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.appserver.openid import CLIENT_ID, SECRET, OpenIdProvider
from tests.browser import foreign_provider
from tests.browser.foreign_provider import ForeignProvider
from tests.lanes import ROOT, timeout_factor
from tests.servers import Servers

pytestmark = pytest.mark.browser

APP = ROOT / "tests" / "doors" / "apps" / "members"
"""Says who has logged in."""

PASSWORD = "correct horse battery"
AT_LOGIN = re.compile(r".*/_ah/login\?continue=.*")
MILLISECONDS = 1000 * 30 * timeout_factor()


def cookie_of(page: Any) -> dict[str, Any]:
    """Return the login cookie, or {}."""
    for cookie in page.context.cookies():
        if cookie["name"] == "dev_appserver_login" and cookie["value"]:
            found: dict[str, Any] = cookie
            return found
    return {}


def user_on(page: Any) -> tuple[str | None, bool]:
    """Return who the page of APP says that it is, and whether an administrator."""
    seen = json.loads(page.inner_text("body"))
    return seen["user"], seen["admin"]


def assert_accessible(page: Any) -> None:
    """Have axe-core look at the page, in both colours, as narrow as a phone."""
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": 360, "height": 640})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        assert [
            (each["id"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_password_leads_to_the_app_and_logout_away(
    server: Servers, pages: Any, tmp_path: Path
) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "channelshim", "accounts", "add"),
            *("ann@example.com", str(ROOT), f"--storage_path={tmp_path}"),
        ],
        input=PASSWORD,
        text=True,
        check=True,
    )
    running = server(
        ROOT, "--login=accounts", "--automatic_restart=no", storage_path=tmp_path
    )
    page = pages()
    page.goto(running.url)
    page.wait_for_url(AT_LOGIN, timeout=MILLISECONDS)
    assert_accessible(page)
    page.fill("#email", "ann@example.com")
    page.fill("#password", "a wrong one")
    page.click("#submit-login")
    page.wait_for_selector("[role=alert]", timeout=MILLISECONDS)
    assert cookie_of(page) == {}
    assert_accessible(page)
    page.fill("#password", PASSWORD)
    page.click("#submit-login")
    page.wait_for_url(running.url, timeout=MILLISECONDS)
    cookie = cookie_of(page)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert page.evaluate("document.cookie") == ""
    # A link of another site leads to a button, and logs nobody out.
    other = running.url.replace("localhost", "127.0.0.1")
    page.goto(f"{other}static/main.js")
    page.evaluate(f"location.href = '{running.url}_ah/logout?continue=/'")
    page.wait_for_selector("#submit-logout", timeout=MILLISECONDS)
    assert cookie_of(page) != {}
    assert_accessible(page)
    page.goto(f"{running.url}_ah/logout?continue=/")
    page.wait_for_url(AT_LOGIN, timeout=MILLISECONDS)
    assert cookie_of(page) == {}


def test_provider_leads_to_the_app_and_logout_away(server: Servers, pages: Any) -> None:
    with OpenIdProvider() as openid:
        # Another site than the app's: 127.0.0.1 and localhost.
        running = server(
            ROOT,
            *("--login=oidc", f"--oidc_issuer={openid.url}"),
            f"--oidc_client_id={CLIENT_ID}",
            "--automatic_restart=no",
            env={"CHANNELSHIM_OIDC_CLIENT_SECRET": SECRET},
        )
        page = pages()
        page.goto(running.url)
        page.wait_for_url(running.url, timeout=MILLISECONDS)
        assert cookie_of(page)["httpOnly"]
        assert "/token" in openid.asked
        page.goto(f"{running.url}_ah/logout?continue=/static/main.js")
        page.wait_for_url("**/static/main.js", timeout=MILLISECONDS)
        assert "/end" in openid.asked
        assert cookie_of(page) == {}


@pytest.mark.openid
def test_provider_by_others_leads_to_the_app_and_logout_away(
    server: Servers, pages: Any, wait_until: Callable[..., Any]
) -> None:
    with ForeignProvider() as foreign:
        running = server(
            APP,
            *("--login=oidc", f"--oidc_issuer={foreign.url}"),
            f"--oidc_client_id={foreign_provider.CLIENT_ID}",
            *("--admins=Boss@example.com", "--automatic_restart=no"),
            env={"CHANNELSHIM_OIDC_CLIENT_SECRET": foreign_provider.SECRET},
        )
        foreign.register(running.url)
        page = person(pages)
        callbacks: list[str] = []
        page.on("request", lambda asked: note_callback(asked.url, callbacks))
        log_in_there(page, running.url, "ann@example.com")
        page.wait_for_url(running.url, timeout=MILLISECONDS)
        assert user_on(page) == ("ann@example.com", False)
        cookie = cookie_of(page)
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        assert cookie["domain"] == "localhost"

        # The same answer brings nothing a second time, here or elsewhere.
        (callback,) = callbacks
        for replayed in (page, pages()):
            answer = replayed.goto(callback)
            assert answer.status == 403
            assert replayed.inner_text("h1") == "Not logged in"
        assert_accessible(page)
        page.goto(running.url)
        assert user_on(page)[0] == "ann@example.com"

        # The provider asks whether that is meant.
        page.goto(f"{running.url}_ah/logout?continue=/%3Fbye")
        page.click("button[name=logout]")
        page.wait_for_url(f"{running.url}?bye", timeout=MILLISECONDS)
        assert user_on(page) == (None, False)
        assert cookie_of(page) == {}

        # It knows nobody any more, and whoever claims the administrator's address
        # without proof is nobody here.
        log_in_there(page, running.url, "unverified-boss@example.com")
        page.wait_for_url("**/_ah/login/callback?*", timeout=MILLISECONDS)
        assert "You were not logged in" in page.inner_text("main")
        assert "boss" not in page.content()
        page.goto(running.url)
        assert user_on(page) == (None, False)
        wait_until(lambda: "--oidc_trust_email" in running.output)

        page = person(pages)
        page.goto(f"{running.url}_ah/login?continue=/")
        page.click("text=Cancel")
        page.wait_for_url("**/_ah/login/callback?*", timeout=MILLISECONDS)
        page.click("a:text-is('Log in')")
        log_in_there(page, "", "boss@example.com")
        page.wait_for_url(running.url, timeout=MILLISECONDS)
        assert user_on(page) == ("boss@example.com", True)
        assert "Traceback" not in running.output


def person(pages: Any) -> Any:
    """Return a page that asks nothing of the network beyond this machine."""
    page = pages()
    # The provider's page has a font from there.
    page.route(re.compile("^https://"), lambda route: route.abort())
    return page


def note_callback(url: str, callbacks: list[str]) -> None:
    if "/_ah/login/callback" in url:
        callbacks.append(url)


def log_in_there(page: Any, app: str, name: str) -> None:
    """Log in at the provider by others.

    Args:
        page: of the browser.
        app: where to begin; "" where the page is at the provider.
        name: that is typed there.
    """
    if app:
        page.goto(f"{app}_ah/login?continue=/")
    page.fill("[name=login]", name)
    page.fill("[name=password]", "any will do")
    page.click("[type=submit]")
    # May the app know the address?
    page.click("button:text-is('Continue')")
