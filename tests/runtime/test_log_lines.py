"""The log's lines: what a handler that writes each at once would have written."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from channelshim.cli.terminal import LineFormatter
from channelshim.runtime import log_lines
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.log_lines import LineHandler
from channelshim.runtime.request_names import RequestNames
from tests.exploring import Cases, explored
from tests.lanes import ROOT

NAME = "channelshim.access"


def handler_on(stream: Any, **options: Any) -> LineHandler:
    formatter = LineFormatter(has_colours=False)
    return LineHandler(formatter, [RequestNames()], name=NAME, stream=stream, **options)


class Plain:
    """Writes each line at once, as logging's own handler does."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self._handler = logging.StreamHandler(self.stream)
        self._handler.setFormatter(LineFormatter(has_colours=False))
        self._handler.addFilter(RequestNames())

    def write(self, record: logging.LogRecord) -> None:
        self._handler.handle(record)

    def note(self, created: float, message: str) -> None:
        self.write(record_of(message, created=created))


def record_of(
    message: str, level: int = logging.INFO, created: float = 0.0
) -> logging.LogRecord:
    record = logging.LogRecord(NAME, level, "", 0, "%s", (message,), None)
    record.created = created
    record.msecs = int((created - int(created)) * 1000) + 0.0
    return record


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["note", "note", "note", "record", "flush"]),
        st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8),
        st.sampled_from([0.0, 0.0004, 0.5, 0.9999, 1.0, 70.25]),
    ),
    max_size=12,
)


@explored(100, 10_000)
def test_lines_are_those_of_a_handler_that_writes_at_once(
    cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(LineHandler, "_start", lambda handler: None)

    def claim(steps: list[tuple[str, str, float]]) -> None:
        stream, plain = io.StringIO(), Plain()
        handler = handler_on(stream)
        now[0] = 1_800_000_000.0
        for step, text, seconds in steps:
            now[0] += seconds
            if step == "note":
                handler.note(str.upper, text)
                plain.note(now[0], text.upper())
            elif step == "record":
                for each in (handler.handle, plain.write):
                    each(record_of(text, logging.ERROR, now[0]))
                assert stream.getvalue() == plain.stream.getvalue()
            else:
                handler.flush()
                assert stream.getvalue() == plain.stream.getvalue()
        handler.close()
        handler.flush()
        assert stream.getvalue() == plain.stream.getvalue()

    cases.check(claim, STEPS)


def test_many_threads_lose_nothing_and_keep_their_order() -> None:
    stream = io.StringIO()
    handler = handler_on(stream)

    def write(number: int) -> None:
        for count in range(300):
            if count % 50:
                handler.note("{} {}".format, number, count)
            else:
                handler.handle(record_of(f"{number} {count}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.flush()
    lines = [line.partition("] ")[2] for line in stream.getvalue().splitlines()]
    for number in range(4):
        own = [line for line in lines if line.startswith(f"{number} ")]
        assert own == [f"{number} {count}" for count in range(300)]


def test_notes_are_written_without_anybody_asking(
    wait_until: Callable[..., Any],
) -> None:
    stream = io.StringIO()
    handler = handler_on(stream)
    for _ in range(2):
        before = stream.getvalue()
        handler.note(str, "a note")
        wait_until(lambda seen=before: len(stream.getvalue()) > len(seen))
    assert stream.getvalue().count("a note\n") == 2


def test_thread_that_is_not_to_be_had_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., Any]
) -> None:
    stream = io.StringIO()
    handler = handler_on(stream)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        handler.note(str, "first")
    handler.note(str, "second")
    wait_until(lambda: "second" in stream.getvalue())
    assert "first" in stream.getvalue()


def test_message_that_cannot_be_made_hides_no_other() -> None:
    stream = io.StringIO()
    handler = handler_on(stream)
    handler.note(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    handler.note(str, "the next")
    handler.flush()
    first, second = stream.getvalue().splitlines()
    assert "ZeroDivisionError" in first
    assert second.endswith("the next")


def test_record_that_cannot_be_made_is_told_of_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = handler_on(io.StringIO())
    record = logging.LogRecord("x", logging.ERROR, "", 0, "%d", ("text",), None)
    handler.emit(record)
    assert capsys.readouterr().err.count("--- Logging error ---") == 1


def test_log_that_nobody_reads_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "MOST_NOTES", 3)
    monkeypatch.setattr(LineHandler, "_start", lambda handler: None)
    stream = io.StringIO()
    handler = handler_on(stream)
    for number in range(5):
        handler.note(str, number)
    handler.flush()
    lines = stream.getvalue().splitlines()
    assert [line[-1] for line in lines[:3]] == ["0", "1", "2"]
    assert "2 requests are not in the log" in lines[3]


@pytest.fixture
def logger() -> logging.Logger:
    """Return a logger below a root of its own, with a handler that takes notes."""
    manager = logging.Manager(logging.RootLogger(logging.INFO))
    manager.root.addHandler(handler_on(io.StringIO()))
    return manager.getLogger(NAME)


def handler_of(logger: logging.Logger) -> LineHandler:
    handler = logger.manager.root.handlers[0]
    assert isinstance(handler, LineHandler)
    return handler


def test_handler_alone_takes_notes(logger: logging.Logger) -> None:
    assert handler_of(logger).takes_from(logger)


def changed_record(*args: Any, **more: Any) -> logging.LogRecord:
    return logging.LogRecord(*args, **more)


@pytest.mark.parametrize(
    "change",
    [
        lambda logger: logger.addFilter(lambda record: True),
        lambda logger: logger.addHandler(logging.NullHandler()),
        lambda logger: logger.parent.addHandler(logging.NullHandler()),
        lambda logger: logger.parent.addFilter(lambda record: True),
        lambda logger: logger.manager.root.addHandler(logging.NullHandler()),
        lambda logger: setattr(logger, "propagate", False),
        lambda logger: handler_of(logger).setFormatter(logging.Formatter()),
        lambda logger: handler_of(logger).addFilter(lambda record: True),
        lambda logger: handler_of(logger).setLevel(logging.WARNING),
        lambda logger: logging.setLogRecordFactory(changed_record),
    ],
)
def test_whoever_else_listens_gets_records(
    logger: logging.Logger, change: Callable[[logging.Logger], object]
) -> None:
    logger.manager.getLogger("channelshim")
    factory = logging.getLogRecordFactory()
    try:
        change(logger)
        assert not handler_of(logger).takes_from(logger)
    finally:
        logging.setLogRecordFactory(factory)


def test_line_of_a_request_has_its_name(logger: logging.Logger) -> None:
    scope = RequestScope({"PATH_INFO": "/a", "REQUEST_METHOD": "GET"})
    assert not scope.run(handler_of(logger).takes_from, logger)


PROGRAM = """
import os, sys
from channelshim.cli.terminal import configure_logging
configure_logging("info")
from channelshim.appserver.access_log import AccessLog
from channelshim.runtime import log_lines
log = AccessLog()
for number in range(500):
    log.note("127.0.0.1", "GET", f"/{number}", 200)
if sys.argv[1] == "at once":
    log_lines.flush()
    os._exit(0)
if sys.argv[1] == "raise":
    raise SystemExit(3)
"""


@pytest.mark.parametrize("way", ["return", "raise", "at once"])
def test_orderly_end_loses_nothing(way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 500, done.stderr[-2000:]
    for number, line in enumerate(lines):
        assert line.startswith("INFO ")
        assert line.endswith(f'channelshim.access] 127.0.0.1 "GET /{number}" 200')
