"""Colours for the person at a terminal, plain text for everybody else."""

from __future__ import annotations

import contextlib
import logging
import os
import pty
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from channelshim.cli.terminal import LineFormatter
from tests.doors.test_stop import SLOW
from tests.lanes import ROOT, timeout_factor
from tests.servers import Servers

ESCAPE = "\x1b["


class Terminal:
    """A command on a terminal of its own.

    Args:
        arguments: of channelshim.
        variables: of the environment.
    """

    def __init__(self, arguments: list[str], variables: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        environment = {"TERM": "xterm", "PYTHONPATH": str(ROOT), **variables}
        for name in ("PATH", "HOME"):
            environment.setdefault(name, os.environ.get(name, ""))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "channelshim", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self._seen = b""

    @property
    def output(self) -> str:
        """Return what stands on the terminal so far."""
        with contextlib.suppress(OSError):
            while data := os.read(self._ours, 65536):
                self._seen += data
        return self._seen.decode("utf-8")

    @property
    def url(self) -> str:
        """Return the address that it says, or ""."""
        found = re.search(r"http://localhost:\d+/", self.output)
        return found[0] if found else ""

    def end(self) -> None:
        """End the command."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


Terminals = Callable[..., Terminal]


@pytest.fixture
def terminal() -> Iterator[Terminals]:
    """Return a function that runs channelshim on a terminal."""
    opened: list[Terminal] = []

    def run(*arguments: str, **variables: str) -> Terminal:
        opened.append(Terminal(list(arguments), variables))
        return opened[-1]

    yield run
    for each in opened:
        each.end()


@pytest.mark.parametrize(
    ("variables", "has_colours"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["terminal", "NO_COLOR", "dumb"],
)
def test_terminal_is_coloured_unless_told_not_to(
    terminal: Terminals,
    tmp_path: Path,
    wait_until: Callable[..., Any],
    variables: dict[str, str],
    has_colours: bool,
) -> None:
    run = terminal(
        *("serve", str(SLOW), "--port=0", f"--storage_path={tmp_path}"), **variables
    )
    wait_until(lambda: run.url, 20)
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"{run.url}nothing", timeout=20 * timeout_factor())
    wait_until(lambda: '"GET /nothing" ' in run.output, 20)
    assert (ESCAPE in run.output) == has_colours
    line = next(line for line in run.output.splitlines() if "/nothing" in line)
    assert (f"{ESCAPE}33m404{ESCAPE}0m" in line) == has_colours


def test_pipe_gets_plain_text(server: Servers, wait_until: Callable[..., Any]) -> None:
    running = server(SLOW)
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"{running.url}nothing", timeout=20 * timeout_factor())
    wait_until(lambda: '"GET /nothing" 404' in running.output, 20)
    assert ESCAPE not in running.output


def test_error_stands_out(terminal: Terminals, tmp_path: Path) -> None:
    run = terminal("serve", str(tmp_path))
    assert run.process.wait(timeout=60 * timeout_factor()) == 1
    assert f"{ESCAPE}31mthere is no app.yaml in" in run.output


def test_start_and_end_of_a_quiet_server_are_few_lines(
    server: Servers, tmp_path: Path
) -> None:
    running = server(SLOW)
    running.process.terminate()
    assert running.process.wait(timeout=60 * timeout_factor()) == 0
    # Where it and its console are, how to end it, where its data is, and that mail
    # is kept.
    assert len(running.output.splitlines()) == 5


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_colours_change_nothing_else(level: str) -> None:
    number = logging.getLevelName(level)
    arguments = ("a.b", number, "x.py", 1, 'says] "GET /" 500 5 1.5ms', (), None)
    record = logging.LogRecord(*arguments)
    record.request = "GET /: "
    plain = LineFormatter(has_colours=False).format(record)
    coloured = LineFormatter(has_colours=True).format(record)
    assert coloured != plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
