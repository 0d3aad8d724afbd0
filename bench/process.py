"""A server as a child process: started on its core, watched through /proc, ended."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def free_port(further: int = 0) -> int:
    """Return a port that is free now, as are the `further` ones after it.

    Below the kernel's range for outgoing connections, of which a run makes thousands.
    """
    while True:
        first = random.randrange(20_000, 32_000)
        if all(_is_free(first + step) for step in range(further + 1)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ServerProcess:
    """One server and its children; use as a context manager.

    Args:
        command: what to run.
        port: it is up when this port answers.
        environment: more variables.
        folder: where it runs.
        start_seconds: within which its port answers.
        stop_seconds: within which it ends when it is told to.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        start_seconds: float = 60.0,
        stop_seconds: float = 5.0,
    ) -> None:
        self.port = port
        self._stop_seconds = stop_seconds
        self._output = tempfile.TemporaryFile()
        self._started_at = time.monotonic()
        self._child = subprocess.Popen(
            command,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # A start that compiles everything again measures the compiler.
            env={
                **os.environ,
                "PYTHONDONTWRITEBYTECODE": "",
                **(environment or {}),
            },
            cwd=folder,
            start_new_session=True,
        )
        self._wait_for_port(start_seconds)

    def _wait_for_port(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not _answers(self.port):
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{self.output()}")
            time.sleep(0.01)

    def output(self) -> str:
        """Return what it printed so far."""
        self._output.seek(0)
        return self._output.read().decode("utf-8", "replace")

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the whole process group, kindly for `stop_seconds`."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._child.pid, number)
                self._child.wait(self._stop_seconds)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._child.wait()
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def processes(self) -> list[int]:
        """Return the ids of the processes of its group, and of their children."""
        group = self._child.pid
        numbers = [
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit()
        ]
        own = {number for number in numbers if _group_of(number) == group}
        return [each for each in numbers if each in own or _parent_of(each) in own]

    def age_seconds(self) -> float:
        """Return how long ago it was started."""
        return time.monotonic() - self._started_at

    def memory_kib(self) -> int:
        """Return the resident memory of all its processes, in KiB."""
        total = 0
        for process in self.processes():
            for line in Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        return total

    def cpu_seconds(self) -> float:
        """Return the processor time of all its processes so far."""
        total = 0
        for process in self.processes():
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
            user, system = fields.split()[11:13]
            total += int(user) + int(system)
        return total / _TICKS


def _parent_of(process: int) -> int:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return -1
    return int(fields.split()[1])


def _group_of(process: int) -> int:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return -1
