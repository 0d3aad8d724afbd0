"""Answers of apps: what is checked, closed and given back, without a server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from channelshim.appserver.application import AppServer
from channelshim.appserver.login.development import DevelopmentLogin
from channelshim.appserver.response_rules import BadResponse, check_head, piece_bytes
from channelshim.appserver.responses import BrokenAnswer, Collected, run_app
from channelshim.appserver.turn import Turn
from channelshim.appyaml.config import AppConfig
from channelshim.compat.legacy_str import LegacyStr
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.kernel.app_lock import AppLock
from channelshim.protocol.cookies import CookieSigner
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.variables import Application

FAULTS: list[type[BaseException]] = [
    *(SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, ValueError),
]

App = Callable[[dict[str, Any], Any], Any]


def make_lock() -> AppLock:
    return AppLock(threading.Lock(), "one at a time")


class Answer:
    """What a server would see of an app's answer."""

    def __init__(self, app: App, lock: AppLock, method: str = "GET") -> None:
        self.status = ""
        self.headers: dict[str, str] = {}
        with Turn(lock) as turn:
            turn.enter(RequestScope({}))
            environ = {"REQUEST_METHOD": method}
            self.body: Any = run_app(app, environ, self._start, turn)

    def _start(
        self, status: str, headers: list[tuple[str, str]], _: Any = None, /
    ) -> Any:
        self.status, self.headers = status, dict(headers)


class Body:
    """An iterable that notes that it is closed, and may fail then."""

    def __init__(
        self, pieces: Iterable[Any], fault: type[BaseException] | None = None
    ) -> None:
        self._pieces = iter(pieces)
        self._fault = fault
        self.closed = 0

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> Any:
        piece = next(self._pieces)
        if isinstance(piece, type):
            raise piece
        return piece

    def close(self) -> None:
        """Count."""
        self.closed += 1
        if self._fault is not None:
            raise self._fault


def answering(body: Any, status: str = "200 OK", *headers: tuple[str, str]) -> App:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, list(headers))
        return body

    return app


@pytest.mark.parametrize("fault", FAULTS)
def test_lock_is_free_after_each_kind_of_end(fault: type[BaseException]) -> None:
    lock = make_lock()

    def raising(environ: Any, start_response: Any) -> Any:
        raise fault

    failing: list[App] = [
        *(raising, answering([5]), answering(None), answering(Body([fault]))),
        answering(Body([b"a"], fault), "204 No Content"),
        answering([], "bad"),
    ]
    for app in failing:
        with pytest.raises((BadResponse, BrokenAnswer, TypeError, fault)):
            Answer(app, lock)
        assert not lock.locked(), app
    answer = Answer(answering(Body([b"a", b"b"])), lock)
    assert lock.locked()
    answer.body.close()
    answer.body.close()
    assert not lock.locked()


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_the_middle_is_an_exception_to_any_server(
    fault: type[BaseException],
) -> None:
    lock = make_lock()
    body = Body([b"a", fault])
    answer = Answer(answering(body), lock)
    wanted = fault if issubclass(fault, Exception) else BrokenAnswer
    with pytest.raises(wanted):
        list(answer.body)
    answer.body.close()
    assert (body.closed, lock.locked()) == (1, False)


@pytest.mark.parametrize("fault", FAULTS)
def test_lock_is_free_although_close_fails(fault: type[BaseException]) -> None:
    lock = make_lock()
    answer = Answer(answering(Body([b"a"], fault)), lock)
    with pytest.raises(fault if issubclass(fault, Exception) else BrokenAnswer):
        answer.body.close()
    assert not lock.locked()


def test_app_is_closed_once_whatever_happens() -> None:
    lock = make_lock()
    for pieces in ([], [b"a"], [5], [ValueError], [b"a", ValueError]):
        body = Body(pieces)
        try:
            answer = Answer(answering(body), lock)
            if not isinstance(answer.body, list):
                try:
                    list(answer.body)
                finally:
                    answer.body.close()
        except (ValueError, BadResponse):
            pass
        assert body.closed == 1, pieces


def test_what_is_written_on_the_way_to_the_end_is_sent() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", [])

        def pieces() -> Any:
            yield b"a"
            write("b")
            yield b""
            write(b"c")

        return pieces()

    assert b"".join(Answer(app, make_lock()).body) == b"abc"


def test_endless_body_of_a_bodiless_answer_is_not_waited_for() -> None:
    body = Body(iter(lambda: b"x", b""))
    assert Answer(answering(body), make_lock(), "HEAD").body == []
    assert body.closed == 1


def test_wrong_length_of_a_whole_answer_is_put_right() -> None:
    length = ("Content-Length", "1")
    for body in (["é"], "é", [b"\xc3", bytearray(b"\xa9")], iter([""])):
        answer = Answer(answering(body, "200 OK", length), make_lock())
        whole = b"".join(answer.body)
        assert answer.headers["Content-Length"] == str(len(whole))
    for status in ("204 No", "304 Not Modified"):
        answer = Answer(answering([b"x"], status, length), make_lock())
        assert (answer.body, answer.headers) == ([], {})


def test_text_of_any_kind_becomes_bytes() -> None:
    assert piece_bytes("é\udcff") == b"\xc3\xa9\xff"
    assert piece_bytes("\ud83d") == b"\xed\xa0\xbd"
    assert piece_bytes(LegacyStr(b"\xff")) == b"\xff"
    assert piece_bytes(memoryview(b"a")) == b"a"


def test_headers_may_be_what_python_2_read_from_a_request() -> None:
    value = LegacyStr("é".encode())
    assert check_head("200 OK", [("X", value)])[1] == [("X", "é")]
    assert check_head("404", [("X", "a\tb")]) == ("404", [("X", "a\tb")], None)


def test_start_response_again_needs_the_exception() -> None:
    collected = Collected()
    collected.start("200 OK", [])
    with pytest.raises(BadResponse):
        collected.start("200 OK", [])
    error = ValueError("on purpose")
    collected.start("500 Oh", [], (ValueError, error, None))
    assert collected.status == "500 Oh"
    collected.is_sent = True
    with pytest.raises(ValueError, match="on purpose"):
        collected.start("500 Oh", [], (ValueError, error, None))


class Serial(NamedTuple):
    """A server, and the app that it runs now."""

    server: AppServer
    running: list[Any]

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        return self.server.dispatch(request)


@pytest.fixture
def serial_server(tmp_path: Path) -> Serial:
    """Return one whose app lets one request at a time in."""
    config = AppConfig(handlers=(), is_threadsafe=False)
    cookies = CookieSigner([b"s" * 32])
    running = [answering([b"fine"])]

    def app(environ: Any, start_response: Any) -> Any:
        return running[0](environ, start_response)

    server = AppServer(
        tmp_path, config, Application("a"), DevelopmentLogin(cookies), wsgi_app=app
    )
    return Serial(server, running)


@pytest.mark.parametrize("namespace", ["bad namespace!", "\ud800", "a\0b", "x" * 101])
def test_namespace_that_is_refused_blocks_nobody(
    serial_server: Serial, namespace: str
) -> None:
    headers = (("X-AppEngine-Current-Namespace", namespace),)
    bad = InternalRequest("POST", "/task", headers=headers)
    assert serial_server.dispatch(bad).status == 500
    assert serial_server.dispatch(InternalRequest("POST", "/task")).status == 200


def test_environment_that_cannot_be_made_blocks_nobody(
    serial_server: Serial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> Any:
        raise SystemExit

    name = "channelshim.appserver.application.RequestScope"
    with monkeypatch.context() as patched:
        patched.setattr(name, fail)
        assert serial_server.dispatch(InternalRequest("GET", "/")).status == 500
    assert serial_server.dispatch(InternalRequest("GET", "/")).status == 200


@pytest.mark.parametrize("fault", FAULTS)
def test_platform_requests_answer_500(
    serial_server: Serial, fault: type[BaseException]
) -> None:
    for body in (Body([fault]), Body([b"a", fault]), Body([b"a", b"b"], fault)):
        serial_server.running[0] = answering(body)
        assert serial_server.dispatch(InternalRequest("GET", "/")).status == 500
        assert serial_server.dispatch(InternalRequest("GET", "/")).status in (200, 500)


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        ("public", "private"),
        ("public, max-age=60", "max-age=60, private"),
        ("PUBLIC,s-maxage=10", "s-maxage=10, private"),
        ("max-age=60", "max-age=60, private"),
        ("private", "private"),
        ("private=x, public", "private=x"),
        ("No-Cache", "No-Cache"),
        ("public, no-store", "no-store"),
        ("", "private"),
    ],
)
def test_page_that_sets_a_cookie_is_in_no_shared_cache(control: str, kept: str) -> None:
    cookie = ("set-Cookie", "a=b")
    cached = [("Cache-Control", control), ("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")]
    assert check_head("200 OK", [*cached, cookie])[1] == [
        ("Cache-Control", kept),
        cookie,
    ]
    assert check_head("200 OK", cached)[1] == cached
    assert check_head("200 OK", [cookie])[1] == [cookie]
