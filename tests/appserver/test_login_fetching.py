"""Questions to a provider: what is answered too slowly, too long or elsewhere."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter

from channelshim.appserver.login import fetching, keys
from channelshim.appserver.login.fetching import FetchFailed, fetch_json
from channelshim.appserver.login.keys import Keys, KeysUnavailable
from tests.appserver.signing import Signing

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Answer = Callable[[socket.socket], None]
Site = Callable[[Answer], str]


@pytest.fixture
def site() -> Iterator[Site]:
    """Start a server that answers as a test says: `url = site(answer)`."""
    with contextlib.ExitStack() as stack:
        yield lambda answer: stack.enter_context(_listening(answer))


@contextlib.contextmanager
def _listening(answer: Answer) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, answer), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        # Wakes up what waits in accept.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, answer: Answer) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, answer), daemon=True).start()


def _serve(connection: socket.socket, answer: Answer) -> None:
    # Who asks may have gone.
    with connection, contextlib.suppress(OSError):
        connection.recv(65536)
        answer(connection)


def sends(data: bytes) -> Answer:
    """Return what answers with these bytes, and closes."""
    return lambda connection: connection.sendall(data)


def test_document_is_read(site: Site) -> None:
    assert fetch_json(site(sends(HEAD + b'\r\n{"a": 1}'))) == {"a": 1}


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        HEAD + b"\r\n",
        HEAD + b"Content-Length: 9999999\r\n\r\n",
    ],
)
def test_server_that_sends_a_byte_now_and_then_is_given_up(
    site: Site, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while not is_over.wait(0.01):
            connection.sendall(b" ")

    monkeypatch.setattr(fetching, "ANSWER_SECONDS", 0.3)
    url = site(drip)
    try:
        with pytest.raises(FetchFailed, match="cannot be reached"):
            fetch_json(url)
    finally:
        is_over.set()


def test_questions_without_an_answer_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(fetching, "_places", threading.BoundedSemaphore(2))
    monkeypatch.setattr(fetching, "ANSWER_SECONDS", 0.1)
    # As if a name were looked up for ever.
    monkeypatch.setattr(HTTPAdapter, "send", _patient(is_over))
    try:
        for _ in range(2):
            with pytest.raises(FetchFailed, match="has not come"):
                fetch_json("http://localhost/")
        with pytest.raises(FetchFailed, match="too many other questions"):
            fetch_json("http://localhost/")
    finally:
        is_over.set()


def _patient(is_over: threading.Event) -> Callable[..., requests.Response]:
    def send(*_: object, **__: object) -> requests.Response:
        is_over.wait()
        raise requests.ConnectionError

    return send


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (HEAD + b"\r\n" + b" " * (2 << 20), "too many bytes"),
        (
            HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * (16 << 20)),
            "packed",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", "cannot be"),
        (b"\x00\xff" * 100, "cannot be reached"),
        (HEAD + b"\r\n\xff", "JSON object"),
        (HEAD + b'\r\n"text"', "JSON object"),
    ],
)
def test_answer_that_is_none_is_one_sentence(
    site: Site, data: bytes, sentence: str
) -> None:
    with pytest.raises(FetchFailed, match=sentence) as caught:
        fetch_json(site(sends(data)))
    assert "\n" not in str(caught.value)


def test_redirect_is_not_followed(site: Site) -> None:
    asked: list[str] = []

    def note(connection: socket.socket) -> None:
        asked.append("here")
        connection.sendall(HEAD + b"\r\n{}")

    elsewhere = site(note)
    redirect = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\n\r\n".encode()
    with pytest.raises(FetchFailed, match="status 302"):
        fetch_json(site(sends(redirect)))
    assert asked == []


# --- Keys -----------------------------------------------------------------------------


class Signer:
    """A signer whose keys can be had, or not."""

    def __init__(self) -> None:
        self.published: list[Signing] = []
        self.asked = 0
        self.now = 1000.0
        self.keys = Keys(self._load, lambda: self.now)

    def _load(self) -> dict[str, object]:
        self.asked += 1
        if not self.published:
            raise FetchFailed("it is down")
        return json.loads(
            json.dumps({"keys": [each.public() for each in self.published]})
        )


def test_keys_that_could_not_be_had_are_soon_asked_for_again() -> None:
    signer = Signer()
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            signer.keys.find("")
    assert signer.asked == 1
    signer.published = [Signing()]
    signer.now += keys.RETRY_SECONDS + 1
    assert len(signer.keys.find("")) == 1
    assert signer.asked == 2


def test_name_of_an_unknown_key_asks_once_a_minute() -> None:
    signer = Signer()
    signer.published = [Signing()]
    signer.keys.find("")
    for _ in range(5):
        assert signer.keys.find("unknown") == []
    assert signer.asked == 1
    signer.now += keys.PAUSE_SECONDS + 1
    newer = Signing()
    signer.published.append(newer)
    assert len(signer.keys.find(newer.number)) == 1
    assert signer.asked == 2


def test_keys_that_were_there_stay_while_there_are_no_newer_ones() -> None:
    signer = Signer()
    first = Signing()
    signer.published = [first]
    assert len(signer.keys.find(first.number)) == 1
    signer.published = []
    signer.now += keys.REFRESH_SECONDS + 1
    assert len(signer.keys.find(first.number)) == 1
    # What was withdrawn goes.
    signer.published = [Signing()]
    signer.now += keys.REFRESH_SECONDS + 1
    assert signer.keys.find(first.number) == []


def test_what_is_no_public_key_is_left_out() -> None:
    good = Signing()
    document = {
        "keys": [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
            {"kty": "RSA", "n": "AQAB"},
            {**Signing().public(), "use": "enc"},
            "text",
            good.public(),
        ]
    }
    assert [key.kid for key in keys.keys_of(document)] == [good.number]
    assert keys.keys_of({"keys": {}}) == []
    assert keys.keys_of({}) == []
