"""Real logins at real servers: one process or several, and what the start refuses."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.doors.test_refusals import refusal
from tests.lanes import timeout_factor
from tests.servers import Server, Servers

APP = Path(__file__).parent / "apps" / "ruled"
PASSWORD = "correct horse battery"
ANN = "ann@example.com"


def command(*words: str, data: Path, text: str = "") -> str:
    """Run `channelshim accounts`; return what it prints."""
    done = run(*words, data=data, text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(*words: str, data: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    action, *names = words
    return subprocess.run(
        [
            *(sys.executable, "-m", "channelshim", "accounts", action, *names),
            *(str(APP), f"--storage_path={data}"),
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * timeout_factor(),
    )


def ask(
    server: Server,
    path: str = "/",
    fields: dict[str, str] | None = None,
    **headers: str,
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.port, timeout=60 * timeout_factor()
    )
    body = None
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if fields is not None:
        body = urllib.parse.urlencode(fields)
        named["Content-Type"] = "application/x-www-form-urlencoded"
        named.setdefault("Sec-Fetch-Site", "same-origin")
    connection.request("GET" if body is None else "POST", path, body, named)
    return connection.getresponse()


def seen(server: Server, **headers: str) -> dict[str, Any]:
    answer = ask(server, "/", None, **headers)
    found: dict[str, Any] = json.loads(answer.read())
    return found


def log_in(server: Server, password: str = PASSWORD) -> tuple[int, str]:
    """Return the status, and the cookie for a Cookie header."""
    fields = {"email": ANN, "password": password, "continue": "/"}
    answer = ask(server, "/_ah/login", fields)
    cookie = answer.headers.get("Set-Cookie") or ""
    return answer.status, cookie.partition(";")[0]


@pytest.mark.served
def test_accounts_at_a_server_that_others_reach(
    server: Servers, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert "there are no accounts" in command("list", data=data)
    added = command("add", ANN, data=data, text=PASSWORD + "\n")
    assert added == f"{ANN} can log in\n"
    # A real login may be reached by others.
    started = server(
        APP,
        *("--login=accounts", f"--admins={ANN}", "--host=0.0.0.0", "--workers=2"),
        *("--automatic_restart=no", "--console=no"),
        storage_path=data,
    )
    assert log_in(started, "a wrong one") == (422, "")
    status, cookie = log_in(started)
    assert status == 303
    found = seen(started, Cookie=cookie)
    assert (found["user"], found["admin"]) == (ANN, True)
    assert seen(started)["user"] is None
    # Beside the running server: what changes there counts in each of its processes.
    assert ANN in command("list", data=data)
    again = run("add", ANN, data=data, text=PASSWORD)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    command("passwd", ANN, data=data, text="another password")
    assert log_in(started)[0] == 422
    status, cookie = log_in(started, "another password")
    assert status == 303
    command("remove", ANN, data=data)
    assert log_in(started, "another password")[0] == 422
    missing = run("remove", ANN, data=data)
    assert (missing.returncode, "there is no account" in missing.stderr) == (1, True)
    for done in (again, missing):
        assert "Traceback" not in done.stderr


@pytest.mark.served
def test_header_of_a_proxy_at_a_real_server(server: Servers) -> None:
    started = server(
        APP,
        *("--login=proxy-header", "--login-header=Remote-User"),
        *("--trusted-proxies=127.0.0.1", "--admins=Boss@example.com"),
        *("--automatic_restart=no", "--console=no"),
    )
    found = seen(started, Remote_User="boss@example.com")
    assert (found["user"], found["admin"]) == ("boss@example.com", True)
    assert seen(started)["user"] is None
    # The visitor's header and the proxy's are two, and nobody knows which is whose.
    connection = http.client.HTTPConnection("127.0.0.1", started.port)
    connection.putrequest("GET", "/")
    for email in ("boss@example.com", "eve@example.com"):
        connection.putheader("Remote-User", email)
    connection.endheaders()
    assert json.loads(connection.getresponse().read())["user"] is None
    # An underscore is no dash: proxies let it through.
    connection = http.client.HTTPConnection("127.0.0.1", started.port)
    connection.request("GET", "/", headers={"Remote_User": "boss@example.com"})
    assert json.loads(connection.getresponse().read())["user"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--login=magic"], "must be dev, proxy-header, oidc or accounts"),
        (["--login=proxy-header"], "trusted_proxies"),
        (["--login=oidc"], "oidc_issuer"),
        (["--login=oidc", "--oidc-issuer=https://x.example"], "oidc_client_id"),
        (
            ["--login=oidc", "--oidc-issuer=http://x.example", "--oidc-client-id=a"],
            "must be an https URL",
        ),
        (["--login=oidc", "--oidc-client-secret=s"], "list of processes"),
        (["--login=accounts", "--allow-dev-login"], "allow_dev_login"),
        (
            [
                *("--login=proxy-header", "--trusted-proxies=127.0.0.1"),
                "--login-assertion-header=X-A",
            ],
            "login_assertion_keys_file or",
        ),
        (
            [
                *("--login=proxy-header", "--trusted-proxies=127.0.0.1"),
                *("--login-assertion-header=X-A", "--login-assertion-audience=a"),
                "--login-assertion-keys-url=http://x.example/keys",
            ],
            "https URL",
        ),
        (["--login=accounts", "--login-seconds=1"], "login_seconds"),
        (["--login=accounts", "--admins=ann,bob@x.example"], "'ann' is no address"),
        (
            [
                *("--login=proxy-header", "--trusted-proxies=127.0.0.1"),
                "--login-header=X_User",
            ],
            "letters, digits and dashes",
        ),
    ],
)
def test_start_with_a_login_that_cannot_be_is_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    found = refusal(
        str(APP), "--port=0", f"--storage_path={tmp_path}", "--console=no", *arguments
    )
    assert sentence in found


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("ann", PASSWORD, "must be an address"),
        ("a,b@example.com", PASSWORD, "must be an address"),
        (ANN, "short", "at least 8 characters"),
        (ANN, "", "there is no password"),
    ],
)
def test_bad_account_is_one_sentence(
    tmp_path: Path, email: str, password: str, sentence: str
) -> None:
    done = run("add", email, data=tmp_path / "data", text=password)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert sentence in done.stderr
