"""Ctrl-C at any moment of the start ends the command, without a traceback."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import timeout_factor

TRIES = 12
"""Each after a random number of imports; the last ones are while it listens."""

LOSES = """\
import weakref, os, signal, webapp2

class Thing(object):
    def __del__(self):
        # What is raised in here is printed and forgotten.
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

Thing()
app = webapp2.WSGIApplication([])
"""

CHANGED = """\
import os, signal, sys, types
import channelshim.cli

class Part:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

def make_class():
    class Whole:
        part = Part()

def replace():
    try:
        make_class()
    except BaseException:
        raise ValueError("not importable") from None

main = types.ModuleType("channelshim.cli.main")
main.main = {function}
sys.modules[main.__name__] = channelshim.cli.main = main

from channelshim.cli import entry
entry.channelshim()
"""

APP_YAML = "runtime: python27\nhandlers:\n- url: /.*\n  script: main.app\n"


FIRST = re.compile(r"\|\s+click$")
"""What is imported after Ctrl-C has been looked after."""


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, *options, "-m", "channelshim", "serve", str(folder)]
    return subprocess.Popen(
        [*command, "--port=0", f"--storage_path={folder / 'data'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tracing would print what it cannot write.
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def interrupt(folder: Path, imports: int) -> tuple[int, int, str]:
    """Interrupt a start after so many imports; return imports, status and errors."""
    program = start(folder, "-X", "importtime")
    assert program.stderr is not None
    seen = -1
    errors = ""
    for line in program.stderr:
        errors += "" if line.startswith("import time:") else line
        if seen >= 0 or FIRST.search(line):
            seen += 1
        if seen == imports:
            program.send_signal(signal.SIGINT)
    return seen, program.wait(20 * timeout_factor()), errors


def test_no_moment_of_the_start_shows_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(APP_YAML)
    (tmp_path / "main.py").write_text("import webapp2\napp = webapp2.WSGIApplication()")
    chance = random.Random()
    last = 450
    for _ in range(TRIES):
        moment = chance.randrange(last)
        seen, status, errors = interrupt(tmp_path, moment)
        assert seen >= moment, "fewer imports than expected: choose a smaller number"
        assert "Traceback" not in errors, f"after {moment} imports: {errors}"
        assert status in (0, 130), f"after {moment} imports: {errors}"


@pytest.mark.parametrize("app", [LOSES])
def test_an_interrupt_that_python_forgets_ends_the_start(
    tmp_path: Path, app: str
) -> None:
    (tmp_path / "app.yaml").write_text(APP_YAML)
    (tmp_path / "main.py").write_text(app)
    program = start(tmp_path)
    output, errors = program.communicate(timeout=20 * timeout_factor())
    assert program.returncode == 130
    assert "is running" not in output
    assert "Traceback" not in errors


@pytest.mark.parametrize("function", ["make_class", "replace"])
def test_an_interrupt_that_others_have_changed_shows_no_traceback(
    function: str,
) -> None:
    program = subprocess.run(
        [sys.executable, "-c", CHANGED.replace("{function}", function)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        check=False,
    )
    assert program.stderr == ""
    assert program.returncode == 130
