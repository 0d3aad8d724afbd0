"""Redis servers of the tests' own, on Unix sockets and in folders that go."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import await_condition

PATIENCE_SECONDS = 10.0


class RedisServer:
    """One running server.

    Args:
        *options: more of redis-server's; `--port` makes it listen on TCP as well.
        program: of the server; None for the one on the PATH.

    Attributes:
        path: of its socket.
        url: for the setting `broker`.
        process: the child.
    """

    def __init__(self, *options: str, program: str | None = None) -> None:
        # A socket's address is short, and pytest's folders are deep.
        self.folder = Path(tempfile.mkdtemp(prefix="cs-redis-"))
        self.path = str(self.folder / "s")
        self.url = f"redis+unix://{self.path}"
        self._options: Sequence[str] = options
        self._program = program or "redis-server"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, or start it again with what it has on its disk."""
        command = [self._program, "--port", "0", "--unixsocket", self.path]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        command += ["--loglevel", "warning", *self._options]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        await_condition(self._answers, PATIENCE_SECONDS)

    def client(self, **options: Any) -> Any:
        """Return a client of it."""
        import redis

        return redis.Redis(unix_socket_path=self.path, **options)

    def kill(self) -> None:
        """End it as a crash does."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def pause(self) -> None:
        """Have it answer nothing for a while."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and delete its folder."""
        self.go_on()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def _answers(self) -> bool:
        import redis

        assert self.process is not None
        assert self.process.poll() is None, "redis-server ended"
        try:
            client = self.client()
            client.ping()
            client.close()
        except redis.AuthenticationError:
            # It asks for a password: it is there.
            return True
        except redis.RedisError:
            return False
        return True


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
