"""App processes are started again, whatever the system cannot give for a while."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from channelshim.composition.app_launch import AppProcess, Launcher, Loaded
from channelshim.composition.app_slot import MOST_ENDS, AppLoadError
from channelshim.composition.app_teams import PoolOptions, Team
from channelshim.composition.processes import Processes
from channelshim.kernel.threads import Pauses, Threads
from channelshim.server.pipe_services import FrontServices
from tests.lanes import timeout_factor

PATIENCE_SECONDS = 20.0 * timeout_factor()

PROGRAM = """
import socket, sys
from channelshim.protocol.pipe_frames import Kind, encode
front = socket.socket(fileno=int(sys.argv[-1]))
front.sendall(encode(Kind.READY, 0, (), b"", 0))
while front.recv(65536):
    pass
"""
"""It has loaded its app at once, and lives as long as its front."""


class ShortOfThreads(Threads):
    """Threads of a system that has none to give for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0

    def start(self, name: str, loop: Callable[[], None]) -> Any:
        """See Threads."""
        if name == "app-1" and self.refusals:
            self.refusals -= 1
            raise RuntimeError("can't start new thread")
        return super().start(name, loop)


class ShortOfProcesses(AppProcess):
    """An app process for which the system has no process to give."""

    def load(self) -> Loaded:
        """See AppProcess."""
        self._theirs.close()
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


class ShortOfSockets(Launcher):
    """Prepares processes on a system that has no socket to give for a while."""

    def __init__(self) -> None:
        super().__init__(lambda number: b"", dict(os.environ), sys.path)
        self.refusals = 0
        # The same, of processes.
        self.unstarted = 0

    def prepare(self, number: int, *calls: Any) -> AppProcess:
        """See Launcher."""
        if self.refusals:
            self.refusals -= 1
            raise OSError(24, "Too many open files")
        kind = AppProcess
        if self.unstarted:
            self.unstarted -= 1
            kind = ShortOfProcesses
        command = [sys.executable, "-c", PROGRAM]
        return kind(command, b"", dict(os.environ), number, *calls)


class Front:
    """One app process and who keeps it."""

    def __init__(self) -> None:
        self.threads = ShortOfThreads()
        self.launcher = ShortOfSockets()
        services: Any = FrontServices(None, {}, {})  # type: ignore[arg-type]
        self.processes = Processes(
            [Team(1, self.launcher, PoolOptions(4, False, 0.0))],
            services,
            lambda: None,
            threads=self.threads,
        )

    @property
    def current(self) -> AppProcess | None:
        """Return the process that takes requests."""
        return self.processes._slots[0].current

    async def changed(self, before: AppProcess) -> AppProcess:
        """Return the process that takes the place of another one."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (current := self.current) in (None, before):
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        assert current is not None
        return current


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.processes.kill()


def refuse(front: Front, what: str) -> None:
    part = front.threads if what == "threads" else front.launcher
    part.refusals = 1


@pytest.mark.parametrize("what", ["threads", "sockets"])
def test_start_without_them_is_one_sentence(front: Front, what: str) -> None:
    refuse(front, what)
    with pytest.raises(AppLoadError, match="an app process cannot be started: "):
        front.processes.load()


@pytest.mark.parametrize("what", ["threads", "sockets"])
def test_process_is_started_when_they_are_back(front: Front, what: str) -> None:
    async def run() -> None:
        loop, given_up = asyncio.get_running_loop(), []
        front.processes.start(loop, loop.call_soon_threadsafe, given_up.append)
        first = front.current
        assert first is not None
        refuse(front, what)
        os.kill(first.id, signal.SIGKILL)
        second = await front.changed(first)
        # And in the place of one that does not end.
        refuse(front, what)
        front.processes._overdue(second.link)
        second.kill()
        await front.changed(second)
        assert given_up == []
        front.processes.kill()
        await asyncio.to_thread(front.processes.stop, PATIENCE_SECONDS)

    front.processes.load()
    asyncio.run(run())
    assert not front.processes._living


def test_server_goes_on_while_the_system_has_no_process_to_give(front: Front) -> None:
    async def run() -> None:
        loop, given_up = asyncio.get_running_loop(), []
        front.processes.start(loop, loop.call_soon_threadsafe, given_up.append)
        front.processes._slots[0]._pauses = Pauses(0.01, 0.01)
        first = front.current
        assert first is not None
        front.launcher.unstarted = MOST_ENDS + 1
        os.kill(first.id, signal.SIGKILL)
        await front.changed(first)
        assert (given_up, front.launcher.unstarted) == ([], 0)
        front.processes.kill()
        await asyncio.to_thread(front.processes.stop, PATIENCE_SECONDS)

    front.processes.load()
    asyncio.run(run())
