"""Starts an app process, and knows how it is."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from channelshim.composition.app_setup import AWAY
from channelshim.errors import BrokenFrame
from channelshim.protocol.pipe_frames import Kind, opened
from channelshim.server.pipe_link import Link, Take

_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv.pop(1).split('\\n'); "
    "from channelshim.cli.app_process import main; main(int(sys.argv.pop(1)))"
)
"""The program of an app process: what can be imported is what the front can, and not
what lies in the working directory."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of an app process's start.

    Attributes:
        is_ready: whether it takes requests.
        sentence: why it does not; "" where it has just ended.
        report: the app's own traceback.
        is_passing: see AppLoadError.
    """

    is_ready: bool
    sentence: str = ""
    report: str = ""
    is_passing: bool = False


class AppProcess:
    """One app process.

    Args:
        command: starts it; the descriptor's number is its last word.
        setup: the bytes that tell it what to be.
        variables: its environment.
        number: for people.
        take: see Link.
        lost: see Link.

    Attributes:
        link: to it.
        is_retired: whether its end is no surprise.
        is_overdue: whether one of its threads does not end.
    """

    def __init__(
        self,
        command: Sequence[str],
        setup: bytes,
        variables: Mapping[str, str],
        number: int,
        take: Take,
        lost: Callable[[Link], None],
    ) -> None:
        own, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._command = command
        self._setup = setup
        self._variables = variables
        self._take = take
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = False
        self.link: Link = Link(own, number, take, lost)
        # Monotonic seconds.
        self._loaded_at: float | None = None
        self.is_retired: bool = False
        self.is_overdue: bool = False

    @property
    def id(self) -> int:
        """Return its process id; 0 before it was started."""
        return self._process.pid if self._process is not None else 0

    @property
    def lived_seconds(self) -> float:
        """Return for how long it has had the app."""
        if self._loaded_at is None:
            return 0.0
        return time.monotonic() - self._loaded_at

    def load(self) -> Loaded:
        """Start it, and wait until it has loaded the app, has failed, or has ended.

        Raises:
            OSError: the system starts no process.
        """
        descriptor = self._theirs.fileno()
        try:
            self._process = subprocess.Popen(
                [*self._command, str(descriptor)],
                stdin=subprocess.DEVNULL,
                env=dict(self._variables),
                pass_fds=[descriptor],
                # Ctrl-C and a closed terminal are the front's to hear.
                start_new_session=True,
            )
        finally:
            self._theirs.close()
        if self._is_killed:
            self.kill()
        try:
            self.link.send(Kind.SETUP, body=self._setup)
            return self._wait_until_loaded()
        except (EOFError, OSError, BrokenFrame):
            self.kill()
            return Loaded(is_ready=False)

    def _wait_until_loaded(self) -> Loaded:
        loaded: Loaded | None = None
        while loaded is None:
            for frame, descriptor in self.link.receive():
                if frame.kind == Kind.READY and loaded is None:
                    loaded = Loaded(is_ready=True)
                    self._loaded_at = time.monotonic()
                elif frame.kind == Kind.FAILED and loaded is None:
                    texts, _ = opened(frame)
                    sentence, report, *rest = [*texts, "", ""]
                    loaded = Loaded(False, sentence, report, AWAY in rest)
                else:
                    # What it sends while it loads, and what came behind that.
                    self._take(self.link, frame, descriptor)
        return loaded

    def discard(self) -> None:
        """Give back what it has; it is never started."""
        self._theirs.close()
        self.link.close()

    def wait(self) -> int:
        """Wait for its end; return its status, negative for a signal."""
        return 1 if self._process is None else self._process.wait()

    def retire(self) -> None:
        """Note that its end is wanted."""
        self.is_retired = True
        self.link.leave()

    def note_overdue(self) -> None:
        """Note that one of its threads does not end."""
        self.is_overdue = True

    def stop(self, seconds: float) -> None:
        """Tell it to end, within so many seconds."""
        self.link.send(Kind.STOP, round(seconds * 1000))

    def kill(self) -> None:
        """End it at once. Any thread. Idempotent."""
        self._is_killed = True
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()


class Launcher:
    """Makes app processes of one app.

    Args:
        make_setup: returns what a process of a number is to be.
        variables: their environment.
        paths: their sys.path; "" is the working directory.
    """

    def __init__(
        self,
        make_setup: Callable[[int], bytes],
        variables: Mapping[str, str],
        paths: Sequence[str],
    ) -> None:
        self._make_setup = make_setup
        self._variables = variables
        # The interpreter's own options, -X and -W and the like.
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
        joined = "\n".join(os.path.abspath(each) for each in paths)
        self._command = [sys.executable, *flags, "-c", _BOOT, joined]

    def prepare(
        self, number: int, take: Take, lost: Callable[[Link], None]
    ) -> AppProcess:
        """Return a process that is about to be started; see AppProcess."""
        setup = self._make_setup(number)
        return AppProcess(self._command, setup, self._variables, number, take, lost)
