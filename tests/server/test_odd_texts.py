"""Text with halves of pairs, NUL and line breaks comes back, or is refused at once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Servers
from tests.server.plain_site import PlainSite
from tests.servers import Server

APP = Path(__file__).parent / "apps" / "texts"

TEXTS = ["\ud800", "a\udcffb", "a\0b", "\U0001f600\ud83d", "a\r\nX: y", "中", "x" * 600]

REFUSALS = {"ValueError", "Error", "BadValueError"}
"""UnicodeEncodeError is a ValueError; Google's own errors are Errors."""

WaitUntil = Callable[..., Any]


@pytest.fixture(scope="module")
def texts_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start the module's server."""
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    running = servers(APP, "--automatic_restart=no", "--grace_seconds=0.2")
    yield running
    output = running.output
    servers.stop()
    assert "Traceback" not in output


@pytest.fixture
def site(texts_server: Server) -> PlainSite:
    return PlainSite(texts_server.url)


def test_text_is_kept_as_it_is_or_refused(
    site: PlainSite, texts_server: Server, wait_until: WaitUntil
) -> None:
    for name in site.json("/names"):
        for text in TEXTS:
            status, body = site.ask(f"/try?what={name}", json.dumps(text).encode())
            assert status == 200, (name, text)
            raised = json.loads(body)
            assert not raised or set(raised[0]) & REFUSALS, (name, text, raised)
            assert not raised or "AssertionError" not in raised[0], (name, text)
    # Every task that was taken runs, and succeeds.
    last = "/work/" + "x" * 600
    wait_until(lambda: any(path == last for path, _ in site.json("/told")))
    assert "again in" not in texts_server.output


def token_of(site: PlainSite, client_id: str) -> str:
    return site.ask("/token", json.dumps(client_id).encode())[1].decode("ascii")


def told_of(site: PlainSite, client_id: str) -> list[str]:
    raw = client_id.encode("utf-8", "surrogatepass")
    if "\udcff" in client_id:
        raw = client_id.encode("utf-8", "surrogateescape")
    sent = raw.decode("utf-8", "surrogateescape")
    return [path.split("/")[3] for path, who in site.json("/told") if who == sent]


@pytest.mark.parametrize("client_id", TEXTS[:-1])
def test_any_client_id_is_told_of(
    site: PlainSite, wait_until: WaitUntil, client_id: str
) -> None:
    for each in (client_id, f"good beside {ord(client_id[0])}"):
        token = token_of(site, each)
        assert site.ask(f"/_ah/channel/poll?token={token}&wait=0")[0] == 200
        site.ask(f"/_ah/channel/poll?token={token}&leave=1")
    for each in (client_id, f"good beside {ord(client_id[0])}"):
        wait_until(lambda each=each: len(told_of(site, each)) >= 2, 30)
        assert told_of(site, each)[:2] == ["connected", "disconnected"]


def test_any_client_id_is_told_of_after_a_crash(
    server: Servers, wait_until: WaitUntil, tmp_path: Path
) -> None:
    flags = ("--automatic_restart=no", "--grace_seconds=30")
    running = server(APP, *flags, storage_path=tmp_path)
    site = PlainSite(running.url)
    ids = [*TEXTS[:-1], "good"]
    for client_id in ids:
        token = token_of(site, client_id)
        assert site.ask(f"/_ah/channel/poll?token={token}&wait=0")[0] == 200
    for client_id in ids:
        wait_until(lambda each=client_id: told_of(site, each) == ["connected"])
    running.stop(signal.SIGKILL)
    flags = ("--automatic_restart=no", "--grace_seconds=0.1")
    again = PlainSite(server(APP, *flags, storage_path=tmp_path).url)
    for client_id in ids:
        wait_until(lambda each=client_id: told_of(again, each) == ["disconnected"], 30)


@pytest.mark.parametrize("raw", [b"\xed\xa0\x80@x", b"\xff@x", b"a\0@x", b"a\r\n@x"])
def test_any_email_logs_in_or_is_refused(site: PlainSite, raw: bytes) -> None:
    email = quote(raw)
    for address in (f"email={email}", f"email=a@b.c&continue={email}"):
        status, _ = site.ask(f"/_ah/login?action=Login&{address}")
        assert status < 500
    cookie = {"Cookie": f"dev_appserver_login={email}"}
    assert site.ask("/told", headers=cookie)[0] == 200


@pytest.mark.parametrize("raw", [b"\xed\xa0\x80", b"\xff", b"a\0b", b"a\x1b[31m"])
def test_any_file_name_is_stored_or_refused(site: PlainSite, raw: bytes) -> None:
    for name, kind, filename in ((raw, b"text/plain", b"f"), (b"n", b"a/b", raw)):
        address = site.ask("/upload-url")[1].decode("ascii")
        body = (
            b'--x\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n'
            b"Content-Type: %b\r\n\r\nhello\r\n--x--\r\n" % (name, filename, kind)
        )
        path = "/" + address.split("/", 3)[3]
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        status, answer = site.ask(path, body, headers=headers)
        assert status < 500, (raw, answer)
        address = site.ask("/upload-url")[1].decode("ascii")
        typed = body.replace(kind, b"text/" + raw)
        path = "/" + address.split("/", 3)[3]
        assert site.ask(path, typed, headers=headers)[0] < 500, raw
