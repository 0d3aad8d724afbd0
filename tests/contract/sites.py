"""The probe app on two servers, and a plain client: what the HTTP cases run against."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import await_condition
from tests.lanes import ORIGINAL_SDK, find_python27, timeout_factor
from tests.ports import free_port

PROBE = Path(__file__).parent / "apps" / "probe"
PATIENCE_SECONDS = 20.0

SHIM_GRACE_SECONDS = 1.0
"""Half of the default, so that the tests of presence take half the time."""

ORIGINAL_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, redirects not followed."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body, read as JSON."""
        assert self.status == 200, (self.status, self.body)
        return json.loads(self.body)


class Site:
    """A server with the probe app.

    Args:
        name: "shim" or "original".
        port: on localhost.
        output: returns what the server has printed.
    """

    def __init__(self, name: str, port: int, output: Any) -> None:
        self.name = name
        self.port = port
        self.host = f"localhost:{port}"
        self.output = output

    @property
    def is_original(self) -> bool:
        """Return whether this is Google's own server."""
        return self.name == "original"

    @property
    def grace_seconds(self) -> float:
        """Return how long an id may be gone before it is disconnected."""
        return ORIGINAL_GRACE_SECONDS if self.is_original else SHIM_GRACE_SECONDS

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        query: Mapping[str, str] | None = None,
        form: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request on a connection of its own.

        Args:
            path: with or without a query.
            method: GET becomes POST with a form or a body.
            query: to append, quoted.
            form: pairs or a dict, sent as a form.
            body: sent as it is.
            headers: on top.
        """
        sent = dict(headers or {})
        if query is not None:
            path += "?" + urllib.parse.urlencode(query)
        if form is not None:
            body = urllib.parse.urlencode(form).encode("ascii")
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if body is not None and method == "GET":
            method = "POST"
        seconds = PATIENCE_SECONDS * timeout_factor()
        connection = http.client.HTTPConnection("localhost", self.port, timeout=seconds)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.reason, answer.headers, answer.read())
        finally:
            connection.close()

    def token(self, client_id: str, minutes: int | None = None) -> str:
        """Return a new token from the app."""
        query = {"id": client_id}
        if minutes is not None:
            query["minutes"] = str(minutes)
        token: str = self.ask("/token", query=query).json
        return token

    def send(self, client_id: str, *texts: str) -> None:
        """Have the app send."""
        form = [("id", client_id), *(("text", text) for text in texts)]
        assert self.ask("/send", form=form).json == "sent"

    def dev(self, command: str, token: str) -> Answer:
        """Speak the old wire."""
        query = {"command": command, "channel": token}
        return self.ask("/_ah/channel/dev", query=query)

    def events(self, client_id: str) -> list[dict[str, Any]]:
        """Return what the app was told about an id."""
        found: list[dict[str, Any]] = self.ask("/events", query={"id": client_id}).json
        return found

    def told(self, client_id: str) -> list[str]:
        """Return just "connected" and "disconnected", in order."""
        return [event["what"] for event in self.events(client_id)]

    def log_in(self, email: str, **more: str) -> str:
        """Return the Cookie header of a login."""
        query = {"email": email, "action": "Login", "continue": f"http://{self.host}/"}
        answer = self.ask("/_ah/login", query={**query, **more})
        assert answer.status == 302
        return answer.headers["Set-Cookie"].partition(";")[0]

    def who(self, cookie: str = "") -> dict[str, Any]:
        """Return whom the app sees."""
        headers = {"Cookie": cookie} if cookie else {}
        seen: dict[str, Any] = self.ask("/who", headers=headers).json
        return seen


class Original:
    """Google's dev_appserver on Python 2.7 in a process group of its own."""

    def __init__(self, app_dir: Path, storage_path: Path) -> None:
        python = find_python27()
        assert python is not None
        self.port, admin, api = free_port(), free_port(), free_port()
        self._file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [
                python,
                str(ORIGINAL_SDK / "dev_appserver.py"),
                "--skip_sdk_update_check=yes",
                # Its API server calls itself: one instance answers all the same.
                "--max_module_instances=1",
                f"--storage_path={storage_path}",
                f"--port={self.port}",
                f"--admin_port={admin}",
                f"--api_port={api}",
                str(app_dir),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
            start_new_session=True,
        )
        try:
            await_condition(self._is_listening, 60)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"it did not start:\n{self.output()}") from error

    def output(self) -> str:
        """Return what it has printed so far."""
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), size, 0).decode("utf-8", "replace")

    def stop(self) -> None:
        """End it and the processes it forked."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                _wait(self.process)

    def _is_listening(self) -> bool:
        assert self.process.poll() is None, self.output()
        if not re.search(r"Starting admin server", self.output()):
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("localhost", self.port)) == 0


def _wait(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10 * timeout_factor()
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
