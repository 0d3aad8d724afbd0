"""Our own server speaks https: pages, files, channels over wss, slow readers."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.authority import Authority
from tests.doors.test_refusals import refusal
from tests.lanes import timeout_factor
from tests.lines import connect
from tests.server.plain_site import until_end
from tests.servers import Server, Servers

SECONDS = 30.0

LONG = 3 << 20

APP_YAML = """\
runtime: python27
threadsafe: true
handlers:
- url: /files
  static_dir: files
- url: /always
  script: code.app
  secure: always
- url: /never
  script: code.app
  secure: never
- url: /.*
  script: code.app
"""

CODE = """\
import json
import os
from urlparse import parse_qs

from google.appengine.api import channel, users

NAMES = ("wsgi.url_scheme", "HTTPS", "SERVER_PORT", "HTTP_HOST")


def app(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    path = environ["PATH_INFO"]
    if path == "/token":
        body = channel.create_channel(query["id"][0])
    elif path == "/send":
        for client_id in query["id"]:
            channel.send_message(client_id, query["text"][0] * int(query["times"][0]))
        body = "sent"
    elif path == "/long":
        body = "0123456789abcdef" * (int(query["bytes"][0]) // 16)
    else:
        body = json.dumps({
            "environ": {name: environ.get(name) for name in NAMES},
            "os": {name: os.environ.get(name) for name in NAMES[1:]},
            "login": users.create_login_url("/private"),
        })
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
"""


class HttpsSite:
    """A client of the server."""

    def __init__(self, server: Server, authority: Authority) -> None:
        self.server = server
        self.port = server.port
        self._context = authority.client()

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the answer to one request, and its body."""
        connection = http.client.HTTPSConnection(
            "localhost",
            self.port,
            timeout=SECONDS * timeout_factor(),
            context=self._context,
        )
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def raw(self, receive_buffer: int = 0) -> ssl.SSLSocket:
        """Return an encrypted connection."""
        peer = socket.socket()
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.settimeout(SECONDS * timeout_factor())
        peer.connect(("127.0.0.1", self.port))
        return self._context.wrap_socket(peer, server_hostname="localhost")

    @contextlib.contextmanager
    def page(self, client_id: str) -> Iterator[ClientConnection]:
        """Open a channel, and read its number."""
        _, token = self.ask(f"/token?id={quote(client_id)}")
        page = self._open(token.decode())
        with page:
            assert "id" in json.loads(page.recv(SECONDS * timeout_factor()))
            yield page

    def _open(self, token: str, tries: int = 3) -> ClientConnection:
        # The client reads in one thread and writes in another, of one SSL object that
        # has no lock before Python 3.13: now and then its request is never sent.
        try:
            return connect(
                f"wss://localhost:{self.port}/_ah/channel/socket?token={token}",
                ssl=self._context,
                open_timeout=SECONDS * timeout_factor(),
                max_size=None,
            )
        except InvalidStatus as refusal:
            if refusal.response.status_code != 408 or tries == 1:
                raise
            return self._open(token, tries - 1)

    def send(self, text: str, *client_ids: str, times: int = 1) -> None:
        """Have the app send text, so many times in one message."""
        ids = "".join(f"&id={quote(each)}" for each in client_ids)
        _, body = self.ask(f"/send?text={quote(text)}&times={times}{ids}")
        assert body == b"sent"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.yaml").write_text(APP_YAML)
    (folder / "code.py").write_text(CODE)
    files = folder / "files"
    files.mkdir()
    (files / "short.txt").write_bytes(b"short")
    (files / "long.bin").write_bytes(bytes(range(256)) * (LONG // 256))
    return folder


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, app: Path, authority: Authority
) -> Iterator[HttpsSite]:
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    server = servers(app, *authority.flags, "--enforce_secure")
    yield HttpsSite(server, authority)
    output = server.output
    servers.stop()
    assert "Traceback" not in output


def test_the_start_names_an_https_address(site: HttpsSite) -> None:
    assert site.server.url == f"https://localhost:{site.port}/"


def test_the_app_knows_that_it_is_https(site: HttpsSite) -> None:
    facts = json.loads(site.ask("/")[1])
    host = f"localhost:{site.port}"
    wanted = {"HTTPS": "on", "SERVER_PORT": str(site.port), "HTTP_HOST": host}
    assert facts["environ"] == {**wanted, "wsgi.url_scheme": "https"}
    assert facts["os"] == wanted
    private = quote(f"https://{host}/private")
    assert facts["login"] == f"/_ah/login?continue={private}"


def test_the_login_cookie_is_for_https_alone(site: HttpsSite) -> None:
    answer, _ = site.ask("/_ah/login?email=ann@example.com&action=Login&continue=/")
    assert answer.status == 302
    assert "; Secure" in (answer.headers["Set-Cookie"] or "")


def test_secure_always_is_content_and_never_leads_nowhere(site: HttpsSite) -> None:
    assert site.ask("/always")[0].status == 200
    # Nothing listens for http that it could redirect to.
    assert site.ask("/never")[0].status == 200


def test_files_come_whole_the_first_time_and_again(site: HttpsSite) -> None:
    long = bytes(range(256)) * (LONG // 256)
    for _ in range(3):
        assert site.ask("/files/short.txt")[1] == b"short"
        assert site.ask("/files/long.bin")[1] == long
    answer, part = site.ask("/files/long.bin", headers={"Range": "bytes=70000-999999"})
    assert (answer.status, part) == (206, long[70000:1000000])


def test_a_slow_reader_gets_all_of_a_long_answer(site: HttpsSite) -> None:
    peer = site.raw(receive_buffer=4096)
    for path in (f"/long?bytes={LONG}", "/files/long.bin"):
        head = f"GET {path} HTTP/1.1\r\nHost: localhost:{site.port}\r\n"
        peer.sendall(head.encode() + b"Connection: keep-alive\r\n\r\n")
        # Others are answered while this one waits.
        assert site.ask("/always")[0].status == 200
        reader = http.client.HTTPResponse(peer)
        reader.begin()
        assert len(reader.read()) == LONG
    peer.close()


def test_a_text_reaches_many_pages_over_wss(site: HttpsSite) -> None:
    names = [f"many {number}" for number in range(6)]
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(site.page(name)) for name in names]
        for text in ("first", "second", "über"):
            site.send(text, *names)
        for page in pages:
            seen = [page.recv(SECONDS * timeout_factor()) for _ in range(3)]
            assert seen == ["first", "second", "über"]


def test_long_texts_wait_for_a_page_that_does_not_read(site: HttpsSite) -> None:
    texts = [f"{number:04}" for number in range(60)]
    with site.page("slow") as page:
        for text in texts:
            site.send(text, "slow", times=8000)
        for text in texts:
            assert page.recv(SECONDS * timeout_factor()) == text * 8000


def test_what_a_page_says_is_read(site: HttpsSite) -> None:
    with site.page("speaker") as page:
        page.send("x" * 500)
        assert page.ping().wait(SECONDS * timeout_factor())


def test_a_refusal_reaches_a_peer_that_goes_on_sending(site: HttpsSite) -> None:
    peer = site.raw()
    try:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(40):
            peer.sendall(b"X: " + b"y" * 8000 + b"\r\n")
    except OSError:
        pass
    answer = http.client.HTTPResponse(peer)
    answer.begin()
    assert answer.status == 431
    peer.close()


def test_plain_http_is_not_answered_and_does_no_harm(site: HttpsSite) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 60) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/1.1 200" not in until_end(peer)
    assert site.ask("/always")[0].status == 200


def test_a_wrong_file_is_one_sentence_at_the_start(
    app: Path, authority: Authority, tmp_path: Path
) -> None:
    certificate, _ = authority.flags
    missing = f"--ssl_certificate_key_path={tmp_path}/none.pem"
    sentence = refusal(str(app), "--port=0", certificate, missing)
    assert f"ssl_certificate_key_path {tmp_path}/none.pem cannot be read" in sentence


def test_a_page_is_told_to_come_back_at_the_end(
    server: Servers, app: Path, authority: Authority
) -> None:
    site = HttpsSite(server(app, *authority.flags), authority)
    with site.page("left") as page:
        site.server.stop()
        with pytest.raises(Exception, match="1012"):
            page.recv(SECONDS * timeout_factor())
    assert site.server.process.returncode == 0
