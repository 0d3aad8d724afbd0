"""Each line of the log says which request it belongs to."""

from __future__ import annotations

import logging
import threading

from channelshim.runtime import request_names
from channelshim.runtime.environment import RequestScope
from channelshim.runtime.request_names import RequestNames


def name_here() -> str:
    record = logging.LogRecord("app", logging.INFO, "", 0, "hello", (), None)
    assert RequestNames().filter(record)
    name = record.__dict__["request"]
    assert isinstance(name, str)
    return name


def test_line_outside_of_requests_has_no_name() -> None:
    assert name_here() == ""


def test_line_names_its_request_in_threads_too() -> None:
    path = "/a\nb" + "c" * 1000
    scope = RequestScope({"REQUEST_METHOD": "GET", "PATH_INFO": path})
    expected = f"GET {path[: request_names.LOGGED_PATH_LENGTH]}: ".replace("\n", "?")
    found: list[str] = []

    def in_thread() -> None:
        thread = threading.Thread(target=lambda: found.append(name_here()))
        thread.start()
        thread.join()

    assert scope.run(name_here) == expected
    scope.run(in_thread)
    assert found == [expected]
