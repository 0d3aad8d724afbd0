"""Real logins in a real browser, with its own word on where a form comes from."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.appserver.openid import CLIENT_ID, SECRET, OpenIdProvider
from tests.lanes import ROOT, timeout_factor
from tests.servers import Servers

pytestmark = pytest.mark.browser

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
    page.fill("#email", "ann@example.com")
    page.fill("#password", "a wrong one")
    page.click("#submit-login")
    page.wait_for_selector("[role=alert]", timeout=MILLISECONDS)
    assert cookie_of(page) == {}
    page.fill("#password", PASSWORD)
    page.click("#submit-login")
    page.wait_for_url(running.url, timeout=MILLISECONDS)
    cookie = cookie_of(page)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
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
