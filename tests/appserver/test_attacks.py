"""What got into the original, or into Google's Python 3 SDK, over real sockets.

Source: requests made against both.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Servers
from tests.lanes import timeout_factor
from tests.servers import Server

SOURCE = """
import json, os
from google.appengine.api import namespace_manager, users

calls = [0]

def app(environ, start_response):
    calls[0] += 1
    length = int(environ.get('CONTENT_LENGTH') or 0)
    body = environ['wsgi.input'].read(length)
    user = users.get_current_user()
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({
        'calls': calls[0],
        'path': environ['PATH_INFO'],
        'body': body.decode('latin-1'),
        'user': user and user.email(),
        'admin': users.is_current_user_admin(),
        'namespace': namespace_manager.get_namespace(),
        'address': environ['REMOTE_ADDR'],
        'address_in_os': os.environ['REMOTE_ADDR'],
        'scheme': environ['wsgi.url_scheme'],
        'headers': sorted(k for k in environ if k.startswith('HTTP_')),
        'in_os': sorted(k for k in os.environ
                        if 'X_APPENGINE' in k.upper() or k == 'HTTP_PROXY'),
    }).encode('ascii')]
"""

YAML = """
runtime: python27
builtins:
- deferred: on
handlers:
- url: /static
  static_dir: static
- url: /admin
  script: attacked_app.app
  login: admin
- url: /.*
  script: attacked_app.app
"""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    app_dir = tmp_path_factory.mktemp("attacked")
    (app_dir / "app.yaml").write_text(YAML)
    (app_dir / "attacked_app.py").write_text(SOURCE)
    (app_dir / "static").mkdir()
    (app_dir / "static" / "a.txt").write_text("static file")
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    yield servers(app_dir, "--automatic_restart=no")
    servers.stop()


def talk(server: Server, data: bytes, *, ends: bool = True) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(10 * timeout_factor())
        # A server that has seen enough hangs up in the middle of what is sent.
        with contextlib.suppress(OSError):
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        received = bytearray()
        while chunk := _receive(connection):
            received += chunk
        return bytes(received)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def ask(
    server: Server,
    path: str = "/",
    *headers: str,
    method: str = "GET",
    body: bytes = b"",
) -> tuple[int, bytes]:
    """Make one request, written byte by byte; return status and body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{server.port}"]
    lines += ["Connection: close", f"Content-Length: {len(body)}", *headers, "", ""]
    answer = talk(server, "\r\n".join(lines).encode("latin-1") + body, ends=False)
    head, _, content = answer.partition(b"\r\n\r\n")
    match = re.match(rb"HTTP/1\.1 (\d{3})", head)
    return int(match[1]) if match else 0, content


def seen(server: Server, *headers: str, path: str = "/") -> dict[str, Any]:
    """Return what the app sees of a request."""
    status, content = ask(server, path, *headers)
    assert status == 200, content
    found: dict[str, Any] = json.loads(content)
    return found


NAMES = (
    "User-Email",
    "User-Id",
    "User-Is-Admin",
    "User-Nickname",
    "User-IP",
    "Remote-Addr",
    "Fake-Is-Admin",
    "Fake-Logged-In",
    "Current-Namespace",
    "Default-Namespace",
    "TaskName",
    "QueueName",
    "Cron",
    "Https",
)


@pytest.mark.parametrize("prefix", ["X-AppEngine-", "x-appengine-", "X_AppEngine_"])
def test_header_of_the_platform_gets_nothing(attacked: Server, prefix: str) -> None:
    for value in ("1", "evil@example.com", "0.1.0.2", "true"):
        spoofed = [f"{prefix}{name}: {value}" for name in NAMES]
        spoofed += [line.replace("-", "_") for line in spoofed]
        found = seen(attacked, *spoofed)
        assert (found["user"], found["admin"], found["namespace"]) == (None, False, "")
        assert found["address"] == found["address_in_os"] == "127.0.0.1"
        own = ["HTTP_X_APPENGINE_COUNTRY"]
        assert [name for name in found["headers"] if "APPENGINE" in name] == own
        assert found["in_os"] == own
        assert ask(attacked, "/admin", *spoofed)[0] == 302


def test_proxy_headers_are_not_believed(attacked: Server) -> None:
    found = seen(
        attacked,
        "Proxy: http://evil.example:1",
        "X-Forwarded-For: 0.1.0.10",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil.example",
        "Forwarded: for=0.1.0.10;proto=https",
        "X-Real-IP: 0.1.0.10",
    )
    assert found["address"] == "127.0.0.1"
    assert found["scheme"] == "http"
    assert "HTTP_PROXY" not in found["headers"] + found["in_os"]


def test_forged_cookie_is_nobody(attacked: Server) -> None:
    for value in ("x@y:True:1", '"x@y:True:1"', '"x@y:True:1:c2lnbmF0dXJl"'):
        cookie = f"Cookie: dev_appserver_login={value}"
        assert seen(attacked, cookie)["user"] is None
        assert ask(attacked, "/admin", cookie)[0] == 302


class Touch:
    """Unpickles to a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_pickle_from_outside_is_never_opened(attacked: Server, tmp_path: Path) -> None:
    body = pickle.dumps(Touch(tmp_path / "touched"))
    for path in ("/_ah/queue/deferred", "//_ah/queue/deferred", "/_ah/queue/deferred/"):
        status, _ = ask(
            attacked,
            path,
            "X-AppEngine-TaskName: t",
            "X-AppEngine-QueueName: default",
            "X-AppEngine-User-IP: 0.1.0.2",
            method="POST",
            body=body,
        )
        assert status == 403
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD", "OPTIONS"])
def test_addresses_of_the_platform_are_closed(attacked: Server, method: str) -> None:
    before = seen(attacked)["calls"]
    for path in (
        "/_ah/channel/connected/",
        "/_ah/channel/disconnected/",
        "/_ah/channel/disconnected",
        "/_ah/channel/%64isconnected/",
        "/_ah/./channel/disconnected/",
        "/_ah/channel//disconnected/",
        "/_ah/%63hannel/disconnected/?x=1",
        "/x/../_ah/channel/disconnected/",
        "http://localhost/_ah/channel/disconnected/",
        "/_ah/stop",
        "/_ah/start",
        "/_ah/warmup",
        "/_ah/background",
        "/_ah/cloudtask/sweep",
    ):
        status, _ = ask(attacked, path, "X-AppEngine-Cron: true", method=method)
        assert status in (400, 403), path
    assert seen(attacked)["calls"] == before + 1


def test_foreign_host_is_refused_everywhere(attacked: Server) -> None:
    for path in ("/", "/static/a.txt", "/_ah/login", "/_ah/channel/jsapi"):
        request = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n{CLOSE}\r\n"
        answer = talk(attacked, request.encode(), ends=False)
        assert answer.startswith(b"HTTP/1.1 400"), path
    answer = talk(attacked, f"GET / HTTP/1.1\r\n{CLOSE}\r\n".encode(), ends=False)
    assert answer.startswith(b"HTTP/1.1 400")


CLOSE = "Connection: close\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 4\r\nContent-Length: 60\r\n",
        b"Content-Length: 4, 60\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 4 4\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
        b" Content-Length: 4\r\n",
        b"Content-Length: 4\r\n folded\r\n",
        b"Host: evil.example\r\n",
    ],
)
def test_two_readings_of_one_request_are_refused(
    attacked: Server, headers: bytes
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n"
    answer = talk(attacked, head + b"0\r\n\r\n" + SMUGGLED)
    assert b"/smuggled" not in answer
    assert answer == b"" or re.match(rb"HTTP/1\.1 (4\d\d|501)", answer), answer[:200]


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked, chunked"])
def test_body_in_an_unknown_coding_is_501(attacked: Server, coding: str) -> None:
    before = seen(attacked)["calls"]
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {coding}\r\n\r\n"
    answer = talk(attacked, head.encode() + b"0\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 501", b"HTTP/1.1 400"))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert seen(attacked)["calls"] == before + 1


def test_body_cut_short_never_reaches_the_app(attacked: Server) -> None:
    before = seen(attacked)["calls"]
    for data in (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nshort",
        b"POST / HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ):
        answer = talk(attacked, data)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert seen(attacked)["calls"] == before + 1


def test_head_and_body_are_bounded(attacked: Server) -> None:
    long_header = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 300_000
    answer = talk(attacked, long_header + b"\r\n\r\n")
    assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d", answer)
    many = b"".join(b"X-%d: y\r\n" % number for number in range(9000))
    answer = talk(attacked, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n")
    assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d", answer)
    declared = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n"
    declared += CLOSE.encode()
    answer = talk(attacked, declared + b"\r\n", ends=False)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.yaml",
        "/static/%2e%2e/app.yaml",
        "/static/..%2fapp.yaml",
        "/static/..%5capp.yaml",
        "/static/..\\app.yaml",
        "/static/....//app.yaml",
        "/static//etc/passwd",
        "/static/%00/etc/passwd",
        "/static/a.txt%00",
        "/static/%c0%ae%c0%ae/app.yaml",
        "/static/\xc0\xae\xc0\xae/app.yaml",
        "/static/./../app.yaml",
        "http://localhost/static/../app.yaml",
        "*",
        "static/a.txt",
    ],
)
def test_path_never_leaves_the_static_folder(attacked: Server, path: str) -> None:
    status, content = ask(attacked, path)
    assert b"runtime: python27" not in content
    assert b"root:" not in content
    assert status in (400, 404, 405) or json.loads(content)["path"], content


def test_static_file_is_there_for_those_who_ask_rightly(attacked: Server) -> None:
    assert ask(attacked, "/static/a.txt") == (200, b"static file")


def test_continue_cannot_split_the_answer(attacked: Server) -> None:
    for destination in ("%0d%0aX-Evil: 1", "/%0d%0aX-Evil:1", "//evil.example/"):
        path = f"/_ah/login?action=Login&email=a@b&continue={destination}"
        target = path.replace(" ", "%20")
        request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{CLOSE}\r\n"
        answer = talk(attacked, request.encode(), ends=False)
        assert answer.startswith(b"HTTP/1.1 302")
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nx-evil" not in head
        assert b"evil.example" not in head


def test_server_is_as_well_as_before(attacked: Server) -> None:
    assert seen(attacked)["user"] is None
    assert "Traceback" not in attacked.output
