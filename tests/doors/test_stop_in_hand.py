"""Whatever is in hand at a stop ends within one bound: whole, or told to come back."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Servers
from tests.lanes import ROOT, timeout_factor
from tests.server.plain_site import PlainSite, until, until_end
from tests.servers import Server

HELD = Path(__file__).parent / "apps" / "held"

PATIENCE_SECONDS = 30.0 * timeout_factor()

BIG = 10_000_000
"""More than the kernel keeps for a reader."""

WaitUntil = Callable[..., Any]

STOPS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture
def held(server: Servers) -> Server:
    return server(HELD, "--automatic_restart=no")


@pytest.fixture
def site(held: Server) -> PlainSite:
    return PlainSite(held.url)


def is_closed(site: PlainSite) -> bool:
    try:
        site.raw().close()
    except OSError:
        return True
    return False


def post(size: int, sent: int) -> bytes:
    head = f"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
    return head.encode("ascii") + b"x" * sent


def test_body_that_is_still_coming_is_taken_and_answered(
    held: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    with site.raw(post(100_000, 50_000)) as peer:
        site.ask("/word")
        held.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_closed(site))
        peer.sendall(b"x" * 50_000)
        answer = until_end(peer)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n100000")
    assert held.process.wait(PATIENCE_SECONDS) == 0


def test_body_that_never_comes_is_told_to_come_again(
    held: Server, site: PlainSite
) -> None:
    # Larger than what is read ahead: the rest of it lies unread.
    with site.raw(post(1_000_000, 0)) as small, site.raw(post(9_000_000, 0)) as large:
        large.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            large.sendall(b"x" * 8_000_000)
        large.settimeout(PATIENCE_SECONDS)
        site.ask("/word")
        assert held.stop(signal.SIGINT) == 0
        for peer in (small, large):
            answer = until_end(peer)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 1\r\n" in answer
    assert held.prints("2 of 2 connections were answered 503")


def test_answer_that_is_being_read_arrives_whole(
    held: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    get = f"GET /big?n={BIG} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("ascii")
    with site.raw(get, receive_buffer=65536) as peer:
        answer = until(peer, b"\r\n\r\n")
        held.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_closed(site))
        answer += until_end(peer)
    assert len(answer.partition(b"\r\n\r\n")[2]) == BIG
    assert held.process.wait(PATIENCE_SECONDS) == 0
    assert "stopped with" not in held.output


def test_streamed_and_pipelined_answers_arrive_whole(
    held: Server, site: PlainSite
) -> None:
    get = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
    both = get % b"/stream" + get % b"/word"
    with site.raw(both) as peer:
        answer = until(peer, b"piece")
        held.process.send_signal(signal.SIGTERM)
        answer += until_end(peer)
    assert answer.count(b"piece\r\n") == 10
    assert b"0\r\n\r\nHTTP/1.1 200 OK" in answer
    assert answer.endswith(b"first")
    assert held.process.wait(PATIENCE_SECONDS) == 0


def test_request_that_cannot_end_is_told_to_come_again(
    held: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    with site.raw(b"GET /hang HTTP/1.1\r\nHost: localhost\r\n\r\n") as peer:
        wait_until(lambda: "the handler hangs" in held.output)
        assert held.stop(signal.SIGINT) == 0
        answer = until_end(peer)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in answer
    assert held.prints("1 requests still running; 1 of 1 connections")


def test_connections_with_nothing_in_hand_hold_up_no_stop(
    held: Server, site: PlainSite
) -> None:
    idle = b"GET /word HTTP/1.1\r\nHost: localhost\r\n\r\n"
    half = b"GET /word HTTP/1.1\r\nHost: loc"
    with site.raw(idle) as first, site.raw(half), site.raw():
        until(first, b"first")
        assert held.stop(signal.SIGTERM) == 0
    assert "stopped with" not in held.output


@pytest.mark.parametrize("number", STOPS)
def test_thread_of_the_app_does_not_keep_the_process(
    held: Server, site: PlainSite, number: int
) -> None:
    assert site.ask("/thread") == (200, b"started")
    held.process.send_signal(number)
    assert held.process.wait(PATIENCE_SECONDS) == 0
    held.stop()
    assert held.prints("threads still running: of the app")
    # What the app has registered for the end is done all the same.
    assert held.prints("goodbye")


def test_thread_of_the_app_may_end(held: Server, site: PlainSite) -> None:
    assert site.ask("/short-thread") == (200, b"started")
    assert held.stop(signal.SIGTERM) == 0
    assert held.prints("the thread has ended\n")
    assert "still running" not in held.output
    assert held.output.count("goodbye") == 1


def test_everything_that_hangs_has_one_bound(
    held: Server, site: PlainSite, wait_until: WaitUntil
) -> None:
    site.ask("/thread")
    site.ask("/tasks?n=3&path=/hang")
    wait_until(lambda: held.output.count("the handler hangs") == 3)
    with site.raw(b"GET /hang HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        wait_until(lambda: held.output.count("the handler hangs") == 4)
        assert held.stop(signal.SIGINT) == 0
    assert held.prints("tasks were interrupted")


def test_user_signals_end_nothing(held: Server, site: PlainSite) -> None:
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        held.process.send_signal(number)
        assert site.ask("/word") == (200, b"first")
    assert held.stop(signal.SIGTERM) == 0


# --- Reload and hang-up ---------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "app"
    shutil.copytree(HELD, made)
    return made


def change(folder: Path, word: str) -> None:
    code = folder / "held.py"
    code.write_text(code.read_text().replace('WORD = "first"', f'WORD = "{word}"'))


def is_served(site: PlainSite, word: bytes) -> bool:
    with contextlib.suppress(OSError):
        return site.ask("/word") == (200, word)
    return False


def test_reload_lets_tasks_and_bodies_finish(
    server: Servers, folder: Path, wait_until: WaitUntil
) -> None:
    held = server(folder)
    site = PlainSite(held.url)
    site.ask("/tasks?n=12&path=/task")
    wait_until(lambda: held.output.count("began") >= 8)
    with site.raw(post(100_000, 50_000)) as peer:
        site.ask("/word")
        change(folder, "second")
        wait_until(lambda: "has changed" in held.output or is_refusing(site))
        peer.sendall(b"x" * 50_000)
        assert until_end(peer).endswith(b"\r\n\r\n100000")
    wait_until(lambda: is_served(site, b"second"), 30)
    wait_until(lambda: held.output.count("ended") >= 12, 30)
    for number in range(12):
        assert held.output.count(f"began {number}\n") == 1
        assert held.output.count(f"ended {number}\n") == 1


def is_refusing(site: PlainSite) -> bool:
    """Return whether the loop has ended: what connects waits for the next one."""
    with site.raw(b"GET /word HTTP/1.1\r\nHost: localhost\r\n\r\n") as peer:
        peer.settimeout(0.2)
        try:
            return not peer.recv(1)
        except OSError:
            return True


def test_hangup_without_a_terminal_reloads(
    server: Servers, folder: Path, wait_until: WaitUntil
) -> None:
    held = server(folder, "--automatic_restart=no")
    site = PlainSite(held.url)
    process_id = held.process.pid
    slow = b"GET /slow?s=0.5 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with site.raw(slow) as peer:
        wait_until(lambda: "the handler has begun" in held.output)
        change(folder, "second")
        assert is_served(site, b"first")
        held.process.send_signal(signal.SIGHUP)
        assert until_end(peer).endswith(b"done")
    wait_until(lambda: is_served(site, b"second"), 20)
    assert held.prints("SIGHUP: reloading.")
    assert (held.process.pid, held.process.poll()) == (process_id, None)


@pytest.mark.parametrize("number", STOPS)
def test_signal_during_a_reload_ends_the_server(
    server: Servers, folder: Path, wait_until: WaitUntil, number: int
) -> None:
    held = server(folder, "--automatic_restart=no")
    site = PlainSite(held.url)
    site.ask("/tasks?n=1&path=/hang")
    wait_until(lambda: "the handler hangs" in held.output)
    held.process.send_signal(signal.SIGHUP)
    wait_until(lambda: is_refusing(site))
    held.process.send_signal(number)
    assert held.process.wait(PATIENCE_SECONDS) == 0
    assert "reloading" not in held.output


def test_ignored_hangup_stays_ignored(tmp_path: Path, wait_until: WaitUntil) -> None:
    # As under nohup.
    with in_terminal(tmp_path, "trap '' HUP; exec \"$@\"") as program:
        program.close_terminal()
        assert program.site.ask("/word") == (200, b"first")
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(PATIENCE_SECONDS) == 0


def test_closed_terminal_is_an_orderly_stop(
    tmp_path: Path, wait_until: WaitUntil, server: Servers
) -> None:
    storage = tmp_path / "storage"
    with in_terminal(tmp_path, 'exec "$@"') as program:
        site = program.site
        token = site.ask("/token")[1].decode("ascii")
        number = site.poll(token)["id"]
        assert site.ask("/send", b"kept") == (200, b"sent")
        with site.raw(b"GET /slow?s=0.5 HTTP/1.1\r\nHost: localhost\r\n\r\n") as peer:
            wait_until(lambda: "the handler has begun" in program.output)
            program.close_terminal()
            # The shell and the kernel may both say so.
            program.process.send_signal(signal.SIGHUP)
            answer = until_end(peer)
            assert answer.endswith(b"done"), program.output
        assert program.process.wait(PATIENCE_SECONDS) == 0, program.output
    again = PlainSite(server(HELD, storage_path=storage).url)
    assert again.poll(token, after=number)["messages"] == ["kept"]


class Terminal:
    """A server whose controlling terminal is ours."""

    def __init__(self, folder: Path, wrapper: str) -> None:
        self._master, slave = pty.openpty()
        self._lines = folder / "output"
        command = [sys.executable, "-m", "channelshim", "serve", str(HELD), "--port=0"]
        command += [f"--storage_path={folder / 'storage'}", "--automatic_restart=no"]
        # A session of its own takes the first terminal that it opens.
        program = "import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR)); "
        program += "os.execvp('sh', ['sh', '-c', *sys.argv[2:]])"
        starter = [sys.executable, "-c", program, os.ttyname(slave), wrapper, "sh"]
        with self._lines.open("wb") as output:
            self.process = subprocess.Popen(
                [*starter, *command],
                stdin=slave,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            )
        os.close(slave)
        self._is_open = True

    @property
    def output(self) -> str:
        return self._lines.read_text("utf-8", "replace")

    @property
    def site(self) -> PlainSite:
        # The console's comes behind it.
        url, _ = [
            word for word in self.output.split() if word.startswith("http://localhost")
        ]
        return PlainSite(url)

    def close_terminal(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._master)


@contextlib.contextmanager
def in_terminal(folder: Path, wrapper: str) -> Iterator[Terminal]:
    program = Terminal(folder, wrapper)
    try:
        has_ended = threading.Event()
        deadline = PATIENCE_SECONDS
        while "Press Ctrl-C" not in program.output and deadline > 0:
            assert program.process.poll() is None, program.output
            has_ended.wait(0.05)
            deadline -= 0.05
        yield program
    finally:
        program.close_terminal()
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()
