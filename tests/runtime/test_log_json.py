"""The log as JSON: each line an object, whatever is logged."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.appserver.access_log import LOGGER_NAME, describe, fields
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.log_json import JsonFormatter, JsonLineHandler
from channelshim.runtime.log_text import names_of

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

HOSTILE = 'a"}\n{"level": "ERROR\x1b[31m\u2028é'


def line_of(record: logging.LogRecord, process: str = "") -> dict[str, Any]:
    text = JsonFormatter(process).format(record)
    assert text.isascii()
    assert text.isprintable()
    line: dict[str, Any] = json.loads(text)
    return line


def record(
    message: str, *arguments: Any, level: int = logging.WARNING, **more: Any
) -> logging.LogRecord:
    made = logging.LogRecord("app", level, "/x/main.py", 7, message, arguments, None)
    made.__dict__.update(more)
    return made


def test_a_record_is_one_object() -> None:
    line = line_of(record("hello %s", HOSTILE, created=1.5))
    assert line == {
        "time": "1970-01-01T00:00:01.500Z",
        "level": "WARNING",
        "logger": "app",
        "message": f"hello {HOSTILE}",
        "place": "main.py:7",
    }
    assert line_of(record("x"), "app-1")["process"] == "app-1"


@given(st.text(), st.text())
def test_any_text_is_one_line_and_comes_back(message: str, path: str) -> None:
    scope = RequestScope({"PATH_INFO": path, "REQUEST_METHOD": "GET"})
    line = scope.run(line_of, record("%s", message))
    assert (line["message"], line["path"]) == (message, path)


def test_a_line_of_a_request_has_its_names() -> None:
    variables = {"PATH_INFO": "/a", "REQUEST_METHOD": "GET", "REQUEST_LOG_ID": "own"}
    line = RequestScope(variables).run(line_of, record("x"))
    assert (line["method"], line["path"], line["request_id"]) == ("GET", "/a", "own")
    variables.update(HTTP_X_REQUEST_ID="sent", HTTP_TRACEPARENT=TRACE)
    line = RequestScope(variables).run(line_of, record("x"))
    assert line["request_id"] == "sent"
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert line["parent_id"] == "00f067aa0ba902b7"
    named = record("x", request_fields=names_of("said", ""))
    assert line_of(named)["request_id"] == "said"


def test_a_traceback_is_a_field() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        raised = (type(error), error, error.__traceback__)
    line = line_of(record("failed", exc_info=raised))
    assert line["traceback"].startswith("Traceback (most recent call last)")
    assert HOSTILE in line["traceback"]


def test_wrong_arguments_do_not_cost_the_line() -> None:
    assert "with wrong arguments" in line_of(record("%d", "x"))["message"]


@pytest.fixture
def written() -> Iterator[tuple[JsonLineHandler, io.StringIO]]:
    handler = JsonLineHandler(
        JsonFormatter(), name=LOGGER_NAME, describe=describe, fields_of=fields
    )
    stream = io.StringIO()
    handler.setStream(stream)
    yield handler, stream
    handler.close()


def test_notes_are_objects_with_their_facts(
    written: tuple[JsonLineHandler, io.StringIO],
) -> None:
    handler, stream = written
    handler.note(describe, "192.0.2.1", "GET", "/a?b", 200, 5, 0.25, "id-1", TRACE)
    handler.note(describe, "", "G\nT", "/", 500)
    handler.note(describe)
    handler.flush()
    first, second, third = map(json.loads, stream.getvalue().splitlines())
    time, message = first.pop("time"), first.pop("message")
    assert time.endswith("Z")
    assert message == '192.0.2.1 "GET /a?b" 200 5 250.0ms'
    assert first == {
        "level": "INFO",
        "logger": LOGGER_NAME,
        "address": "192.0.2.1",
        "method": "GET",
        "target": "/a?b",
        "status": 200,
        "bytes": 5,
        "seconds": 0.25,
        "request_id": "id-1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "parent_id": "00f067aa0ba902b7",
    }
    assert (second["method"], second["status"]) == ("G\nT", 500)
    assert "bytes" not in second
    assert "could not be made" in third["message"]


def test_tokens_are_in_no_field() -> None:
    found = fields("a", "GET", "/_ah/channel/poll?token=secret", 200)
    assert found["target"] == "/_ah/channel/poll"
