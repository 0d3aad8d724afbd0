"""Requests with their lines under them, and errors by kind."""

from __future__ import annotations

import logging

import pytest

from channelshim.console.logs import entries, kind_of
from channelshim.contracts.logs import LoggedRequest, LogLine
from channelshim.runtime.log_ring import LogRing
from tests.console.site import HOSTILE, Site, is_escaped


def request(number: int, target: str = "/x", status: int = 200) -> LoggedRequest:
    return LoggedRequest(number, float(number), "127.0.0.1", "GET", target, status)


def line(number: int, request: str = "", target: str = "", **facts: object) -> LogLine:
    defaults: dict[str, object] = {"level": logging.INFO, "logger": "root", "text": ""}
    given = {**defaults, **facts}
    return LogLine(
        number,
        float(number),
        request=request,
        target=target,
        **given,  # type: ignore[arg-type]
    )


def test_lines_stand_under_their_request() -> None:
    lines = [
        line(1, "r1", "GET /x"),
        line(2, "r1", "GET /x"),
        line(4, "r2", "GET /x"),
        line(6),
        line(7, "r3", "GET /running"),
    ]
    found = entries([request(3), request(5), request(8, "/y")], lines)
    shown = [
        (each.number, each.target, each.status, [one.number for one in each.lines])
        for each in found
    ]
    assert shown == [
        (8, "/y", 200, []),
        (7, "/running", None, [7]),
        (6, "", None, [6]),
        (5, "/x", 200, [4]),
        (3, "/x", 200, [1, 2]),
    ]


def test_line_about_a_failure_stands_with_those_of_the_handler() -> None:
    lines = [
        line(1, "r1", "GET /x?a=1"),
        line(2, "", "GET /x", level=logging.ERROR),
    ]
    (entry,) = entries([request(3, "/x?a=1", 500)], lines)
    assert [each.number for each in entry.lines] == [1, 2]
    assert entry.level == logging.ERROR


def test_token_in_an_address_is_not_shown() -> None:
    target = "/_ah/channel/poll?token=secret&wait=1"
    lines = [line(1, "r", f"GET {target}")]
    (entry,) = entries([request(2, "/_ah/channel/poll")], lines)
    assert [each.target for each in entry.lines] == ["GET /_ah/channel/poll"]


def test_errors_of_one_place_are_one_kind() -> None:
    frames = '  File "a.py", line 1, in f\n    g()\n'
    one = line(1, error="ValueError: 1", traceback=f"{frames}ValueError: 1\n")
    two = line(2, error="ValueError: 2", traceback=f"{frames}ValueError: 2\n")
    other = line(3, error="KeyError: 2", traceback=f"{frames}KeyError: 2\n")
    assert kind_of(one) == kind_of(two) != kind_of(other)


@pytest.fixture
def ring(site: Site) -> LogRing:
    """The ring that the site's console reads."""
    ring = LogRing("channelshim.access")
    ring.lines()
    site.replace(logs=ring)
    return ring


def logged(
    ring: LogRing, text: str, level: int = logging.INFO, **facts: object
) -> None:
    record = logging.LogRecord("app", level, "", 0, "%s", (text,), None)
    for name, value in facts.items():
        setattr(record, name, value)
    ring.record(record)


def failed(ring: LogRing, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
        logged(ring, f"failed: {text}", logging.ERROR, exc_info=info)


def test_logs_are_filtered(site: Site, ring: LogRing) -> None:
    ring.note(1.0, '127.0.0.1 "GET /a?b=1" 200')
    ring.note(2.0, '127.0.0.1 "POST /c" 503')
    logged(ring, "a warning", logging.WARNING)
    logged(ring, "a word")

    def shown(**query: str) -> list[str]:
        part = site.client.get("/logs", {"format": "json", **query}).json["entries"]
        return [row["target"] or row["lines"][0]["text"] for row in part["rows"]]

    assert shown() == ["a word", "a warning", "/c", "/a?b=1"]
    assert shown(level="warning") == ["a warning"]
    assert shown(status="5") == ["/c"]
    assert shown(status="200") == ["/a?b=1"]
    assert shown(text="WORD") == ["a word"]
    assert shown(text="post /c") == ["/c"]
    assert shown(limit="1", offset="1") == ["a warning"]
    site.client.get("/logs?level=loud", status=400)
    site.client.get("/logs?status=x", status=400)


def test_hostile_lines_are_shown_as_text(site: Site, ring: LogRing) -> None:
    ring.note(1.0, f'{HOSTILE.replace(" ", "")} "GET /{HOSTILE}" 200')
    logged(ring, HOSTILE, logging.WARNING)
    failed(ring, HOSTILE)
    for path in ("/logs", "/errors"):
        page = site.client.get(path).text
        assert is_escaped(page)
        assert "{{7*7}}" in page


def test_errors_are_grouped_and_counted(site: Site, ring: LogRing) -> None:
    for text in ("one", "two", "three"):
        failed(ring, text)
    logged(ring, "no traceback", logging.ERROR)
    (row,) = site.client.get("/errors?format=json").json["errors"]["rows"]
    assert (row["count"], row["error"]) == (3, "ValueError: three")
    assert "3 times" in site.client.get("/errors").text
