"""Any program in a process of its own, its output read while it runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import await_condition
from tests.lanes import ROOT, timeout_factor

PATIENCE_SECONDS = 20.0

_URL = re.compile(r"https?://[\w.\-\[\]:]+:[1-9]\d*")


class Program:
    """One running program.

    Args:
        command: the program and its arguments.
        folder: its working directory.
        variables: environment variables on top of this process's.
        pass_fds: descriptors that it inherits.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        variables: dict[str, str],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._file = tempfile.TemporaryFile()
        self._package = _package_alone()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            env={
                **os.environ,
                "PYTHONPATH": self._package.name,
                "PYTHONUNBUFFERED": "1",
                **variables,
            },
        )

    @property
    def output(self) -> str:
        """Return what it has printed so far, both streams."""
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), size, 0).decode("utf-8", "replace")

    @property
    def url(self) -> str:
        """Return the address it printed, without its last slash; "" for none yet."""
        found = _URL.search(self.output)
        return found[0] if found else ""

    def wait_until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait for a condition; its output is in the failure."""
        try:
            await_condition(is_so, PATIENCE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"not {what}; it printed:\n{self.output}") from error

    def wait_for_url(self) -> str:
        """Wait until it has printed an address and return that."""
        self.wait_until(lambda: self.url or self._has_ended(), "listening")
        assert self.url, f"it ended and printed:\n{self.output}"
        return self.url

    def wait_for_end(self) -> int:
        """Wait until it has ended by itself and return its exit status."""
        self.wait_until(self._has_ended, "ended")
        return self.process.returncode

    def stop(self) -> None:
        """End it as Ctrl-C does.

        Raises:
            AssertionError: that did not end it in time; it is killed.
        """
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE_SECONDS * timeout_factor())
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            message = f"Ctrl-C did not end it; it printed:\n{self.output}"
            raise AssertionError(message) from error
        finally:
            self._file.close()
            self._package.cleanup()

    def _has_ended(self) -> bool:
        return self.process.poll() is not None


def _package_alone() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the import path that holds the package and nothing else.

    The repository's root will not do: it has a server.py, and a program whose own is
    missing must not find that one.
    """
    folder = tempfile.TemporaryDirectory()
    (Path(folder.name) / "channelshim").symlink_to(ROOT / "channelshim")
    return folder


@contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    variables: dict[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Program]:
    """Run a program while the block lasts."""
    program = Program(command, folder, variables or {}, pass_fds)
    try:
        yield program
    finally:
        program.stop()
