"""Real servers in processes of their own, for tests over real sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.lanes import ROOT, timeout_factor

OUTPUT_SECONDS = 10.0
START_SECONDS = 20.0
STOP_SECONDS = 10.0

_URL = re.compile(r"https?://[\w.\-\[\]:]+:\d+/")


class Server:
    """One running `channelshim serve`.

    Attributes:
        url: the address that it printed, with a slash at the end.
        process: the child.
        app_dir: the app's folder.
        storage_path: its data folder.
    """

    def __init__(
        self,
        app_dir: Path,
        storage_path: Path,
        arguments: tuple[str, ...],
        env: Mapping[str, str],
        prefix: Sequence[str] = (),
    ) -> None:
        self.app_dir = app_dir
        self.storage_path = storage_path
        self.url = ""
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._is_ended = False
        command = [*prefix, sys.executable, "-m", "channelshim", "serve", str(app_dir)]
        command += ["--port=0", f"--storage_path={storage_path}"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=_environment(env),
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """Return what the child has printed so far, both streams."""
        with self._changed:
            return "".join(self._lines)

    def prints(self, text: str) -> bool:
        """Wait until the child has printed text; return False when it does not."""
        with self._changed:
            self._changed.wait_for(
                lambda: text in "".join(self._lines) or self._is_ended,
                OUTPUT_SECONDS * timeout_factor(),
            )
            return text in "".join(self._lines)

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return int(self.url.rstrip("/").rpartition(":")[2])

    def wait_until_listening(self) -> None:
        """Wait for the printed address.

        Raises:
            AssertionError: the child ended or stayed silent; shows its output.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self.url or self._is_ended, START_SECONDS * timeout_factor()
            )
        if not self.url:
            self.stop()
            raise AssertionError(f"the server did not start:\n{self.output}")

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
            try:
                self.process.wait(STOP_SECONDS * timeout_factor())
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(STOP_SECONDS * timeout_factor())
        return self.process.returncode

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line)
                    match = _URL.search(line)
                    if match and not self.url:
                        self.url = match.group()
                    self._changed.notify_all()
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()


class Servers:
    """Starts servers for one test and stops them all after it."""

    def __init__(self, new_storage_path: Callable[[], Path]) -> None:
        self.started: list[Server] = []
        self._new_storage_path = new_storage_path

    def __call__(
        self,
        app_dir: str | os.PathLike[str],
        *arguments: str,
        storage_path: Path | None = None,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> Server:
        """Start a server and return it once it listens.

        Args:
            app_dir: the app's folder.
            *arguments: more flags for `channelshim serve`.
            storage_path: the data folder; None means a new, empty one.
            env: variables on top of this process's, of which CHANNELSHIM_* are left
                out.
            prefix: of the command, for another network.
        """
        storage = storage_path or self._new_storage_path()
        server = Server(Path(app_dir), storage, arguments, env or {}, prefix)
        self.started.append(server)
        server.wait_until_listening()
        return server

    def stop(self) -> None:
        """Stop every server that is still running."""
        for server in self.started:
            server.stop()


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("CHANNELSHIM_")}
    # The package may be imported from the tree, without being installed.
    paths = [str(ROOT), *filter(None, [own.get("PYTHONPATH")])]
    # The apps are the repository's.
    own["CHANNELSHIM_WRITE_INDEX_YAML"] = "no"
    own |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    return own | dict(more)
