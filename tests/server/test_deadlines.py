"""Handlers past their deadline: told by an exception, and replaced when they go on."""

from __future__ import annotations

import contextlib
import select
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Servers
from tests.doors.test_stop_in_hand import HELD, is_served
from tests.lanes import timeout_factor
from tests.server.plain_site import PlainSite, until, until_end
from tests.servers import Server

WaitUntil = Callable[..., Any]

PATIENCE_SECONDS = 30.0 * timeout_factor()

WORKERS = 2


@pytest.fixture(autouse=True)
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the servers without coverage; see tests/server/test_killed_threads.py."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def held(server: Servers) -> Iterator[Server]:
    flags = ("--automatic_restart=no", f"--threads={WORKERS}")
    running = server(HELD, *flags, "--request_deadline_seconds=0.2")
    yield running
    # What hangs would hold up the stop.
    with contextlib.suppress(OSError):
        PlainSite(running.url).ask("/free")


@pytest.fixture
def site(held: Server) -> PlainSite:
    return PlainSite(held.url)


def test_handler_that_computes_is_told_and_may_answer(
    held: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    for _ in range(WORKERS + 1):
        assert site.ask("/spin") == (200, b"told")
    # The answer may be here before what was printed.
    wait_until(lambda: held.output.count("the handler was told") == WORKERS + 1)
    assert "is replaced" not in held.output


@pytest.mark.parametrize("path", ["/hang", "/spin?goes-on=1"])
def test_handler_that_goes_on_is_answered_500_and_replaced(
    held: Server, site: PlainSite, wait_until: WaitUntil, path: str
) -> None:
    for _ in range(WORKERS):
        assert site.ask(path)[0] == 500
    # The client may have its answer a moment before the line is written.
    wait_until(lambda: held.output.count("its thread is replaced") == WORKERS)
    # All of them again, for as many as there are; the replaced ones still hang.
    for _ in range(2 * WORKERS):
        assert site.ask("/word") == (200, b"first")
    assert site.ask("/free") == (200, b"freed")
    for _ in range(2 * WORKERS):
        assert site.ask("/word") == (200, b"first")


def test_answer_that_does_not_go_on_is_cut(held: Server, site: PlainSite) -> None:
    get = b"GET /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(WORKERS):
        with site.raw(get) as peer:
            until(peer, b"first")
            # No last chunk: it must not look whole.
            assert b"0\r\n\r\n" not in until_end(peer)
    assert site.ask("/word") == (200, b"first")


def test_no_more_are_replaced_than_there_are(
    held: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    for _ in range(2 * WORKERS):
        # The client has its answer in any case.
        assert site.ask("/hang")[0] == 500
    wait_until(lambda: held.output.count("has not ended for") == 2 * WORKERS)
    assert held.output.count("is replaced") == WORKERS
    with site.raw(b"GET /word HTTP/1.1\r\nHost: localhost\r\n\r\n") as peer:
        assert select.select([peer], [], [], 0.1)[0] == []
        assert held.stop(signal.SIGINT) == 0
        assert until_end(peer).startswith(b"HTTP/1.1 503 ")


ALONE = """\
runtime: python27
api_version: 1
threadsafe: {threadsafe}

handlers:
- url: /file
  static_files: held.py
  upload: held.py
- url: /script/hangs
  script: hangs.py
- url: /script
  script: short.py
- url: /.*
  script: held.app
"""


@pytest.mark.parametrize(
    ("threadsafe", "hanging", "waiting", "reported"),
    [
        ("false", "/hang", "/word", "GET /hang"),
        ("true", "/script/hangs", "/script", "hangs.py"),
    ],
)
def test_handler_that_waits_for_one_that_hangs_is_told(
    server: Servers,
    tmp_path: Path,
    threadsafe: str,
    hanging: str,
    waiting: str,
    reported: str,
) -> None:
    folder = tmp_path / "app"
    shutil.copytree(HELD, folder)
    (folder / "app.yaml").write_text(ALONE.format(threadsafe=threadsafe))
    (folder / "hangs.py").write_text("import held; held.hang(None, None)")
    (folder / "short.py").write_text("print 'Content-Type: text/plain'\nprint\n")
    running = server(
        folder,
        "--automatic_restart=no",
        f"--threads={WORKERS}",
        "--request_deadline_seconds=0.2",
    )
    site = PlainSite(running.url)
    assert site.ask(hanging)[0] == 500
    for _ in range(2 * WORKERS):
        assert site.ask(waiting)[0] == 500
    # Or there would be no thread for this one.
    assert site.ask("/file")[0] == 200
    assert running.prints("has not ended for")
    assert running.prints(f"{reported} has run for ")
    assert running.output.count("has not ended for") == 1
    assert running.output.count(f"{reported} has run for ") == 1
    assert running.prints("and others wait until it ends: ")
    assert running.stop(signal.SIGINT) == 0


def test_task_is_told_and_tried_again(server: Servers, wait_until: WaitUntil) -> None:
    flags = ("--automatic_restart=no", "--task_deadline_seconds=0.2")
    held = server(HELD, *flags)
    site = PlainSite(held.url)
    site.ask("/tasks?n=1&path=/spin")
    wait_until(lambda: "the handler was told" in held.output)
    assert is_served(site, b"first")


def test_there_is_no_deadline_by_default(
    server: Servers, wait_until: WaitUntil
) -> None:
    held = server(HELD, "--automatic_restart=no")
    assert PlainSite(held.url).ask("/slow?s=1.5") == (200, b"done")
