"""CGI scripts: stdout is the response, headers included."""

from __future__ import annotations

import pathlib

import pytest
from webtest import TestApp

from channelshim.appserver.cgi_scripts import parse_output
from channelshim.appyaml.app import parse_app
from tests.service_needs import load_server

COUNTER = """
import os, sys
print('Content-Type: text/plain')
print('Set-Cookie: a=b')
print('')
count = 0

def main():
    global count
    count += 1
    print('Content-Type: text/plain')
    print('')
    print('%s %s %s' % (count, os.environ['PATH_INFO'], sys.stdin.read()))

if __name__ == '__main__':
    print('first')
"""

HANDLER = """
import wsgiref.handlers

def app(environ, start_response):
    body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH'] or 0))
    start_response('201 Made', [('Content-Type', 'application/x-test')])
    return [environ['PATH_INFO'].encode('latin-1'), b' ', body]

def main():
    wsgiref.handlers.CGIHandler().run(app)

if __name__ == '__main__':
    main()
"""


@pytest.fixture
def client(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> TestApp:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counter.py").write_text(COUNTER)
    (tmp_path / "handler.py").write_text(HANDLER)
    (tmp_path / "exits.py").write_text(
        "import sys\nprint('Status: 404\\n')\nsys.exit()"
    )
    (tmp_path / "fails.py").write_text("raise ValueError('on purpose')")
    config = parse_app(
        "runtime: python\nhandlers:\n"
        "- url: /count.*\n  script: counter.py\n"
        "- url: /handle.*\n  script: handler.py\n"
        "- url: /by/(.*)\n  script: \\1.py\n",
        read=lambda path: None,
    )
    server = load_server(tmp_path, config)
    return TestApp(server, extra_environ={"REMOTE_ADDR": "192.0.2.1"})


def test_file_runs_once_and_main_from_then_on(client: TestApp) -> None:
    first = client.get("/count")
    assert first.text == "first\n"
    assert first.headers["Set-Cookie"] == "a=b"
    assert client.post("/count/x", "body").text == "1 /count/x body\n"
    assert client.get("/count/%C3%BC").text == "2 /count/ü \n"


def test_wsgi_application_in_a_cgi_script(client: TestApp) -> None:
    for _ in range(2):
        answer = client.post("/handle/%C3%BC", b"\xff\x00")
        assert answer.status == "201 Made"
        assert answer.content_type == "application/x-test"
        assert answer.body == "/handle/ü ".encode() + b"\xff\x00"


def test_script_that_exits_or_raises(client: TestApp) -> None:
    client.get("/by/exits", status=404)
    client.get("/by/fails", status=500)


@pytest.mark.parametrize("name", ["nothing", "../counter", "/etc/x", "%2e%2e/x", "os"])
def test_name_from_the_url_stays_in_the_folder(client: TestApp, name: str) -> None:
    client.get(f"/by/{name}", status=404)


@pytest.mark.parametrize(
    ("output", "status", "body"),
    [
        (b"Content-Type: a/b\n\nbody", "200 OK", b"body"),
        (b"Content-Type: a/b\r\n\r\nbody", "200 OK", b"body"),
        (b"Status: 404 Gone away\nX: y\n\n", "404 Gone away", b""),
        (b"Status: 404\n\n", "404 Not Found", b""),
        (b"Status: 299\n\n", "299 Unknown", b""),
        (b"Status: bad\n\nx", "200 OK", b"x"),
        (b"Location: /x\n\n", "302 Found", b""),
        (b"<p>no headers", "200 OK", b"<p>no headers"),
        (b"\nX: y", "200 OK", b"X: y"),
        (b"", "200 OK", b""),
    ],
)
def test_output_is_read_as_cgi_says(output: bytes, status: str, body: bytes) -> None:
    assert parse_output(output)[::2] == (status, body)
