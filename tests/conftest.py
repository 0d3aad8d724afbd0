"""Fixtures that every room shares, and what a missing lane does to a test."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests import exploring, lanes, selecting
from tests.chromium import Pages, open_browser
from tests.crashes import note_failure, run_again_after_a_crash
from tests.servers import Server, Servers

if TYPE_CHECKING:
    from tests.redis_servers import RedisServer

# No timed assertions: a busy machine is no bug. In CI the same examples each time, so
# that a failure is the change's; everywhere else new ones.
hypothesis.settings.register_profile(
    "channelshim", deadline=None, derandomize=os.environ.get("CI") == "true"
)
hypothesis.settings.load_profile("channelshim")

# A shell that runs a suite in the background has it ignore Ctrl-C, and so would every
# program that it starts; what is caught here is the default there.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    # nohup has it ignored.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_home = tempfile.TemporaryDirectory()
# A server that names no store keeps its data there, not among the user's own.
os.environ["XDG_DATA_HOME"] = _home.name

_lanes_run: Counter[str] = Counter()
_lanes_skipped: Counter[str] = Counter()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of which `-m` selects nothing, unless files are named."""
    expression = config.option.markexpr
    if not expression or config.args != config.getini("testpaths"):
        return None
    if not collection_path.match("test_*.py"):
        return None
    return None if selecting.can_select(expression, collection_path) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by where they stand, and those that are fast."""
    for item in items:
        for mark in selecting.own_marks(item):
            item.add_marker(mark)
    selecting.check(items)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage, and never look at what is collected.

    There is little garbage, and hundreds of thousands of objects that stay.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Hold the fast tests to what makes them fast."""
    if session.config.option.markexpr == "fast":
        # What a test writes to 2 is captured, and lost with the process.
        terminal = os.dup(2)
        sys.addaudithook(partial(_refuse_programs, terminal))


def _refuse_programs(terminal: int, event: str, _: object) -> None:
    if event not in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"):
        return
    sentence = "a fast test starts a program: write its name into tests/heavy.txt"
    if threading.current_thread() is threading.main_thread():
        pytest.fail(sentence)
    # A thread of what is tested may take it for one more fault, and try again for ever.
    test = os.environ.get("PYTEST_CURRENT_TEST")
    os.write(terminal, f"{test}: {sentence}\n".encode())
    os._exit(pytest.ExitCode.INTERNAL_ERROR)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Any:
    """Run a test of Chromium's once more when that has crashed."""
    if item.get_closest_marker("browser") is None:
        return None
    return run_again_after_a_crash(item, nextitem)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail, a test whose lane is missing here."""
    expression = item.config.option.markexpr
    for lane in lanes.LANES:
        if item.get_closest_marker(lane) is None:
            continue
        reason = lanes.why_missing(lane, expression)
        if reason is None:
            _lanes_run[lane] += 1
        elif lane in lanes.required_lanes():
            pytest.fail(f"lane {lane} is required here: {reason}", pytrace=False)
        else:
            _lanes_skipped[lane] += 1
            pytest.skip(f"lane {lane}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Add to the report of a failed test what its servers printed."""
    report = yield
    if report.failed and item.get_closest_marker("browser") is not None:
        note_failure(item, call)
    if report.failed and report.when in ("setup", "call"):
        servers = getattr(item, "funcargs", {}).get("server")
        if isinstance(servers, Servers):
            for number, running in enumerate(servers.started, start=1):
                title = f"output of server {number}, {running.app_dir}"
                report.sections.append((title, running.output))
    # Tests print lone surrogates, which a worker of xdist cannot send.
    report.sections = [
        (title, _sendable(content)) for title, content in report.sections
    ]
    if report.failed and _sendable(report.longreprtext) != report.longreprtext:
        report.longrepr = _sendable(report.longreprtext)
    return report


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the lanes that ran and those that did not, and why."""
    if not hasattr(terminalreporter.config, "workerinput"):
        _note_failures(terminalreporter)
    if not _lanes_run and not _lanes_skipped:
        return
    expression = terminalreporter.config.option.markexpr
    terminalreporter.section("lanes")
    for lane in lanes.LANES:
        if _lanes_run[lane]:
            terminalreporter.line(f"{lane}: {_lanes_run[lane]} run")
            if lane == "explore":
                repeat = f"CHANNELSHIM_TESTS_SEED={exploring.seed()}"
                terminalreporter.line(f"{lane}: {repeat} repeats these cases")
        if _lanes_skipped[lane]:
            reason = lanes.why_missing(lane, expression)
            terminalreporter.line(f"{lane}: {_lanes_skipped[lane]} skipped, {reason}")


def _note_failures(terminalreporter: pytest.TerminalReporter) -> None:
    """Add what failed to the file that scripts/test prints at its end."""
    file = os.environ.get("CHANNELSHIM_TESTS_FAILURES")
    failures = [
        report
        for outcome in ("failed", "error")
        for report in terminalreporter.stats.get(outcome, ())
    ]
    if not file or not failures:
        return
    with open(file, "a", encoding="utf-8", errors="backslashreplace") as stream:
        for report in failures:
            lines = getattr(report, "longreprtext", "").splitlines()
            wrong = [line for line in lines if line.startswith("E ")]
            stream.write(f"{report.nodeid} ({report.when})\n")
            # What went wrong may stand at the end of a long text.
            shown = wrong if len(wrong) <= 16 else [*wrong[:4], "...", *wrong[-12:]]
            stream.writelines(f"    {line[:300]}\n" for line in shown)


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    """Return `wait_until(condition, seconds=10)`, which is `await_condition`."""
    return await_condition


def await_condition(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Call condition until it answers something true, and return that.

    Args:
        condition: called again and again, without arguments.
        seconds: the deadline; CHANNELSHIM_TESTS_TIMEOUT_FACTOR stretches it.

    Raises:
        AssertionError: it was still false at the deadline; shows the last answer.
    """
    deadline = time.monotonic() + seconds * lanes.timeout_factor()
    pause = 0.001
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {seconds} s: {condition}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Start real servers: `running = server(app_dir, "--flag=value", env={})`.

    Each call starts a process of `channelshim serve` on a free port with a data folder
    of its own, and returns a `tests.servers.Server` once it listens. All are stopped
    after the test; what they printed stands in the report of a test that fails.
    """
    servers = Servers(lambda: tmp_path_factory.mktemp("storage"))
    yield servers
    servers.stop()


@pytest.fixture
def tutorial_server(server: Servers) -> Server:
    """Return a running server of the tutorial's app at the repository's root."""
    return server(lanes.ROOT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a playwright Browser, the system's Chromium, for the tests of a module.

    Not for the whole run: playwright's loop runs in this thread as long as it is open,
    and `asyncio.run` of other tests would refuse.
    """
    reason = lanes.why_missing("browser")
    if reason is not None:
        pytest.fail(f"mark the test with pytest.mark.browser: {reason}", pytrace=False)
    with open_browser() as opened:
        yield opened


@pytest.fixture
def pages(browser: Any) -> Iterator[Pages]:
    """Open pages, each in a context of its own: `page = pages()`; one user each.

    What the page wrote to its console as an error is in `pages.errors(page)`.
    """
    opened = Pages(browser)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's root, where the tutorial's app stands."""
    return lanes.ROOT


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Run one Redis for all tests that break nothing of it; for the lane `redis`."""
    from tests.redis_servers import RedisServer

    server = RedisServer()
    yield server
    server.close()
