"""A handler that takes too long hears of it, and nothing else breaks."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channelshim.kernel import deadlines as deadlines_module
from channelshim.kernel.deadlines import Deadlines
from channelshim.kernel.threads import Kept, Threads
from tests.deadline_calls import call_within
from tests.lanes import ROOT, timeout_factor

PATIENCE = 30.0 * timeout_factor()

WaitUntil = Callable[..., Any]


def test_no_deadline_means_none() -> None:
    deadlines = Deadlines()
    for seconds in (0, -1.0):
        with deadlines.limit(seconds):
            time.sleep(0.01)
    assert not deadlines._is_watched


def test_handler_in_time_hears_nothing() -> None:
    deadlines = Deadlines()
    for _ in range(100):
        with deadlines.limit(PATIENCE):
            pass
    assert deadlines._runs == set()


def test_overdue_is_called_once_for_code_that_waits(wait_until: WaitUntil) -> None:
    deadlines = Deadlines()
    calls: list[int] = []
    free = threading.Event()

    def work() -> None:
        with deadlines.limit(0.01, lambda: calls.append(1)):
            # In the standard library, whose locks nobody may break.
            free.wait(PATIENCE)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: calls)
    free.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert calls == [1]


def test_call_that_fails_stops_no_watch(
    wait_until: WaitUntil, caplog: pytest.LogCaptureFixture
) -> None:
    deadlines = Deadlines()
    calls: list[int] = []
    free = threading.Event()

    def fail() -> None:
        calls.append(1)
        raise ValueError("on purpose")

    def work() -> None:
        with deadlines.limit(0.01, fail):
            free.wait(PATIENCE)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(calls) == 2)
    free.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert "on purpose" in caplog.text


def test_error_that_cannot_be_had_stops_no_watch(
    wait_until: WaitUntil, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> type[BaseException]:
        raise ImportError("on purpose")

    deadlines = Deadlines(error=fail)
    calls: list[int] = []
    free = threading.Event()

    def work() -> None:
        with deadlines.limit(0.01, lambda: calls.append(1)):
            free.wait(PATIENCE)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: calls)
    free.set()
    thread.join(PATIENCE)
    assert "on purpose" in caplog.text


def test_watch_that_could_not_begin_is_begun_by_the_next_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Told(BaseException):
        pass

    class NoThreadOnce(Threads):
        has_asked = False

        def start(self, name: str, loop: Callable[[], None]) -> Kept:
            if not self.has_asked:
                self.has_asked = True
                raise RuntimeError("can't start new thread")
            return super().start(name, loop)

    deadlines = Deadlines(error=lambda: Told, threads=NoThreadOnce())
    lock = threading.Lock()
    with deadlines.limit(PATIENCE):
        assert "nothing has a deadline for now: can't start" in caplog.text
    assert not deadlines._runs
    deadlines_module.acquire(lock, PATIENCE)
    with pytest.raises(Told):
        call_within(deadlines.limit(0.01), deadlines_module.acquire, lock, PATIENCE)


def test_steps_of_ours_and_of_the_standard_library_are_not_the_apps() -> None:
    is_apps = deadlines_module._is_apps
    assert is_apps(__file__)
    assert is_apps("/srv/app/main.py")
    assert is_apps(os.path.join(os.path.dirname(os.__file__), "site-packages", "x.py"))
    assert not is_apps(threading.__file__)
    assert not is_apps(logging.__file__)
    assert not is_apps("<frozen importlib._bootstrap>")
    assert not is_apps(call_within.__code__.co_filename)
    assert not is_apps(deadlines_module.__file__)


def test_code_that_was_made_belongs_to_who_calls_it(wait_until: WaitUntil) -> None:
    own = os.path.join(os.path.dirname(deadlines_module.__file__), "made.py")
    for file, is_in_app in ((own, False), ("/srv/app/main.py", True)):
        gate = threading.Lock()
        gate.acquire()
        # As a named tuple's or a dataclass's: there is no file of it.
        names: dict[str, Any] = {"made": eval("lambda gate: gate.acquire()")}
        exec(compile("def call(gate): made(gate)", file, "exec"), names)
        thread = threading.Thread(target=names["call"], args=(gate,))
        thread.start()
        number = thread.ident
        assert number is not None

        def innermost(number: int = number) -> str:
            return sys._current_frames()[number].f_code.co_filename

        wait_until(lambda innermost=innermost: innermost() == "<string>")
        assert deadlines_module._is_in_app(number) is is_in_app
        gate.release()
        thread.join(PATIENCE)


def test_wait_for_a_lock_ends_with_the_deadline() -> None:
    class Told(BaseException):
        pass

    deadlines = Deadlines(error=lambda: Told)
    lock = threading.Lock()
    deadlines_module.acquire(lock, PATIENCE)
    with pytest.raises(Told):
        call_within(deadlines.limit(0.01), deadlines_module.acquire, lock, PATIENCE)
    # It has been told: nothing is raised while it answers.
    with deadlines.limit(0.3):
        with pytest.raises(Told):
            deadlines_module.acquire(lock, PATIENCE)
        assert all(run.is_told for run in deadlines._runs)
    # Whoever would rather not wait so long hears nothing.
    with deadlines.limit(PATIENCE):
        assert not deadlines_module.acquire(lock, 0.01)
        lock.release()
        assert deadlines_module.acquire(lock, PATIENCE)
    assert lock.locked()


PROGRAM = """
import logging, random, sys, threading, time
from channelshim.kernel.deadlines import Deadlines


class Told(BaseException):
    pass


logging.basicConfig(stream=open("/dev/null", "w"))
deadlines = Deadlines(error=lambda: Told)
counts = {"told": 0, "late": 0}
lock = threading.Lock()


def compute(until):
    count = 0
    while time.monotonic() < until:
        count += 1
        with lock:
            sum(range(200))
        if count % 100 == 0:
            logging.warning("a line")


def work(number):
    chance = random.Random(number)
    for turn in range(40):
        seconds = chance.choice([0.001, 0.005, 0.02])
        # The last one goes on until it is told.
        longest = chance.choice([0.0, 0.01, 0.05]) if turn < 39 else 100.0
        try:
            with deadlines.limit(seconds):
                compute(time.monotonic() + longest)
        except Told:
            counts["told"] += 1
        # Nothing comes later.
        compute(time.monotonic() + 0.002)


threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(120)
    assert not thread.is_alive(), "a lock was left taken"
print("told", counts["told"])
"""


HASTENED = """
import threading
from channelshim.kernel.deadlines import Deadlines

running, hasten = threading.Event(), []


def work():
    try:
        with Deadlines().limit(3600.0) as end:
            hasten.append(end)
            running.set()
            while True:
                pass
    except TimeoutError:
        print("told")


thread = threading.Thread(target=work)
thread.start()
running.wait()
hasten[0]()
thread.join()
"""


@pytest.fixture
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start programs without coverage.

    CPython 3.11 loops for ever in a thread that is traced while another one is about
    to raise what was set from without.
    """
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_code_that_computes_is_told_and_breaks_no_lock(
    tmp_path: Path, uncounted: None
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    made = subprocess.run(
        [sys.executable, str(program)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 6,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    word, count = made.stdout.split()
    assert word == "told"
    assert int(count) >= 4
    assert "Traceback" not in made.stderr


def test_thread_that_watches_is_kept(uncounted: None) -> None:
    threads = Threads()
    deadlines = Deadlines(threads)
    with deadlines.limit(PATIENCE):
        assert threads.running() == {"deadlines": 1}


def test_call_can_be_ended_before_its_deadline(tmp_path: Path, uncounted: None) -> None:
    program = tmp_path / "program.py"
    program.write_text(HASTENED)
    made = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert made.stdout == "told\n"


COLLECTS = """
import gc, threading
from channelshim.kernel.deadlines import _is_in_app

class Node: pass

gc.disable()
gc.set_threshold(1)
spare = [dict() for _ in range(1000)]
for _ in range(100):
    event = threading.Event()
    threads = [threading.Thread(target=event.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    node = Node()
    node.local, node.own = threading.local(), node
    node.local.value = 1
    del node
    number, look, enable = threads[0].ident, _is_in_app, gc.enable
    enable(); look(number)
    assert gc.isenabled()
    gc.disable()
    event.set()
    for thread in threads:
        thread.join()
"""


def test_garbage_that_is_collected_during_a_look_stops_nobody() -> None:
    command = [sys.executable, "-c", COLLECTS]
    subprocess.run(command, check=True, cwd=ROOT, timeout=PATIENCE)
