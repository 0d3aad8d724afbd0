"""The latest lines of the log: bounded, and cheap until somebody looks."""

from __future__ import annotations

import io
import logging

import pytest

from channelshim.appserver.access_log import describe
from channelshim.runtime import log_ring
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.log_lines import LineHandler
from channelshim.runtime.log_ring import LogRing, LogRingHandler

ACCESS = "channelshim.access"


def record(
    text: str, level: int = logging.WARNING, name: str = "x"
) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, "%s", (text,), None)


def test_warnings_are_kept_from_the_start_and_others_from_the_first_look() -> None:
    ring = LogRing(ACCESS)
    ring.record(record("early", logging.INFO))
    ring.record(record("warned"))
    ring.note(1.0, '127.0.0.1 "GET /early" 200')
    assert [line.text for line in ring.lines()] == ["warned"]
    assert ring.requests() == []
    ring.record(record("later", logging.INFO))
    assert [line.text for line in ring.warnings()] == ["warned"]
    ring.note(2.0, '127.0.0.1 "GET /later?a=1" 200')
    ring.record(record('::1 "POST /as a record" 302', logging.INFO, ACCESS))
    assert [line.text for line in ring.lines()] == ["warned", "later"]
    shown = [(each.method, each.target, each.status) for each in ring.requests()]
    assert shown == [("GET", "/later?a=1", 200), ("POST", "/as a record", 302)]
    last = ring.lines()[-1].number
    assert ring.lines(last) == []
    assert [each.number > last for each in ring.requests(last)] == [True, True]


def test_requests_are_known_by_what_the_access_log_writes() -> None:
    ring = LogRing(ACCESS)
    ring.requests()
    for size, seconds in ((5, 0.1), (-1, 0.1), (5, -1.0)):
        ring.note(1.0, describe("::1", "GET", "/a b?c", 404, size, seconds))
    assert [each.status for each in ring.requests()] == [404] * 3
    assert {each.target for each in ring.requests()} == {"/a b?c"}


def test_line_that_is_no_request_is_left_out() -> None:
    ring = LogRing(ACCESS)
    ring.requests()
    ring.note(1.0, "17 requests are not in the log: nobody read it in time")
    assert ring.requests() == []


def test_ring_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_ring, "LONGEST_TEXT", 10)
    ring = LogRing(ACCESS)
    ring.lines()
    for number in range(log_ring.MOST_LINES + 5):
        ring.record(record(str(number) * 100))
        ring.note(1.0, f'127.0.0.1 "GET /{number}" 200')
    assert len(ring.lines()) == log_ring.MOST_LINES
    assert len(ring.requests()) == log_ring.MOST_REQUESTS
    assert all(len(line.text) <= 10 for line in ring.lines())


def test_errors_are_not_pushed_out_by_other_lines() -> None:
    ring = LogRing(ACCESS)
    failed = record("failed", logging.ERROR)
    try:
        raise ValueError("x" * 100_000)
    except ValueError as error:
        failed.exc_info = (type(error), error, error.__traceback__)
    ring.record(failed)
    for number in range(log_ring.MOST_LINES + 5):
        ring.record(record(str(number)))
    line = ring.lines()[0]
    assert line.text == "failed"
    assert line.error.startswith("ValueError: xxx")
    assert len(line.error) <= log_ring.LONGEST_TEXT
    assert len(line.traceback) < log_ring.LONGEST_TRACEBACK + 10


def test_line_knows_its_request() -> None:
    ring = LogRing(ACCESS)
    scope = RequestScope(
        {
            "REQUEST_LOG_ID": "id",
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": "/a%20b",
            "QUERY_STRING": "c=1",
        }
    )
    scope.run(ring.record, record("inside"))
    ring.record(record("outside"))
    about = logging.LogRecord(
        "channelshim.appserver", 40, "", 0, "%s %s failed", ("GET", "/a"), None
    )
    ring.record(about)
    inside, outside, failed = ring.lines()
    assert (inside.request, inside.target) == ("id", "GET /a%20b?c=1")
    assert (outside.request, outside.target) == ("", "")
    assert (failed.request, failed.target) == ("", "GET /a")


def test_handler_of_the_log_fills_its_ring() -> None:
    plain = logging.Formatter("%(message)s")
    handler = LineHandler(plain, name=ACCESS, stream=io.StringIO())
    handler.ring.lines()
    handler.note(lambda text: f'127.0.0.1 "GET {text}" 200', "/x")
    handler.emit(record("a record"))
    (request,) = handler.ring.requests()
    (line,) = handler.ring.lines()
    assert (request.target, line.text) == ("/x", "a record")
    assert request.number < line.number


def test_record_that_cannot_be_kept_is_written_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = logging.LogRecord("x", logging.ERROR, "", 0, "%d", ("no number",), None)
    LogRingHandler(LogRing(ACCESS)).emit(bad)
    assert "Logging error" in capsys.readouterr().err
