"""Real logins at real servers: one process or several, and what the start refuses."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme

from channelshim.contracts.identity import user_id_of
from tests.appserver.openid import CLIENT_ID, SECRET, OpenIdProvider
from tests.doors.test_refusals import refusal
from tests.lanes import ROOT, timeout_factor
from tests.programs import running
from tests.servers import Servers

APPS = Path(__file__).parent / "apps"
APP = APPS / "members"
EMBEDDED = APPS / "ruled"
"""The same for programs of somebody else."""

PASSWORD = "correct horse battery"
ANN = "ann@example.com"

GUNICORN = (
    *("-m", "gunicorn", "--worker-class=gthread", "--threads=4"),
    *("--workers=1", "--bind=127.0.0.1:0"),
)


class Site(Protocol):
    """What listens on a port of this machine."""

    @property
    def port(self) -> int: ...


def command(
    *words: str, data: Path, text: str = "", app: Path = APP, flags: Any = ()
) -> str:
    """Run `channelshim accounts`; return what it prints."""
    done = run(*words, data=data, text=text, app=app, flags=flags)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(
    *words: str, data: Path, text: str = "", app: Path = APP, flags: Any = ()
) -> subprocess.CompletedProcess[str]:
    action, *names = words
    return subprocess.run(
        [
            *(sys.executable, "-m", "channelshim", "accounts", action, *names),
            *(str(app), f"--storage_path={data}", *flags),
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * timeout_factor(),
    )


def ask(
    server: Site,
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


def seen(server: Site, **headers: str) -> dict[str, Any]:
    answer = ask(server, "/", None, **headers)
    found: dict[str, Any] = json.loads(answer.read())
    return found


def assert_pages_are_guarded(server: Site, cookie: str, *, is_admin: bool) -> None:
    """See that `login:` of app.yaml and the app's URLs are as with any login.

    Args:
        server: of APP.
        cookie: of ANN's session.
        is_admin: whether she is an administrator.
    """
    own = f"http://127.0.0.1:{server.port}"
    for path in ("/required", "/admin"):
        answer = ask(server, path)
        assert answer.status == 302
        wanted = f"{own}/_ah/login?continue={urllib.parse.quote(own + path)}"
        assert answer.headers["Location"] == wanted
    assert ask(server, "/required", None, Cookie=cookie).status == 200
    status = ask(server, "/admin", None, Cookie=cookie).status
    assert status == (200 if is_admin else 401)
    found = seen(server, Cookie=cookie)
    assert (found["user"], found["admin"]) == (ANN, is_admin)
    assert found["id"] == user_id_of(ANN)
    destination = urllib.parse.quote(f"{own}/next")
    assert found["login"] == f"/_ah/login?continue={destination}"
    assert found["logout"] == f"/_ah/logout?continue={destination}"


def log_in(server: Site, password: str = PASSWORD) -> tuple[int, str]:
    """Return the status, and the cookie for a Cookie header."""
    fields = {"email": ANN, "password": password, "continue": "/"}
    answer = ask(server, "/_ah/login", fields)
    return answer.status, login_cookie(answer)


def login_cookie(answer: http.client.HTTPResponse) -> str:
    """Return the login cookie that an answer sets, for a Cookie header; or ""."""
    headers = answer.headers.get_all("Set-Cookie") or []
    cookies = [header.partition(";")[0] for header in headers]
    return "".join(each for each in cookies if each.startswith("dev_appserver_login="))


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
    assert_pages_are_guarded(started, cookie, is_admin=True)
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
def test_sessions_end_when_secrets_are_rotated_at_once(
    server: Servers, tmp_path: Path
) -> None:
    command("add", ANN, data=tmp_path, text=PASSWORD)
    flags = ("--login=accounts", "--automatic_restart=no", "--console=no")
    first = server(APP, *flags, storage_path=tmp_path)
    _, cookie = log_in(first)
    assert seen(first, Cookie=cookie)["user"] == ANN
    assert first.stop() == 0
    # Not by a restart.
    second = server(APP, *flags, storage_path=tmp_path)
    assert seen(second, Cookie=cookie)["user"] == ANN
    assert second.stop() == 0
    subprocess.run(
        [
            *(sys.executable, "-m", "channelshim", "rotate-secrets", str(APP)),
            *("--at-once", f"--storage_path={tmp_path}"),
        ],
        check=True,
    )
    third = server(APP, *flags, storage_path=tmp_path)
    assert seen(third, Cookie=cookie)["user"] is None
    assert log_in(third)[0] == 303


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
    assert found["id"] == user_id_of("boss@example.com")
    assert seen(started)["user"] is None
    for email, status in (("boss@example.com", 200), (ANN, 401)):
        answer = ask(started, "/admin", None, Remote_User=email)
        assert answer.status == status
    assert ask(started, "/required").status == 302
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


@dataclass
class Embedded:
    """Our app under somebody else's server.

    Attributes:
        port: where it listens.
    """

    port: int


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the app: its programs keep their data in it."""
    copied = tmp_path / "app"
    shutil.copytree(EMBEDDED, copied)
    return copied


def embedded(url: str) -> Embedded:
    return Embedded(int(url.rpartition(":")[2]))


@pytest.mark.parametrize("program", ["wrapped:app", "whole:app"])
def test_accounts_under_gunicorn(folder: Path, program: str) -> None:
    command("add", ANN, data=folder / "data", text=PASSWORD, app=folder)
    variables = {
        "CHANNELSHIM_STORAGE_PATH": "data",
        "CHANNELSHIM_LOGIN": "accounts",
        "CHANNELSHIM_ADMINS": ANN,
    }
    with running([sys.executable, *GUNICORN, program], folder, variables) as found:
        site = embedded(found.wait_for_url())
        assert log_in(site, "a wrong one") == (422, "")
        # The development login's way in is none.
        door = "/_ah/login?action=Login&email=eve@example.com&admin=True&continue=/"
        answer = ask(site, door)
        assert (answer.status, answer.headers["Set-Cookie"]) == (200, None)
        status, cookie = log_in(site)
        assert status == 303
        found_user = seen(site, Cookie=cookie)
        assert (found_user["user"], found_user["admin"]) == (ANN, True)
        assert ask(site, "/_ah/logout", None, Cookie=cookie).status == 303
        assert seen(site, Cookie=cookie)["user"] is None


def test_header_of_a_proxy_under_gunicorn(folder: Path) -> None:
    variables = {
        "CHANNELSHIM_STORAGE_PATH": "data",
        "CHANNELSHIM_LOGIN": "proxy-header",
        "CHANNELSHIM_LOGIN_HEADER": "Remote-User",
        "CHANNELSHIM_TRUSTED_PROXIES": "127.0.0.1",
    }
    with running([sys.executable, *GUNICORN, "whole:app"], folder, variables) as found:
        site = embedded(found.wait_for_url())
        assert seen(site, Remote_User=ANN)["user"] == ANN
        # gunicorn drops what could not be told from the proxy's own.
        connection = http.client.HTTPConnection("127.0.0.1", site.port)
        connection.request("GET", "/", headers={"Remote_User": ANN})
        assert json.loads(connection.getresponse().read())["user"] is None


def test_provider_under_gunicorn(folder: Path) -> None:
    with OpenIdProvider() as openid:
        variables = {
            "CHANNELSHIM_STORAGE_PATH": "data",
            "CHANNELSHIM_LOGIN": "oidc",
            "CHANNELSHIM_OIDC_ISSUER": openid.url,
            "CHANNELSHIM_OIDC_CLIENT_ID": CLIENT_ID,
            "CHANNELSHIM_OIDC_CLIENT_SECRET": SECRET,
        }
        program = [sys.executable, *GUNICORN, "wrapped:app"]
        with running(program, folder, variables) as found:
            site = embedded(found.wait_for_url())
            status, _, cookie = log_in_at(openid, site)
            assert status == 303
            assert seen(site, Cookie=cookie)["user"] == ANN


def log_in_at(openid: OpenIdProvider, site: Site) -> tuple[int, str, str]:
    """Log in by a provider, as a browser does.

    Returns:
        status and text of the last answer, and the login cookie or "".
    """
    begun = ask(site, "/_ah/login?continue=/")
    if begun.status != 303:
        return begun.status, begun.read().decode(), ""
    back = urllib.parse.urlsplit(openid.authorize(begun.headers["Location"]))
    attempt = begun.headers["Set-Cookie"].partition(";")[0]
    answer = ask(site, f"{back.path}?{back.query}", None, Cookie=attempt)
    return answer.status, answer.read().decode(), login_cookie(answer)


def test_trouble_with_the_provider_is_told_in_the_log_and_not_on_the_page(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with OpenIdProvider(tls) as openid:
        (tmp_path / "id").write_text(CLIENT_ID)
        (tmp_path / "secret").write_text(SECRET + "\n")
        started = server(
            APP,
            *("--login=oidc", f"--oidc_issuer={openid.url}"),
            *(f"--oidc_client_id_file={tmp_path / 'id'}", "--automatic_restart=no"),
            *(f"--oidc_client_secret_file={tmp_path / 'secret'}", "--console=no"),
            env={"REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")},
        )

        def trouble(status: int, sentence: str) -> None:
            found, text, cookie = log_in_at(openid, started)
            assert (found, cookie) == (status, "")
            wait_until(lambda: sentence in started.output)
            # Neither who is asked, nor what is wrong.
            for secret in (openid.url, SECRET, CLIENT_ID, sentence, ANN):
                assert secret not in text
            assert "Traceback" not in started.output
            assert SECRET not in started.output

        status, _, cookie = log_in_at(openid, started)
        assert status == 303
        assert_pages_are_guarded(started, cookie, is_admin=False)
        now = int(time.time())
        # The clock of this machine goes five minutes after, or before.
        openid.claims = {"iat": now + 300, "exp": now + 600}
        trouble(403, "is good in")
        openid.claims = {"iat": now - 600, "exp": now - 300}
        trouble(403, "is this machine's clock right?")
        openid.claims = {"email": ANN, "email_verified": False}
        trouble(403, "set --oidc_trust_email")
        openid.claims = {}
        openid.secret = "another"
        trouble(503, "look at oidc_client_id and the client secret")
        openid.secret = SECRET
        past = datetime.now(timezone.utc) - timedelta(days=1)
        expired = authority.issue_cert(
            "127.0.0.1", not_before=past - timedelta(days=1), not_after=past
        )
        expired.configure_cert(tls)
        trouble(503, "certificate has expired")
        openid.stop()
        trouble(503, "onnection refused")


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
        (
            [
                *("--login=proxy-header", "--trusted-proxies=127.0.0.1"),
                "--login-header=X-AppEngine-User-Email",
            ],
            "have your proxy send another",
        ),
        (
            ["--login=proxy-header", "--trusted-proxies=10.0.0.1,0.0.0.0/0"],
            "names every address",
        ),
        (["--login=oidc", "--oidc-client-id-file=/no/such"], "cannot be read"),
        (
            [
                *("--login=oidc", "--oidc-issuer=https://x.example"),
                *("--oidc-client-id=a", "--oidc-client-secret-file=/no/such"),
            ],
            "cannot be read",
        ),
        (
            [
                *("--login=oidc", "--oidc-issuer=https://x.example"),
                *("--oidc-client-id=a", f"--oidc-client-secret-file={APP}/members.py"),
            ],
            "must hold one line",
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


@pytest.mark.parametrize(
    ("shell", "sentence"),
    [
        ("<&-", "there is no password"),
        ("</dev/null", "there is no password"),
        ("< latin1.txt", "is not UTF-8"),
        ("</dev/zero", "at most 1,024 characters"),
    ],
)
def test_bad_standard_input_is_one_sentence(
    tmp_path: Path, shell: str, sentence: str
) -> None:
    (tmp_path / "latin1.txt").write_bytes("geh\u00e4im, sehr".encode("latin-1"))
    words = [sys.executable, "-m", "channelshim", "accounts", "add", ANN, str(APP)]
    done = subprocess.run(
        ["sh", "-c", f'"$@" --storage_path=data {shell}', "sh", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * timeout_factor(),
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
