"""Static files: what is served, how, and what never is."""

from __future__ import annotations

import contextlib
import gzip
import os
import resource
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.static import is_servable
from channelshim.appyaml.app import parse_app
from channelshim.runtime.variables import Application
from tests.service_needs import make_login

YAML = r"""
runtime: python27
default_expiration: 1h
handlers:
- url: /own
  static_dir: files
  expiration: 2d
  mime_type: text/x-own
  http_headers:
    X-Own: "1"
    Cache-Control: private
- url: /private
  static_dir: files
  login: required
- url: /pictures/(.*)\.(gif|png)
  static_files: pictures/\1.\2
  upload: pictures/.*\.gif
- url: /maybe/(.*)
  static_files: files/\1
  upload: files/.*
  require_matching_file: true
- url: /maybe/(.*)
  static_files: other/\1
  upload: other/.*
- url: /never
  static_dir: files
  expiration: 0s
- url: /here
  static_dir: .
- url: /
  static_dir: files
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestApp:
    root = tmp_path_factory.mktemp("outer") / "app"
    for name, content in {
        "files/a.txt": b"0123456789",
        "files/empty.txt": b"",
        "files/one.txt": b"1",
        "files/tomorrow.txt": b"early",
        "files/big.bin": bytes(range(256)) * 64,
        "files/.hidden": b"secret",
        "files/.git/config": b"secret",
        "files/.well-known/x": b"known",
        "files/a.pyc": b"secret",
        "files/a.txt~": b"secret",
        "files/é.txt": b"accent",
        "pictures/a.gif": b"GIF",
        "pictures/a.png": b"PNG",
        "other/b.txt": b"other",
        "files/a.tar.gz": b"packed",
        "files/a.svgz": gzip.compress(b"drawing"),
        "files/store/channelshim.sqlite3": b"secret",
        "app.yaml": b"yaml",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root.parent / "outside.txt").write_text("secret")
    (root.parent / "linked").mkdir()
    (root.parent / "linked" / "l.txt").write_text("linked")
    (root / "files" / "link").symlink_to(root.parent / "linked")
    tomorrow = time.time() + 86_400
    os.utime(root / "files" / "tomorrow.txt", (tomorrow, tomorrow))
    os.mkfifo(root / "files" / "fifo")
    (root / "files" / "shelf").symlink_to(root / "files" / "store")
    config = parse_app(YAML, read=lambda path: None)
    exposure = Exposure(private=(f"{root.resolve()}/files/store/",))
    server = AppServer(root, config, Application("t"), make_login(), exposure=exposure)
    return TestApp(server, extra_environ={"REMOTE_ADDR": "127.0.0.1"})


def test_file_is_served_with_the_headers_that_are_said(client: TestApp) -> None:
    plain = client.get("/a.txt")
    assert plain.body == b"0123456789"
    assert plain.headers["Content-Type"] == "text/plain"
    assert plain.headers["Cache-Control"] == "public, max-age=3600"
    assert plain.headers["Last-Modified"].endswith("GMT")
    assert "Content-Range" not in plain.headers
    own = client.get("/own/a.txt")
    assert own.headers["Content-Type"] == "text/x-own"
    assert own.headers["X-Own"] == "1"
    assert own.headers["Cache-Control"] == "private"
    assert client.get("/never/a.txt").headers["Cache-Control"] == "no-cache"


def test_groups_upload_and_fall_through(client: TestApp) -> None:
    assert client.get("/pictures/a.gif").body == b"GIF"
    client.get("/pictures/a.png", status=404).mustcontain("/pictures/a.png")
    assert client.get("/maybe/a.txt").body == b"0123456789"
    assert client.get("/maybe/b.txt").body == b"other"
    client.get("/maybe/c.txt", status=404)


def test_what_has_not_changed_is_304(client: TestApp) -> None:
    first = client.get("/a.txt")
    for name, header in (
        ("If-None-Match", "ETag"),
        ("If-Modified-Since", "Last-Modified"),
    ):
        again = client.get("/a.txt", headers={name: first.headers[header]}, status=304)
        assert again.body == b""
    client.get("/a.txt", headers={"If-None-Match": '"other"'}, status=200)


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("nonsense", 200),
        ("Thu, 99 Foo 99999999 99:99:99 GMT", 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("Thu, 01 Jan 99999999 00:00:00 GMT", 200),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 304),
        ("Fri, 01 Jan 2100 00:00:00 GMT; length=10", 304),
        ("", 200),
    ],
)
def test_date_that_is_none_counts_for_nothing(
    client: TestApp, since: str, status: int
) -> None:
    client.get("/a.txt", headers={"If-Modified-Since": since}, status=status)


def test_file_of_tomorrow_is_served_again(client: TestApp) -> None:
    modified = client.get("/tomorrow.txt").headers["Last-Modified"]
    client.get("/tomorrow.txt", headers={"If-Modified-Since": modified}, status=200)


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=3-1", 200, b"0123456789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=0-1", 200, b"0123456789"),
        ("bytes=x", 200, b"0123456789"),
        ("bytes=" + "9" * 40 + "-", 200, b"0123456789"),
    ],
)
def test_range(client: TestApp, asked: str, status: int, body: bytes) -> None:
    answer = client.get("/a.txt", headers={"Range": asked}, status=status)
    assert answer.body == body
    assert ("Content-Range" in answer.headers) == (status in (206, 416))


def test_range_of_a_large_and_of_a_tiny_file(client: TestApp) -> None:
    part = client.get("/big.bin", headers={"Range": "bytes=5000-5003"}, status=206)
    assert part.body == bytes([136, 137, 138, 139])
    assert client.get("/big.bin").body == bytes(range(256)) * 64
    assert client.get("/one.txt", headers={"Range": "bytes=0-0"}, status=206).body
    assert client.get("/empty.txt").body == b""
    client.get("/empty.txt", headers={"Range": "bytes=0-"}, status=416)


def test_what_is_packed_stays_so(client: TestApp) -> None:
    packed = client.get("/a.tar.gz")
    assert packed.headers["Content-Type"] == "application/x-gzip"
    assert "Content-Encoding" not in packed.headers
    # Its Content-Encoding has the client unpack it.
    drawing = client.get("/a.svgz")
    assert drawing.headers["Content-Type"] == "image/svg+xml"
    assert drawing.body == b"drawing"


def test_head_has_the_headers_alone(client: TestApp) -> None:
    for path, length in (("/a.txt", "10"), ("/big.bin", "16384"), ("/empty.txt", "0")):
        answer = client.head(path)
        assert answer.headers["Content-Length"] == length
        assert answer.body == b""


def test_only_get_and_head(client: TestApp) -> None:
    for path in ("/a.txt", "/empty.txt"):
        client.post(path, status=405)
        client.delete(path, status=405)


def test_links_are_followed_and_accents_read(client: TestApp) -> None:
    assert client.get("/link/l.txt").body == b"linked"
    assert client.get("/%C3%A9.txt").body == b"accent"
    assert client.get("/.well-known/x").body == b"known"


@pytest.mark.parametrize(
    "path",
    [
        "/../app.yaml",
        "/%2e%2e/app.yaml",
        "/..%2fapp.yaml",
        "/..%2f..%2foutside.txt",
        "/own/../../outside.txt",
        "/own/..%5c..%5coutside.txt",
        "/own//etc/passwd",
        "/own/%2fetc/passwd",
        "/maybe//etc/passwd",
        "/maybe/../app.yaml",
        "/here/../outside.txt",
        "/.hidden",
        "/.git/config",
        "/.git%2fconfig",
        "/link/../.hidden",
        "/./.hidden",
        "/a.pyc",
        "/a.txt~",
        "/a.txt/",
        "/a.txt%00.gif",
        "/link",
        "/link/",
        "/",
        "/fifo",
        "/nothing.txt",
        "/store/channelshim.sqlite3",
        "/shelf/channelshim.sqlite3",
        "/here/files/store/channelshim.sqlite3",
        "/maybe/shelf/channelshim.sqlite3",
        "/own",
        "/\\..\\app.yaml",
    ],
)
def test_what_is_never_served(client: TestApp, path: str) -> None:
    assert client.get(path, status=[400, 404]).body.find(b"secret") == -1


def test_login_is_needed_where_it_is_said(client: TestApp) -> None:
    client.get("/private/a.txt", status=302)
    client.get("/_ah/login?action=Login&email=a@b&continue=/a.txt")
    answer = client.get("/private/a.txt")
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    client.reset()


CONFIG = parse_app(YAML, read=lambda path: None)


@given(
    st.lists(
        st.sampled_from(
            ["/", "..", ".", "\\", "%2e", "\0", "a", ".git", " ", "~", "é", ":", "//"]
        )
    ).map("".join)
)
def test_servable_path_stays_below_its_folder(path: str) -> None:
    if is_servable(path, CONFIG):
        normal = os.path.normpath(path)
        assert not normal.startswith(("/", ".."))
        assert not any(part.startswith(".") for part in normal.split("/"))


def test_path_that_no_file_can_have_is_not_compared_with_patterns() -> None:
    assert is_servable("static/" + "a/" * 2000, CONFIG)
    # `skip_files` would take seconds, and the interpreter with them.
    assert not is_servable("static/" + ";/" * 30_000, CONFIG)


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_file_without_a_descriptor_is_503_and_one_line(
    client: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/a.txt")
    caplog.clear()
    with no_descriptor_left():
        answer = client.get("/a.txt", status=503)
    assert answer.headers["Retry-After"] == "1"
    (record,) = caplog.records
    assert record.getMessage().startswith("GET /a.txt is answered 503: ")
    assert record.exc_info is None
    assert client.get("/a.txt").body == b"0123456789"
