"""A server that is started with a socket, as systemd starts a service."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.doors.test_refusals import APP_YAML
from tests.doors.test_reload import page_of
from tests.doors.test_stop import get
from tests.lanes import ROOT, timeout_factor
from tests.programs import running
from tests.servers import Servers

ACTIVATION = str(ROOT / "tests" / "activation.py")

PROGRAM = """\
import os
from channelshim import wrap
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = sorted(name for name in os.environ if name.startswith("LISTEN_"))
    return [f"{os.getpid()} {names}".encode()]
"""


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.yaml").write_text(APP_YAML.replace("python27", "python3"))
    (folder / "code.py").write_text(PROGRAM)
    return folder


def test_socket_is_served_and_stays_over_a_reload(
    server: Servers, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    folder = folder_of(tmp_path)
    # --port=0 would be another one.
    running = server(
        folder,
        *("--automatic_restart=no", "--console=no"),
        prefix=[sys.executable, ACTIVATION, "-"],
    )
    before = get(running.url)
    # What says that there is a socket is not the app's.
    assert before == f"{running.process.pid} []"
    code = folder / "code.py"
    code.write_text(PROGRAM.replace("{os.getpid()}", "again"))
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: page_of(running.url) == "again []", 20)
    assert running.stop() == 0, running.output


def test_request_between_two_servers_waits_for_the_second(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        command = [sys.executable, ACTIVATION, str(listener.fileno())]
        command += [sys.executable, "-m", "channelshim", "serve", str(folder)]
        command += [f"--storage_path={tmp_path}/data", "--console=no"]
        command += ["--automatic_restart=no", f"--port={port}"]
        answers: list[str] = []
        fds = (listener.fileno(),)
        with running(command, tmp_path, pass_fds=fds) as first:
            first.wait_for_url()
            one = get(f"http://127.0.0.1:{port}/")
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=60 * timeout_factor()
        )
        # Nobody serves, and the connection is made all the same.
        connection.request("GET", "/")
        asking = threading.Thread(
            target=lambda: answers.append(connection.getresponse().read().decode())
        )
        asking.start()
        with running(command, tmp_path, pass_fds=fds):
            asking.join(60 * timeout_factor())
    assert answers
    assert answers[0] != one


def test_socket_that_cannot_be_served_is_one_sentence(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with socket.socket() as silent:
        silent.set_inheritable(True)
        done = subprocess.run(
            [
                *(sys.executable, ACTIVATION, str(silent.fileno())),
                *(sys.executable, "-m", "channelshim", "serve", str(folder)),
                f"--storage_path={tmp_path}/data",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            pass_fds=(silent.fileno(),),
            timeout=60 * timeout_factor(),
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "does not listen on TCP" in line
