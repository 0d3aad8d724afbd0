"""A server behind a trusted proxy that speaks https obeys `secure:`."""

from __future__ import annotations

import http.client
from pathlib import Path

from tests.lanes import timeout_factor
from tests.servers import Servers

APP_YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /private
  script: page.app
  secure: always
  redirect_http_response_code: 301
- url: /plain
  script: page.app
  secure: never
- url: /.*
  script: page.app
"""

PAGE = """\
def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [environ['wsgi.url_scheme'].encode('ascii')]
"""


def ask(port: int, path: str, scheme: str) -> tuple[int, str]:
    """Return the status, and where it leads or what it says."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=30 * timeout_factor()
    )
    connection.request("GET", path, headers={"X-Forwarded-Proto": scheme})
    answer = connection.getresponse()
    text = answer.read().decode("ascii")
    connection.close()
    return answer.status, answer.headers["Location"] or text


def test_secure_is_obeyed_when_asked_for(server: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "page.py").write_text(PAGE)
    port = server(folder, "--trusted_proxies=127.0.0.1", "--enforce_secure").port
    host = f"127.0.0.1:{port}"
    assert ask(port, "/private?a=b", "http") == (301, f"https://{host}/private?a=b")
    assert ask(port, "/private", "https") == (200, "https")
    assert ask(port, "/plain", "https") == (302, f"http://{host}/plain")
    assert ask(port, "/other", "http") == (200, "http")


def test_secure_is_a_word_alone_otherwise(server: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "page.py").write_text(PAGE)
    port = server(folder).port
    assert ask(port, "/private", "http") == (200, "http")
    # And nobody believes who is no proxy.
    assert ask(port, "/plain", "https") == (200, "http")
